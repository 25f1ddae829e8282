"""Loss and gradient, and synthesis, against the peers and the floors; writes RESULTS.md.

make bench        or        python -m benchmarks [--threads 1 2] [--rounds 7] [--largest 1024]
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
from importlib import metadata
from pathlib import Path
from time import perf_counter

from benchmarks import contenders, gpu, tables

RESULTS = Path(__file__).with_name("RESULTS.md")

#: What was measured, how it is asked for, and whether more is better.
TARGETS = (
    ("`wph-pywph`: pywph's time / ours", "against pywph", 12, True),
    ("`wph-pywph`: pywph's memory / ours", "memory against pywph", 6, True),
    ("`scattering-covariance`: time / floor", "times the floor", 4, False),
    ("a field at batch 16 / at batch 1", "batch 16 over batch 1", 1.05, False),
    ("a pixel of 1024x1024 / of 128x128", "growth per pixel", 1.5, False),
    ("pywph's 50 iterations / a `wph` sample, time", "sooner than pywph", 10, True),
    ("its pywph loss / that after the 50 iterations", "loss over pywph's", 1, False),
    ("its distance of the spectrum, likewise", "spectrum over pywph's", 1, False),
    ("its distance of the histogram, likewise", "histogram over pywph's", 1, False),
    ("samples of 256x256 a second on a GPU", "samples a second on a GPU", 20, True),
    ("`synth --help`, s", "synth --help", 0.5, False),
)


def processor() -> str:
    """The processor's name, where the system tells it."""
    listed = subprocess.run(["lscpu"], capture_output=True, text=True, check=False).stdout
    names = [line.split(":")[1].strip() for line in listed.splitlines() if "Model name" in line]
    return names[0] if names else platform.machine()


def versions() -> str:
    """Python, torch and the peers."""
    found = [f"python {platform.python_version()}"]
    for name in ("torch", "numpy", "pywph", "plenoptic"):
        try:
            found.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            found.append(f"{name} not installed")
    return ", ".join(found)


def verdicts(numbers: dict[str, float]) -> list[str]:
    """The targets, what was measured, and whether they are met."""
    lines = ["| what | target | measured | met |", "|---|---|---|---|"]
    for what, key, target, more in TARGETS:
        sign = ">=" if more else "<="
        if (value := numbers.get(key)) is None or value != value:
            lines.append(f"| {what} | {sign} {target} | not run | - |")
            continue
        met = value >= target if more else value <= target
        lines.append(f"| {what} | {sign} {target} | {value:.3g} | {'yes' if met else 'no'} |")
    return lines


def main() -> None:
    """Measure, print and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, os.cpu_count() or 1])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--largest", type=int, default=1024)
    given = parser.parse_args()
    begin, load = perf_counter(), os.getloadavg()[0]
    contenders.choose("cpu")
    parts = [
        lambda: tables.energies(given.threads, given.rounds),
        lambda: tables.over_sizes(given.rounds, given.largest),
        lambda: tables.over_batches(given.rounds),
        lambda: tables.allocator(given.threads[-1]),
        tables.samples,
        lambda: gpu.tables(given.rounds),
    ]
    numbers, found = tables.command_line(), []
    for part in parts:
        lines, measured = part()
        print("\n".join(lines), end="\n\n", flush=True)
        found.append(lines)
        numbers |= measured
    minutes = (perf_counter() - begin) / 60
    head = [
        "# Results",
        "",
        f"{processor()}, {os.cpu_count()} cores, {given.threads[-1]} threads where no number is "
        f"given, load {load:.1f} before the run; {versions()}. Loss and gradient in float32, "
        f"medians of alternating runs, {minutes:.0f} minutes in all; written by `make bench`.",
    ]
    text = "\n\n".join("\n".join(lines) for lines in [head, verdicts(numbers), *found]) + "\n"
    RESULTS.write_text(text)
    print(f"{minutes:.1f} minutes, written to {RESULTS}")


if __name__ == "__main__":
    main()
