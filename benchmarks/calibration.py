"""How often `compare` is wrong about real fields, and how often it sees what is wrong with others.

    python -m benchmarks.calibration [--splits 2000] [--judged 100] [--fields 8]
                                     [--sizes 64 128] [--synthetic 6]

False alarms: real fields are split at random into "real" and "synthetic" many times. For each
statistic the share of splits with p <= 0.05, before Holm's correction, should be 5%; 2000 splits
tell it to 0.5%. Power: the same with one side altered: every feature shifted by one sd, every
feature with 0.3 of its spread, and Gaussian surrogates of the real side. Copies: one field among
the others is a real one, shifted, turned and with noise. One real field: a random one is the only
real one and `--synthetic` others, or Gaussian surrogates, are the synthetic ones, all cut into
blocks (`synth.evaluation.one_field`). The flow is samples/vorticity_2d.h5 low-passed to the given
size; the Gaussian and lognormal fields have spectra k^-3, the logarithm an sd of 0.7. The tables go
to benchmarks/CALIBRATION.md, those of every size given.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

import synth
from synth.estimation import surrogates
from synth.evaluation import calibration, one_field
from synth.evaluation.comparison import measure
from synth.evaluation.memorisation import copied, like_fields
from synth.evaluation.pairing import Pairing, cut
from synth.evaluation.statistics import Frame, applicable
from synth.evaluation.statistics.bands import crop

ROOT = Path(__file__).resolve().parents[1]
RESULTS = Path(__file__).with_name("CALIBRATION.md")
sys.path.insert(0, str(ROOT / "tests"))
POOL = 48
FAULTS: dict[str, Callable[[Tensor], Tensor]] = {
    "none": lambda f: f,
    "shift of 1 sd": lambda f: f + f.std(0),
    "0.3 of the spread": lambda f: f.mean(0) + 0.3 * (f - f.mean(0)),
}
SURROGATES = "Gaussian surrogates"
Features = dict[str, Tensor]


def pools(size: int) -> dict[str, tuple[Tensor, Frame]]:
    """Independent fields of each process, standardised."""
    from known_fields import gaussian_fields, lognormal_fields

    flow = torch.from_numpy(synth.read(ROOT / "samples" / "vorticity_2d.h5").load())
    made = {
        "flow": low_passed(flow, size),
        "Gaussian": gaussian_fields(POOL, (size, size), -3.0, seed=1),
        "lognormal": lognormal_fields(POOL, (size, size), -3.0, seed=2),
    }
    frame = Frame((size, size))
    return {name: ((x - x.mean()) / x.std(), frame) for name, x in made.items()}


def low_passed(fields: Tensor, size: int) -> Tensor:
    """The same periodic fields on a coarser grid, by cropping their spectra."""
    shape = tuple(fields.shape[2:])
    spectrum = crop(torch.fft.rfft2(fields, norm="forward"), shape, (size, size))
    return torch.fft.irfft2(spectrum, s=(size, size), norm="forward")


def false_alarms(features: Features, splits: int, n: int) -> dict[str, float]:
    """Share of splits with p <= 0.05 on each statistic."""
    generator, rates = np.random.default_rng(0), Counter[str]()
    count = len(next(iter(features.values())))
    for split in range(splits):
        order = torch.from_numpy(generator.permutation(count)[: 2 * n])
        labels = calibration.labellings(n, n, split)
        for name, f in features.items():
            distance, _ = calibration.distances(f[order[:n]], f[order[n:]], labels)
            rates[name] += calibration.p_value(distance) <= calibration.LEVEL
    return {name: rates[name] / splits for name in features}


def judged(features: Features, gaussian: Features, splits: int, n: int) -> dict[str, Counter[str]]:
    """For each fault, on how many splits p <= 0.05 and how many verdicts say different."""
    generator = np.random.default_rng(1)
    count = len(next(iter(features.values())))
    found = {fault: Counter[str]() for fault in (*FAULTS, SURROGATES)}
    for split in range(splits):
        order = torch.from_numpy(generator.permutation(count)[: 2 * n])
        labels = calibration.labellings(n, n, split)
        for fault, counts in found.items():
            scores = {}
            for name, f in features.items():
                if fault == SURROGATES:
                    other = gaussian[name][order[n:]]
                else:
                    other = FAULTS[fault](f[order[n:]])
                scores[name] = calibration.shuffle(f[order[:n]], other, labels)
            adjusted = calibration.holm([s.p for s in scores.values()])
            verdicts = [
                calibration.verdict(s, p, n, n)
                for s, p in zip(scores.values(), adjusted, strict=True)
            ]
            counts.update(name for name, s in scores.items() if s.p <= calibration.LEVEL)
            together = calibration.overall_p(list(scores.values())) <= calibration.LEVEL
            counts["together"] += together
            counts["different"] += together and "different" in verdicts
    return found


def copies_caught(fields: Tensor, frame: Frame, n: int, trials: int) -> tuple[int, int]:
    """How often one moved and noisy copy among n is found, and how many others are accused."""
    generator = torch.Generator().manual_seed(0)
    caught = alarms = 0
    for _ in range(trials):
        order = torch.randperm(len(fields), generator=generator)
        real, other = fields[order[:n]], fields[order[n : 2 * n]].clone()
        copy = torch.roll(real[0].flip(-1).transpose(-1, -2), (11, 5), (-2, -1))
        other[0] = copy + 0.05 * torch.randn(copy.shape, generator=generator)
        pairing = Pairing(frame, real, (other,), np.zeros(1), np.ones(1), (n,), False, ())
        found = copied(like_fields(pairing, other)[1])
        caught += 0 in found
        alarms += len(set(found) - {0})
    return caught, alarms


def blocks_of(fields: Tensor) -> Features:
    """Features (field, block, q) of fields that are cut as a single real field is."""
    shape = tuple(n // 2 for n in fields.shape[2:])
    frame = Frame(shape, "open")
    blocks = torch.from_numpy(cut(fields.numpy(), shape))
    features, _ = measure(blocks, frame, applicable(frame), lambda _: None)
    return {k: f.unflatten(0, (-1, len(fields))).transpose(0, 1) for k, f in features.items()}


def one_real(real: Features, other: Features, n: int, draws: int) -> Counter[str]:
    """How often one real field is told from n others: p <= 0.05, ratio above 1.25, verdicts."""
    found, generator = Counter[str](), np.random.default_rng(2)
    count = len(next(iter(real.values())))
    for _ in range(draws):
        one, *others = generator.permutation(count)[: n + 1]
        turns = {
            name: one_field.ratios(f[one], other[name][others].transpose(0, 1).flatten(0, 1), n)
            for name, f in real.items()
        }
        p = {name: one_field.p_value(ratios) for name, ratios in turns.items()}
        found.update(name for name in p if p[name] <= calibration.LEVEL)
        found.update(
            f"{name}, ratio" for name, r in turns.items() if r[0] > calibration.CLOSE_RATIO
        )
        adjusted = calibration.holm(list(p.values()))
        verdicts = [
            one_field.verdict(float(ratios[0]), one, n)
            for ratios, one in zip(turns.values(), adjusted, strict=True)
        ]
        found["different"] += "different" in verdicts
    return found


def report(name: str, fields: Tensor, frame: Frame, given: argparse.Namespace) -> list[str]:
    statistics = applicable(frame)
    n = min(given.fields, len(fields) // 2)
    features, _ = measure(fields, frame, statistics, lambda _: None)
    flat = surrogates.gaussian(fields, len(fields), frame.periodic, seed=5)
    gaussian, _ = measure(flat, frame, statistics, lambda _: None)
    alarms = false_alarms(features, given.splits, n)
    found = judged(features, gaussian, given.judged, n)
    caught, accused = copies_caught(fields, frame, n, given.judged)
    faults = list(found)[1:]
    lines = [
        f"## {name}: {n} against {n} of {len(fields)} fields of {frame.shape[0]}x{frame.shape[1]}",
        "",
        f"| percent of splits with p <= 0.05 | real against real | {' | '.join(faults)} |",
        "|---|---|" + "---|" * len(faults),
    ]
    for key, rate in alarms.items():
        powers = " | ".join(f"{100 * found[f][key] / given.judged:.0f}" for f in faults)
        lines.append(f"| {key} | {100 * rate:.1f} | {powers} |")
    for key, title in (("together", "all together"), ("different", "verdict `different`")):
        shares = (f"{100 * counts[key] / given.judged:.0f}" for counts in found.values())
        lines.append(f"| {title} | {' | '.join(shares)} |")
    lines += [
        "",
        f"Copies found: {caught} of {given.judged}; independent fields taken for copies: {accused} "
        f"of {given.judged * (n - 1)}.",
    ]
    return [*lines, "", *report_one(fields, flat, given)]


def report_one(fields: Tensor, flat: Tensor, given: argparse.Namespace) -> list[str]:
    """The table of one real field; `flat` are Gaussian surrogates."""
    n, blocks, gaussian = given.synthetic, blocks_of(fields), blocks_of(flat)
    null, seen = (
        one_real(blocks, other, n, draws)
        for other, draws in ((blocks, given.splits), (gaussian, given.judged))
    )
    lines = [
        f"| one field against {n}, percent of draws | real: p <= 0.05 | its ratio > 1.25 "
        f"| {SURROGATES}: p <= 0.05 |",
        "|---|---|---|---|",
    ]
    for key in blocks:
        alarm, above = (100 * null[k] / given.splits for k in (key, f"{key}, ratio"))
        lines.append(
            f"| {key} | {alarm:.1f} | {above:.0f} | {100 * seen[key] / given.judged:.0f} |"
        )
    wrong, right = 100 * null["different"] / given.splits, 100 * seen["different"] / given.judged
    return [*lines, f"| verdict `different` | {wrong:.1f} | - | {right:.0f} |"]


def _asked(given: argparse.Namespace) -> str:
    """The command line again."""
    values = {k: v if isinstance(v, list) else [v] for k, v in vars(given).items()}
    return " ".join(f"--{name} {' '.join(map(str, value))}" for name, value in values.items())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--splits", type=int, default=2000)
    parser.add_argument("--judged", type=int, default=100, help="splits for power and verdicts")
    parser.add_argument("--fields", type=int, default=8)
    parser.add_argument("--sizes", type=int, nargs="+", default=[64, 128])
    parser.add_argument("--synthetic", type=int, default=6, help="fields beside one real one")
    given = parser.parse_args()
    error = 100 * math.sqrt(0.05 * 0.95 / given.splits)
    text = (
        f"# Calibration\n\nWritten by `python -m benchmarks.calibration {_asked(given)}`, whose "
        f"head says what is measured. Real against real: {given.splits} splits, standard error "
        f"{error:.1f} at 5%; faults: {given.judged} splits.\n"
    )
    for size in given.sizes:
        for process, (fields, frame) in pools(size).items():
            text += "\n" + "\n".join(report(process, fields, frame, given)) + "\n"
            RESULTS.write_text(text)
            print(f"{process} at {size} done", file=sys.stderr, flush=True)
    print(text)


if __name__ == "__main__":
    main()
