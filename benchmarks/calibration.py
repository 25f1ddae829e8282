"""How often `compare` is wrong about real fields, and how often it sees what is wrong with others.

    python -m benchmarks.calibration [--splits 2000] [--judged 100] [--fields 8] [--size 128]
                                     [--synthetic 6]

False alarms: real fields are split at random into "real" and "synthetic" many times. For each
statistic the share of splits with p <= 0.05, before Holm's correction, should be 5%; 2000 splits
tell it to 0.5%. Power: the same with one side altered: every feature shifted by one sd, every
feature with 0.3 of its spread, and Gaussian surrogates of the real side. Copies: one field among
the others is a real one, shifted, turned and with noise. One real field: each field in turn is the
only real one and `--synthetic` others are the synthetic ones, all cut into blocks
(`synth.evaluation.one_field`). The flow is samples/vorticity_2d.h5
low-passed to the given size; the Gaussian and lognormal fields have spectra k^-3, the logarithm an
sd of 0.7. The table goes to benchmarks/CALIBRATION.md.
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
from synth.evaluation.memorisation import copies
from synth.evaluation.pairing import Pairing, pair
from synth.evaluation.statistics import Frame, applicable
from synth.evaluation.statistics.bands import crop
from synth.field import Field

ROOT = Path(__file__).resolve().parents[1]
RESULTS = Path(__file__).with_name("CALIBRATION.md")
sys.path.insert(0, str(ROOT / "tests"))
POOL = 48
MOST_ONE = 24  # fields that take a turn as the only real one
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
        found = copies(pairing, other)[1]
        caught += 0 in found
        alarms += len(set(found) - {0})
    return caught, alarms


def one_real(fields: Tensor, n: int) -> tuple[Counter[str], int]:
    """How often each of the fields alone is told from n others: p <= 0.05, and the verdicts."""
    found, generator = Counter[str](), np.random.default_rng(2)
    trials = min(len(fields), MOST_ONE)
    for i in range(trials):
        others = generator.permutation(np.delete(np.arange(len(fields)), i))[:n]
        sets = (Field.from_array(fields[chosen], boundary="periodic") for chosen in ([i], others))
        pairing = pair(next(sets), [next(sets)])
        statistics = applicable(pairing.frame)
        real, other = (
            measure(x, pairing.frame, statistics, lambda _: None)[0]
            for x in (pairing.real, pairing.synthetic[0])
        )
        turns = {name: one_field.ratios(f, other[name], n) for name, f in real.items()}
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
    return found, trials


def report(name: str, fields: Tensor, frame: Frame, given: argparse.Namespace) -> list[str]:
    statistics = applicable(frame)
    n = min(given.fields, len(fields) // 2)
    features, _ = measure(fields, frame, statistics, lambda _: None)
    flat = surrogates.gaussian(fields, len(fields), frame.periodic, seed=5)
    gaussian, _ = measure(flat, frame, statistics, lambda _: None)
    alarms = false_alarms(features, given.splits, n)
    found = judged(features, gaussian, given.judged, n)
    caught, accused = copies_caught(fields, frame, n, given.judged)
    alone, trials = one_real(fields, given.synthetic)
    faults = list(found)[1:]
    lines = [
        f"## {name}: {n} against {n} of {len(fields)} fields of {frame.shape[0]}x{frame.shape[1]}",
        "",
        "| percent of splits with p <= 0.05 | real against real | "
        + " | ".join(faults)
        + f" | one field against {given.synthetic} | ratio of that > 1.25 |",
        "|---|---|" + "---|" * (len(faults) + 2),
    ]
    for key, rate in alarms.items():
        powers = " | ".join(f"{100 * found[f][key] / given.judged:.0f}" for f in faults)
        chance, above = (100 * alone[k] / trials for k in (key, f"{key}, ratio"))
        lines.append(f"| {key} | {100 * rate:.1f} | {powers} | {chance:.0f} | {above:.0f} |")
    for key, title in (("together", "all together"), ("different", "verdict `different`")):
        shares = (f"{100 * counts[key] / given.judged:.0f}" for counts in found.values())
        last = f"{100 * alone[key] / trials:.0f}" if key == "different" else "-"
        lines.append(f"| {title} | {' | '.join(shares)} | {last} | - |")
    lines += [
        "",
        f"Copies found: {caught} of {given.judged}; independent fields taken for copies: {accused} "
        f"of {given.judged * (n - 1)}.",
    ]
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--splits", type=int, default=2000)
    parser.add_argument("--judged", type=int, default=100, help="splits for power and verdicts")
    parser.add_argument("--fields", type=int, default=8)
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--synthetic", type=int, default=6, help="fields beside one real one")
    given = parser.parse_args()
    error = 100 * math.sqrt(0.05 * 0.95 / given.splits)
    asked = " ".join(f"--{name} {value}" for name, value in vars(given).items())
    text = (
        f"# Calibration\n\nWritten by `python -m benchmarks.calibration {asked}`, whose head says "
        f"what is measured. Real against real: {given.splits} splits, standard error {error:.1f} "
        f"at 5%; faults: {given.judged} splits; one real field: at most {MOST_ONE} of them.\n"
    )
    for process, (fields, frame) in pools(given.size).items():
        text += "\n" + "\n".join(report(process, fields, frame, given)) + "\n"
        RESULTS.write_text(text)
        print(f"{process} done", file=sys.stderr, flush=True)
    print(text)


if __name__ == "__main__":
    main()
