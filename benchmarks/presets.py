"""Which sets of moments give the closest fields: models side by side, judged by what is held out.

    python -m benchmarks.presets FIELD[:log] ... [--models NAME,...] [--samples 8] [--size 128]

Half of the realizations of a field, or of its pieces where there is one only, are fitted; samples
that each follow one of them are compared with the other half by the statistics of `synth compare`.
The fitted half itself is compared too: that is what real fields get.  Every result is kept under
``--scratch``, so that a run goes on where another ended.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import time
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

import moments
import synth
from synth.estimation import surrogates
from synth.evaluation import calibration
from synth.evaluation.comparison import measure
from synth.evaluation.pairing import pair
from synth.evaluation.statistics import applicable
from synth.field import Field

Settings = tuple[str, dict[str, Any]]


#: Names and settings of :func:`moments.build`.  The options keep `synth fit` from saving moments on
#: fields as small as these.
MODELS: dict[str, Settings] = {
    "covariance": ("covariance", {}),
    "wph-D": ("wph-D", {}),
    "wph-C": ("wph-C", {}),
    "wph": ("wph", {"cross_shells": 1, "delta_scale": 4}),
    "wph+marginal": ("wph+marginal", {"cross_shells": 1, "delta_scale": 4}),
    "scattering-covariance": ("scattering-covariance", {}),
    "small": ("small", {}),
    "standard": ("standard", {"delta_scale": 4}),
    "rich": ("rich", {"delta_scale": 2}),
}
HEAD = ("model", "M", "M at 256", "converged", "steps", "CPU s", "skill", "worst", "ratio",
        "spread", "kurtosis", "flatness 1, 2, 4")  # fmt: skip


def halves(path: str, transform: str, size: int) -> tuple[Field, Field, str]:
    """What is fitted, what is held out, and how they were made.

    Several realizations are averaged over blocks to the size; one is cut into pieces of it (of
    size^2 points in 1-D), every other of which is held out.
    """
    field = synth.read(path)
    values = np.asarray(field.load(), dtype=np.float64)
    if transform == "log":
        values = np.log(values)
    space = values.shape[2:]
    if len(values) > 1:
        boundary, note = field.boundary, f"averaged over blocks to {size}"
        for axis, n in enumerate(space, start=2):
            split = (*values.shape[:axis], size, n // size, *values.shape[axis + 1 :])
            values = values.reshape(split).mean(axis + 1)
        odd = np.arange(len(values)) % 2 == 1
    else:
        side = size * size if len(space) == 1 else size
        boundary, note = "open", f"cut into pieces of {side}"
        counts = [n // side for n in space]
        places = list(np.ndindex(*counts))
        whole = (slice(None), slice(None))
        cuts = [(*whole, *(slice(i * side, (i + 1) * side) for i in place)) for place in places]
        values = np.concatenate([values[cut] for cut in cuts])
        odd = np.array([sum(place) % 2 == 1 for place in places])

    def half(mask: np.ndarray) -> Field:
        chosen = np.ascontiguousarray(values[mask], dtype=np.float32)
        return replace(field, values=chosen, boundary=boundary, mask=None)

    return half(~odd), half(odd), note


def tails(values: np.ndarray) -> dict[str, float]:
    """Kurtosis, and flatness of increments at lags 1, 2 and 4, averaged over fields."""
    x = values.astype(np.float64)
    axes = tuple(range(1, x.ndim))

    def flatness(y: np.ndarray) -> float:
        return float(((y**4).mean(axes) / (y**2).mean(axes) ** 2).mean())

    found = {"kurtosis": flatness(x - x.mean(axes, keepdims=True))}
    for lag in (1, 2, 4):
        steps = [np.take(x, range(lag, n), a) - np.take(x, range(n - lag), a)
                 for a, n in enumerate(x.shape) if a > 1]  # fmt: skip
        found[f"flatness {lag}"] = float(np.mean([flatness(step) for step in steps]))
    return found


class Judge:
    """Scores of `synth compare` against the held-out fields, which are measured once."""

    def __init__(self, held: Field) -> None:
        self.held = held
        pairing = pair(held, [held])
        self.frame, self.statistics = pairing.frame, applicable(pairing.frame)
        gaussian = surrogates.gaussian(pairing.real, len(pairing.real), pairing.frame.periodic, 0)
        self.real, self.gaussian = self._measured(pairing.real), self._measured(gaussian)

    def _measured(self, values: torch.Tensor) -> dict[str, torch.Tensor]:
        return measure(values, self.frame, self.statistics, lambda _: None)[0]

    def scores(self, field: Field) -> dict[str, Any]:
        """Skill, ratio and spread of each statistic, and the tails."""
        features = self._measured(pair(self.held, [field]).synthetic[0])
        found = {}
        for name, real in self.real.items():
            own, control = (self._shuffled(real, f[name]) for f in (features, self.gaussian))
            skill = calibration.skill(
                real, features[name], self.gaussian[name], float(control.ratio[0])
            )
            found[name] = [skill, float(own.ratio[0]), float(own.spread[0])]
        return {"statistics": found, **tails(field.load())}

    def _shuffled(self, real: torch.Tensor, other: torch.Tensor) -> calibration.Shuffled:
        labels = calibration.labellings(len(real), len(other), 0)[:1]
        return calibration.shuffle(real, other, labels)


def judged(fitted: Field, judge: Judge, settings: Settings, samples: int) -> dict[str, Any]:
    """Fit, sample and compare one model."""
    family, options = settings
    start = time.process_time()
    model = synth.fit(fitted, family, **options)
    made = synth.sample(model, samples)
    seconds = time.process_time() - start
    shape = (256, 256) if len(fitted.shape) == 2 else fitted.shape
    return {
        "moments": model.n_moments,
        "at 256": moments.build(family, shape, **options).n_moments,
        "converged": sum(o["status"] == "converged" for o in made.outcomes),
        "steps": float(np.median([o["steps"] for o in made.outcomes])),
        "seconds": seconds / samples,
        **judge.scores(made.field),
    }


def row(name: str, got: dict[str, Any], samples: int) -> str:
    """One line of the table: averages over the statistics; a skill above 1 is chance."""
    skills = {s: min(v[0], 1.0) for s, v in got["statistics"].items() if v[0] is not None}
    ratios = [v[1] for v in got["statistics"].values()]
    spreads = [v[2] for v in got["statistics"].values() if v[2] is not None]
    worst = min(skills, key=lambda s: skills[s])
    made = ["", "", "", "", ""]
    if "moments" in got:
        made = [f"{got['moments']:,}", f"{got['at 256']:,}", f"{got['converged']} of {samples}",
                f"{got['steps']:.0f}", f"{got['seconds']:.1f}"]  # fmt: skip
    flat = ", ".join(f"{got[f'flatness {lag}']:.1f}" for lag in (1, 2, 4))
    cells = [
        name, *made, f"{np.mean(list(skills.values())):.2f}", f"{worst} {skills[worst]:.2f}",
        f"{np.mean(ratios):.2f}", f"{np.median(spreads):.2f}", f"{got['kurtosis']:.2f}", flat,
    ]  # fmt: skip
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Print a table in markdown for each field."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("fields", nargs="+", metavar="FIELD[:log]")
    parser.add_argument("--models", help="names, separated by commas")
    parser.add_argument("--samples", type=int, default=8)
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--scratch", type=Path, default=Path("presets.scratch"))
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    given.scratch.mkdir(parents=True, exist_ok=True)
    wanted = given.models.split(",") if given.models else list(MODELS)
    for each in given.fields:
        path, _, transform = each.partition(":")
        fitted, held, note = halves(path, transform, given.size)
        counts = f"{fitted.n_samples} fitted, {held.n_samples} held out"
        print(f"\n## {Path(path).stem}, {note}: {counts}\n")
        judge = Judge(held)
        print(f"| {' | '.join(HEAD)} |", f"|{'---|' * len(HEAD)}", sep="\n")
        print(row("real", judge.scores(fitted), 0), flush=True)
        for name in wanted:
            if len(fitted.shape) == 1 and name.startswith("wph-"):
                continue  # published for images
            key = json.dumps([Path(path).stem, transform, given.size, given.samples, MODELS[name]])
            kept = given.scratch / f"{hashlib.sha256(key.encode()).hexdigest()[:16]}.json"
            if not kept.exists():
                kept.write_text(json.dumps(judged(fitted, judge, MODELS[name], given.samples)))
            print(row(name, json.loads(kept.read_text()), given.samples), flush=True)


if __name__ == "__main__":
    main()
