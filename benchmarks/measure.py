"""How it is timed: contenders in turn, the median of each; memory in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from statistics import median
from time import perf_counter
from typing import Any

import torch

from benchmarks.contenders import Evaluation

ALONE = """
import re, time, torch
from pathlib import Path
torch.set_num_threads({threads})
from synth import devices
if not {tuned}:
    devices.keep_freed_memory = lambda: None
from benchmarks import contenders
def peak():
    return int(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1])
before = peak()
evaluate = contenders.{make}(*{arguments!r})
evaluate()
taken = []
for _ in range({rounds}):
    start = time.perf_counter()
    evaluate()
    taken.append(time.perf_counter() - start)
print(sorted(taken)[len(taken) // 2], (peak() - before) / 1024)
"""


def seconds(evaluations: Mapping[str, Evaluation], rounds: int) -> dict[str, float]:
    """Median seconds of each, measured alternately after one warm-up."""
    taken: dict[str, list[float]] = {name: [] for name in evaluations}
    for evaluate in evaluations.values():
        evaluate()
    for _ in range(rounds):
        for name, evaluate in evaluations.items():
            start = perf_counter()
            evaluate()
            if torch.cuda.is_available():
                torch.cuda.synchronize()
            taken[name].append(perf_counter() - start)
    return {name: median(values) for name, values in taken.items()}


def alone(
    make: str, arguments: tuple[Any, ...], threads: int, rounds: int = 1, tuned: bool = True
) -> tuple[float, float]:
    """Median seconds, and growth of the resident set in MiB, of a fresh process.

    The process builds a contender by the function ``make`` of `contenders` and evaluates it;
    without ``tuned`` the allocator is left as the system has it.
    """
    script = ALONE.format(
        make=make, arguments=arguments, threads=threads, rounds=rounds, tuned=tuned
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    taken, memory = done.stdout.split()[-2:]
    return float(taken), float(memory)
