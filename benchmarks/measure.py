"""How it is timed: contenders in turn, the median of each; peak memory in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from statistics import median
from time import perf_counter

from benchmarks.contenders import Evaluation

PEAK = """
import re, torch
from pathlib import Path
torch.set_num_threads({threads})
from benchmarks import contenders
def peak():
    return int(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1])
before = peak()
evaluate = contenders.{call}
for _ in range(2):
    evaluate()
print((peak() - before) / 1024)
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
            taken[name].append(perf_counter() - start)
    return {name: median(values) for name, values in taken.items()}


def peak_mebibytes(call: str, threads: int) -> float:
    """Growth of the resident set of a fresh process that builds and evaluates a contender."""
    script = PEAK.format(call=call, threads=threads)
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    return float(done.stdout.split()[-1])
