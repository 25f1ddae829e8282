"""How often `compare` is wrong about real fields, and how often it sees what is wrong with others.

    python benchmarks/calibration.py [--splits 200] [--fields 8] [--size 64]

False alarms: real fields are split at random into "real" and "synthetic" many times. For each
statistic the share of splits with p <= 0.05 before Holm's correction should be 5%; the last lines
count verdicts. Power: the same with one side altered: every feature shifted by one sd, every
feature with 0.3 of its spread, Gaussian surrogates of the real side, and copies of it. The flow is
samples/vorticity_2d.h5 low-passed to the given size; the Gaussian and lognormal fields have spectra
k^-3 and sd 0.7 before the exponential.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from synth import calibration, surrogates
from synth.comparison import measure
from synth.likeness import likeness
from synth.statistics import Frame, Statistic, applicable
from synth.statistics.bands import crop

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))
Features = dict[str, Tensor]


def pools(size: int) -> dict[str, tuple[Tensor, Frame]]:
    """Independent fields of each process, standardised."""
    from known_fields import gaussian_fields, lognormal_fields

    import synth

    flow = torch.from_numpy(synth.read(ROOT / "samples" / "vorticity_2d.h5").load())
    made = {
        "flow": (low_passed(flow, size), "periodic"),
        "gaussian": (gaussian_fields(48, (size, size), -3.0, seed=1), "periodic"),
        "lognormal": (lognormal_fields(48, (size, size), -3.0, seed=2), "periodic"),
    }
    return {
        name: ((x - x.mean()) / x.std(), Frame((size, size), boundary))
        for name, (x, boundary) in made.items()
    }


def low_passed(fields: Tensor, size: int) -> Tensor:
    """The same periodic fields on a coarser grid, by cropping their spectra."""
    shape = tuple(fields.shape[2:])
    spectrum = crop(torch.fft.rfft2(fields, norm="forward"), shape, (size, size))
    return torch.fft.irfft2(spectrum, s=(size, size), norm="forward")


def judged(
    real: Features, other: Features, seed: int
) -> tuple[dict[str, float], dict[str, str], float]:
    """p of each statistic, its verdict, and the p-value of all together."""
    n, m = (len(next(iter(f.values()))) for f in (real, other))
    labels = calibration.labellings(n, m, seed)
    scores = {name: calibration.shuffle(real[name], other[name], labels) for name in real}
    adjusted = calibration.holm([s.p for s in scores.values()])
    verdicts = {
        name: calibration.verdict(s, p, n, m)
        for (name, s), p in zip(scores.items(), adjusted, strict=True)
    }
    return (
        {name: s.p for name, s in scores.items()},
        verdicts,
        calibration.overall_p(list(scores.values())),
    )


def altered(how: str, features: Features) -> Features:
    """One side's features with a known fault."""
    change: dict[str, Callable[[Tensor], Tensor]] = {
        "none": lambda f: f,
        "shift of one sd": lambda f: f + f.std(0),
        "0.3 of the spread": lambda f: f.mean(0) + 0.3 * (f - f.mean(0)),
    }
    return {name: change[how](f) for name, f in features.items()}


def report(name: str, fields: Tensor, frame: Frame, splits: int, n: int) -> None:
    statistics: list[Statistic] = applicable(frame)
    n = min(n, len(fields) // 2)
    features, _ = measure(fields, frame, statistics, lambda _: None)
    flat = surrogates.gaussian(fields, len(fields), frame.periodic, seed=5)
    gaussian, _ = measure(flat, frame, statistics, lambda _: None)
    faults = ("none", "shift of one sd", "0.3 of the spread", "Gaussian surrogates")
    rates = {fault: Counter[str]() for fault in faults}
    generator = np.random.default_rng(0)
    for split in range(splits):
        order = torch.from_numpy(generator.permutation(len(fields))[: 2 * n])
        real = {key: f[order[:n]] for key, f in features.items()}
        rest = {key: f[order[n:]] for key, f in features.items()}
        for fault in faults:
            other = (
                {key: f[order[n:]] for key, f in gaussian.items()}
                if fault == "Gaussian surrogates"
                else altered(fault, rest)
            )
            p, verdicts, together = judged(real, other, split)
            rates[fault].update(key for key, value in p.items() if value <= calibration.LEVEL)
            rates[fault].update(
                f"{key} different" for key, v in verdicts.items() if v == "different"
            )
            rates[fault]["together"] += together <= calibration.LEVEL
            rates[fault]["any different"] += (
                together <= calibration.LEVEL and "different" in verdicts.values()
            )
    head = f"{name}: {splits} splits, {n} against {n} fields of {frame.shape[0]} pixels"
    print(f"\n{head}; percent with p <= {calibration.LEVEL} (with verdict different)")
    print(" " * 22 + "".join(f"{fault:>22s}" for fault in faults))
    for key in [s.name for s in statistics]:
        shares = [(rates[f][key], rates[f][f"{key} different"]) for f in faults]
        cells = (f"{100 * p / splits:13.1f} ({100 * v / splits:5.1f}) " for p, v in shares)
        print(f"{key:22s}" + "".join(cells))
    for key in ("together", "any different"):
        cells = (f"{100 * rates[f][key] / splits:13.1f}" + " " * 9 for f in faults)
        print(f"{key:22s}" + "".join(cells))
    print(f"copies caught: {copies_caught(fields, frame, n)}", flush=True)


def copies_caught(fields: Tensor, frame: Frame, n: int, trials: int = 10) -> str:
    """Copies that are shifted, reflected and noisy, one among n; and false alarms without."""
    generator = torch.Generator().manual_seed(0)
    caught = alarms = 0
    for trial in range(trials):
        order = torch.randperm(len(fields), generator=generator)
        real, other = fields[order[:n]], fields[order[n : 2 * n]].clone()
        alarms += len(likeness(real, other, frame, trial)[0]["copies"])
        copy = torch.roll(real[0].flip(-1).transpose(-1, -2), (11, 5), (-2, -1))
        other[0] = copy + 0.05 * torch.randn(copy.shape, generator=generator)
        caught += 0 in likeness(real, other, frame, trial)[0]["copies"]
    return f"{caught} of {trials}, false alarms {alarms} of {trials * n}"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--splits", type=int, default=200)
    parser.add_argument("--fields", type=int, default=8)
    parser.add_argument("--size", type=int, default=64)
    options = parser.parse_args()
    for process, (fields, frame) in pools(options.size).items():
        report(process, fields, frame, options.splits, options.fields)
