"""Loss and gradient against pywph and the floor; writes benchmarks/RESULTS.md.

make bench        or        python -m benchmarks [--threads 2] [--rounds 7] [--largest 1024]
"""

from __future__ import annotations

import argparse
import os
import platform
from pathlib import Path

import torch

from benchmarks import contenders
from benchmarks.measure import peak_mebibytes, seconds

RESULTS = Path(__file__).with_name("RESULTS.md")
OURS = ("covariance", "wph-small", "wph", "wph-pywph", "scattering-covariance")


def against_the_peer(threads: int, rounds: int) -> list[str]:
    """256x256, one field: every family, the floor and pywph."""
    shape = (256, 256)
    evaluations = {name: contenders.ours(name, shape) for name in OURS}
    evaluations["floor"] = contenders.floor(shape)
    evaluations["pywph"] = contenders.pywph(shape)
    taken = seconds(evaluations, rounds)
    calls = {name: f"ours({name!r}, {shape})" for name in OURS}
    calls |= {"floor": f"floor({shape})", "pywph": f"pywph({shape})"}
    lines = [
        "| energy, 256x256, one field | ms | times the floor | pywph / this | peak MiB |",
        "|---|---|---|---|---|",
    ]
    for name, value in taken.items():
        memory = peak_mebibytes(calls[name], threads)
        lines.append(
            f"| {name} | {1e3 * value:.1f} | {value / taken['floor']:.1f} "
            f"| {taken['pywph'] / value:.1f} | {memory:.0f} |"
        )
    return lines


def over_sizes(rounds: int, largest: int) -> list[str]:
    """Cost per pixel of `wph` and `scattering-covariance` as the field grows."""
    sizes = [n for n in (128, 256, 512, 1024) if n <= largest]
    lines = ["| ns a pixel | " + " | ".join(f"{n}x{n}" for n in sizes) + " |", "|---" * 5 + "|"]
    for name in ("wph", "scattering-covariance"):
        cells = []
        for n in sizes:
            taken = seconds({name: contenders.ours(name, (n, n))}, max(2, rounds * 128 // n))
            cells.append(f"{1e9 * taken[name] / n**2:.0f}")
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return lines


def over_batches(rounds: int, device: str) -> list[str]:
    """Milliseconds a field at 256x256 against the batch."""
    batches = (1, 4, 16)
    lines = ["| ms a field | " + " | ".join(f"batch {b}" for b in batches) + " |", "|---" * 4 + "|"]
    for name in ("wph", "scattering-covariance"):
        evaluations = {str(b): contenders.ours(name, (256, 256), b, device) for b in batches}
        taken = seconds(evaluations, max(2, rounds // 2))
        cells = [f"{1e3 * taken[str(b)] / b:.1f}" for b in batches]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return lines


def main() -> None:
    """Measure, print and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--largest", type=int, default=1024)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    contenders.choose("cpu")
    device = "cuda" if torch.cuda.is_available() else "cpu"
    machine = torch.cuda.get_device_name() if device == "cuda" else platform.processor()
    head = [
        "# Results",
        "",
        f"Loss and gradient in float32; python {platform.python_version()}, torch "
        f"{torch.__version__}, {given.threads} threads, {machine or platform.machine()}. "
        "Medians of alternating runs; written by `make bench`.",
    ]
    tables = [
        against_the_peer(given.threads, given.rounds),
        over_sizes(given.rounds, given.largest),
        over_batches(given.rounds, device),
    ]
    text = "\n\n".join("\n".join(lines) for lines in [head, *tables]) + "\n"
    print(text)
    RESULTS.write_text(text)


if __name__ == "__main__":
    main()
