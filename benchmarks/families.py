"""What each family of moments keeps and loses: one synthesis of each, side by side.

    python -m benchmarks.families [FIELD ...] [--families wph,marginal] [--steps 300]

Writes docs/families.md and a picture for every field.  The first realization of a field is fitted;
larger fields are made smaller: averaged over blocks where they are periodic, cropped where not.
A family may have an option, as in ``scattering-covariance:scale_orders=2``.
Pictures show the real field only where it is the project's own.
"""

from __future__ import annotations

import argparse
import time
import warnings
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

import synth
from benchmarks.family_pictures import picture
from synth.estimation.moisan import periodic_component
from synth.evaluation.statistics import Batch, Flatness, Frame, PhaseCoherence, SkewnessKurtosis
from synth.field import Field
from synth.model import MEMORISING_SHARE

ROOT = Path(__file__).parents[1]
OWN = ROOT / "samples" / "vorticity_2d.h5"
FAMILIES = (
    "covariance", "polynomial", "marginal", "scattering", "rectifier", "scattering-covariance",
    "scattering-covariance:scale_orders=2", "wph", "wph+marginal", "standard",
)  # fmt: skip
#: Of a model that would hold more than a tenth as many numbers as the field.
THRESHOLD = 2.0
HEAD = (
    "| family | M | M / d | status | steps | mismatch | eps | flatness, lag 1 | kurtosis |\n"
    "|---|---|---|---|---|---|---|---|---|"
)


@dataclass(frozen=True)
class Case:
    """A field, made small enough, and what was done to it."""

    name: str
    field: Field
    note: str


def smaller(field: Field, most: int) -> tuple[Field, str]:
    """The field with at most ``most`` values a realization, and how it was made so."""
    channels, space = field.n_channels, field.shape
    if channels * field.n_pixels <= most:
        return field, "as it is"
    values = field.load()
    factors = [f for f in range(2, min(space)) if not any(n % f for n in space)]
    fitting = [f for f in factors if channels * field.n_pixels // f ** len(space) <= most]
    if field.boundary == "periodic" and fitting:
        factor, note = fitting[0], f"averaged over blocks of {fitting[0]}"
        for axis, n in enumerate(space, start=2):
            split = (*values.shape[:axis], n // factor, factor, *values.shape[axis + 1 :])
            values = values.reshape(split).mean(axis + 1)
    else:
        side = int((most / channels) ** (1 / len(space)) + 1e-9)
        values = values[(slice(None), slice(None), *(slice(side) for _ in space))]
        note = "its first corner"
        field = replace(field, boundary="open")
    return replace(field, values=np.ascontiguousarray(values), mask=None), note


class Judge:
    """eps, flatness at lag 1 and kurtosis of fields like the real ones."""

    def __init__(self, real: Field) -> None:
        values = torch.from_numpy(real.load())
        if real.boundary != "periodic":
            values = periodic_component(values)  # what is fitted
        axes = (0, *range(2, values.ndim))
        self.mean, self.deviation = values.mean(axes, True), values.std(axes, keepdim=True)
        self.frame = Frame(real.shape, "periodic", real.channels)
        self.coherence = PhaseCoherence()
        self.real = values
        self.drawn = self._drawn(values)

    def _batch(self, values: torch.Tensor) -> Batch:
        return Batch((values - self.mean) / self.deviation, self.frame)

    def _drawn(self, values: torch.Tensor) -> torch.Tensor:
        return self.coherence.drawn(self._batch(values))

    def cells(self, values: torch.Tensor, others: torch.Tensor) -> list[str]:
        """Of fields (n, channel, *space); eps from ``others``, the drawn rows of real fields."""
        batch, channels = self._batch(values), values.shape[1]
        flat = Flatness().features(batch).unflatten(1, (channels, -1))[..., 0].exp().mean(0)
        kurtosis = SkewnessKurtosis().features(batch)[:, channels:].mean(0)
        eps = "-"
        if len(others):
            eps = f"{self.coherence.value(others, self._drawn(values), self.frame):.2f}"
        return [eps, *(", ".join(f"{v:.2f}" for v in row.tolist()) for row in (flat, kurtosis))]

    def real_cells(self) -> list[str]:
        """Of the real fields; eps of the first from the others."""
        first, rest = self.cells(self.real[:1], self.drawn[1:]), self.cells(self.real, self.drawn)
        return [first[0], *rest[1:]]


def fitted(family: str, field: Field, device: str) -> tuple[synth.Model, str]:
    """The model, thresholded where it would store its example, and what it is called."""
    name, _, option = family.partition(":")
    key, _, value = option.partition("=")
    asked: dict[str, Any] = {key: int(value)} if option else {}
    model = synth.fit(field, name, device=device, **asked)
    if model.memorising_share > MEMORISING_SHARE:
        asked["threshold"] = THRESHOLD
        model = synth.fit(field, name, device=device, **asked)
    return model, name + "".join(f", {key} {value}" for key, value in asked.items())


def one_field(case: Case, families: list[str], steps: int, device: str, folder: Path) -> list[str]:
    """The section of a field: its table, and the picture beside it."""
    field, judge = case.field, Judge(case.field)
    first = replace(field, values=field.load()[:1], mask=None)
    size = "x".join(map(str, field.shape))
    lines = [
        f"## {case.name}", "",
        f"{field.n_channels} channel(s) of {size}, {field.boundary}, {case.note}; "
        f"{field.n_samples} realization(s), the first of them fitted.", "",
        f"![One synthesis of each family](families_{case.name}.png)", "", HEAD,
    ]  # fmt: skip
    lines.append(f"| real | | | | | | {' | '.join(judge.real_cells())} |")
    shown = {"real": first.load()[0]} if case.name == OWN.stem else {}
    for family in families:
        start = time.perf_counter()
        model, called = fitted(family, first, device)
        ensemble = synth.sample(model, 1, seed=0, steps=steps, device=device)
        outcome, values = ensemble.outcomes[0], ensemble.field.load()
        shown[family.replace("scattering-covariance:", "")] = values[0]
        cells = [
            called, f"{model.n_moments:,}", f"{model.memorising_share:.1%}",
            outcome["status"], str(outcome["steps"]), f"{outcome['mismatch_sigma']:.2f}",
            *judge.cells(torch.from_numpy(values), judge.drawn),
        ]  # fmt: skip
        lines.append(f"| {' | '.join(cells)} |")
        print(f"{case.name}: {lines[-1]} {time.perf_counter() - start:.0f} s", flush=True)
    picture(shown, first.load()[0], folder / f"families_{case.name}.png")
    return [*lines, ""]


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("fields", nargs="*", default=[str(OWN)])
    parser.add_argument("--families", default=",".join(FAMILIES))
    parser.add_argument("--steps", type=int, default=300, help="most descent steps of a sample")
    parser.add_argument("--most", type=int, default=2**16, help="most values of a field")
    parser.add_argument("--device", default="auto")
    parser.add_argument("-o", "--output", type=Path, default=ROOT / "docs")
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    given.output.mkdir(parents=True, exist_ok=True)
    template = Path(__file__).with_name("families.md").read_text()
    sections: list[str] = []
    for path in given.fields:
        field, note = smaller(synth.read(path), given.most)
        case = Case(Path(path).stem, field, note)
        families = given.families.split(",")
        sections += one_field(case, families, given.steps, given.device, given.output)
        page = template.format(steps=given.steps, most=given.most, sections="\n".join(sections))
        (given.output / "families.md").write_text(page)


if __name__ == "__main__":
    main()
