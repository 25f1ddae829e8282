"""The tables of a run on a CPU: markdown lines, and the numbers that the targets ask for."""

from __future__ import annotations

import importlib.util
import math
import subprocess
import sys
from collections.abc import Mapping, Sequence
from statistics import median
from time import perf_counter
from typing import Any

import torch

from benchmarks import contenders
from benchmarks.measure import alone, seconds
from benchmarks.synthesis import ITERATIONS, made

Numbers = dict[str, float]
Table = tuple[list[str], Numbers]
SHAPE = (256, 256)
FAMILIES = ("covariance", "scattering", "small", "standard", "rich", "wph", "wph-pywph",
            "scattering-covariance", "rectifier")  # fmt: skip
GROWING = ("standard", "wph", "scattering-covariance")
PEERS = ("pywph", "plenoptic")
FLOORS = ("floor", "transforms")


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    lines = [head, ["---"] * len(head), *rows]
    return ["| " + " | ".join(line) + " |" for line in lines]


def listed(shape: tuple[int, ...] = SHAPE) -> dict[str, tuple[str, tuple[Any, ...]]]:
    """Contenders: the function of `contenders` that makes one, and its arguments.

    Peers that are not installed are left out.
    """
    found: dict[str, tuple[str, tuple[Any, ...]]] = {n: ("ours", (n, shape)) for n in FAMILIES}
    peers = [name for name in PEERS if importlib.util.find_spec(name)]
    return found | {name: (name, (shape,)) for name in (*FLOORS, *peers)}


def energies(threads: Sequence[int], rounds: int) -> Table:
    """Every family, the floors and the peers, on 256x256, one field."""
    evaluations = {
        name: getattr(contenders, make)(*args) for name, (make, args) in listed().items()
    }
    taken: dict[int, Mapping[str, float]] = {}
    for count in threads:
        torch.set_num_threads(count)
        taken[count] = seconds(evaluations, rounds)
    most = taken[threads[-1]]
    memory = {name: alone(*made_by, threads[-1])[1] for name, made_by in listed().items()}
    peer = most.get("pywph", math.nan)
    rows = []
    for name in evaluations:
        cells = [f"{1e3 * taken[count][name]:.1f}" for count in threads]
        ratios = [f"{most[name] / most['floor']:.1f}", f"{peer / most[name]:.1f}"]
        rows.append([name, *cells, *ratios, f"{memory[name]:.0f}"])
    rows += [[f"{name}: not installed", *"-" * (len(threads) + 3)] for name in PEERS
             if name not in evaluations]  # fmt: skip
    columns = [f"ms, {count} thread{'s' * (count > 1)}" for count in threads]
    head = ["256x256, one field", *columns, "times the floor", "pywph / this", "peak MiB"]
    numbers = {
        "against pywph": peer / most["wph-pywph"],
        "memory against pywph": memory.get("pywph", math.nan) / memory["wph-pywph"],
        "times the floor": most["scattering-covariance"] / most["floor"],
    }
    return _table(head, rows), numbers


def over_sizes(rounds: int, largest: int) -> Table:
    """Cost per pixel as the field grows."""
    sizes = [n for n in (128, 256, 512, 1024) if n <= largest]
    rows, growth = [], 0.0
    for name in GROWING:
        cost = {}
        for n in sizes:
            evaluation = {name: contenders.ours(name, (n, n))}
            cost[n] = 1e9 * seconds(evaluation, max(2, rounds * 128 // n))[name] / n**2
        growth = max(growth, cost[sizes[-1]] / cost[sizes[0]])
        rows.append([name, *(f"{cost[n]:.0f}" for n in sizes)])
    head = ["ns a pixel", *(f"{n}x{n}" for n in sizes)]
    return _table(head, rows), {"growth per pixel": growth}


def over_batches(rounds: int) -> Table:
    """Milliseconds a field against the batch."""
    batches = (1, 4, 16)
    rows, dearer = [], 0.0
    for name in GROWING:
        evaluations = {str(b): contenders.ours(name, SHAPE, b) for b in batches}
        taken = seconds(evaluations, max(3, rounds // 2))
        each = [1e3 * taken[str(b)] / b for b in batches]
        dearer = max(dearer, each[-1] / each[0])
        rows.append([name, *(f"{value:.1f}" for value in each)])
    head = ["ms a field of 256x256", *(f"batch {b}" for b in batches)]
    return _table(head, rows), {"batch 16 over batch 1": dearer}


def allocator(threads: int) -> Table:
    """With and without the settings of `synth.devices.keep_freed_memory`."""
    rows = []
    for name in (*GROWING, *PEERS):
        if name not in listed():
            continue
        rounds = 2 if name == "pywph" else 9
        kept, default = (
            alone(*listed()[name], threads, rounds, tuned)[0] for tuned in (True, False)
        )
        rows.append([name, f"{1e3 * kept:.1f}", f"{1e3 * default:.1f}", f"{default / kept:.2f}"])
    return _table(["allocator, ms", "freed memory kept", "system's default", "gain"], rows), {}


def samples() -> Table:
    """Synthesis of one field of samples/vorticity_2d.h5."""
    found = list(made(("standard", "wph", "wph-pywph")))
    rows = [
        [
            row.name,
            "-" if math.isnan(row.seconds) else f"{row.seconds:.1f}",
            f"{row.loss:.3g}",
            f"{row.coarsest:.3g}",
            f"{row.spectrum:.3f}",
            f"{row.histogram:.3f}",
            row.note,
        ]
        for row in found
    ]
    by_name = {row.name: row for row in found}
    numbers = {}
    if peer := by_name.get("pywph"):
        ours = by_name["wph"]
        numbers = {
            "sooner than pywph": peer.seconds / ours.seconds,
            "loss over pywph's": ours.loss / peer.loss,
            "spectrum over pywph's": ours.spectrum / peer.spectrum,
            "histogram over pywph's": ours.histogram / peer.histogram,
        }
    head = [
        f"a sample of 256x256 (pywph: {ITERATIONS} iterations)", "s", "pywph's loss",
        "S00 at j = J - 1 in it", "rms ln spectrum", "histogram W1 / sd", "",
    ]  # fmt: skip
    return _table(head, rows), numbers


def command_line() -> Numbers:
    """Seconds of `synth --help`."""
    taken = []
    for _ in range(5):
        begin = perf_counter()
        subprocess.run([sys.executable, "-m", "cli", "--help"], check=True, capture_output=True)
        taken.append(perf_counter() - begin)
    return {"synth --help": median(taken)}
