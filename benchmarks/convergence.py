"""How a descent gets to its targets: each ingredient taken away, and the plain recipe, in one run.

    python -m benchmarks.convergence FIELD[:transform] ... [--size 128] [--samples 2]

Every variant descends from the same noise to the same targets. Its mismatch is always measured
alike, in units of the moments' sampling spread and as the plain rms of the normalised moments, over
all moments on the field's own grid. The cost is in evaluations of loss and gradient there; one on a
coarse grid counts by its share of the points.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

import synth
from solvers import LBFGS, Progress
from synth.estimation.spectra import Colour
from synth.model import Model
from synth.synthesis import drawing, sampling
from synth.synthesis.descent import Descent, State
from synth.synthesis.mismatch import Mismatch, shares
from synth.synthesis.preconditioner import Preconditioner

LEVELS = (1.0, 0.3, 0.1)
LOOK_EVERY = 5

#: Evaluations, CPU seconds, mismatch in spreads, plain rms.
Look = tuple[float, float, float, float]


@dataclasses.dataclass(frozen=True)
class Recipe:
    """One way to descend; the defaults are those of `synth.sample`."""

    start: str = "gaussian"
    in_spreads: bool = True
    evened_out: bool = True
    coarse_to_fine: bool = True
    history: int = drawing.HISTORY


DEFAULT = Recipe()
RECIPES = {
    "default": DEFAULT,
    "history 20": dataclasses.replace(DEFAULT, history=20),
    "history 120": dataclasses.replace(DEFAULT, history=120),
    "white start": dataclasses.replace(DEFAULT, start="white"),
    "pixels as coordinates": dataclasses.replace(DEFAULT, evened_out=False),
    "unweighted": dataclasses.replace(DEFAULT, in_spreads=False),
    "one grid": dataclasses.replace(DEFAULT, coarse_to_fine=False),
    "one grid, history 20": dataclasses.replace(DEFAULT, coarse_to_fine=False, history=20),
    "one grid, pixels as coordinates": dataclasses.replace(
        DEFAULT, coarse_to_fine=False, evened_out=False
    ),
    "one grid, unweighted": dataclasses.replace(DEFAULT, coarse_to_fine=False, in_spreads=False),
    "plain: white start, unweighted, pixels, one grid, history 20": Recipe(
        "white", False, False, False, 20
    ),
}


class Problem:
    """A model's energy, its targets and its starting noise for one sample."""

    def __init__(self, model: Model, number: int) -> None:
        self.op, rows = model.on_grid(None)
        self.colour = Colour(model.shells, model.spectrum, self.op.bank, self.op.band_power())
        self.spread = torch.as_tensor(model.spread[rows], dtype=torch.float32)
        self.noise = drawing.white(0, number, (self.op.channels, *self.op.shape))[None]
        targets = drawing.targets_of(model, "each", 0, [number])[:, rows]
        self.targets = torch.as_tensor(targets, dtype=torch.float32)
        self.judge = Mismatch(self.op, self.spread)

    def mismatch(self, x: Tensor) -> tuple[float, float]:
        """In spreads, and plain rms."""
        with torch.no_grad():
            seen = self.judge.outcome(self.op(x)[0], self.targets[0], "", 0)
        return seen["mismatch_sigma"], seen["mismatch_rms"]

    def descend(self, recipe: Recipe, limit: int) -> list[Look]:
        """What was seen on the way."""
        power = self.colour.power
        pre = Preconditioner(power)
        if not recipe.evened_out:
            pre.amplitude = torch.ones_like(pre.amplitude)
        # A spread of root n gives every moment the weight 1.
        equal = torch.as_tensor(np.sqrt(shares(self.op)), dtype=torch.float32)
        spread = self.spread if recipe.in_spreads else equal
        start = self.colour.draw(self.noise) if recipe.start == "gaussian" else self.noise
        # It ends by the judge's mismatch, or at the limit.
        tolerance = sampling.TOLERANCE if recipe.in_spreads else 1e-9
        method = LBFGS(history=recipe.history)
        descent = Descent(self.op, spread, pre, method, limit, tolerance)
        if not recipe.coarse_to_fine:
            descent.stages = [0]
        seen: list[Look] = []
        cost, clock, looking = 0.0, time.process_time(), 0.0

        def watch(first: int, progress: Progress, _: Callable[[], State]) -> None:
            nonlocal cost, looking
            grid = self.op.bank.grids[first] if first else self.op.shape
            cost += math.prod(grid) / math.prod(self.op.shape)
            taken = int(progress.evaluations[0])
            if first or (taken % LOOK_EVERY and float(progress.values[0]) > tolerance**2):
                return
            before = time.process_time()
            x = pre.to_field(progress.x())
            looking += time.process_time() - before
            seen.append((cost, before - clock - looking, *self.mismatch(x)))
            if cost > limit or (not recipe.in_spreads and seen[-1][2] <= min(LEVELS)):
                raise StopIteration

        with contextlib.suppress(StopIteration):
            descent.run(start, self.targets, watch)
        return seen


def fitted(path: str, transform: str, size: int) -> Model:
    """The default model of a field averaged over blocks to about the size (cut, in 1-D)."""
    field = synth.read(path)
    values = np.asarray(field.load(), dtype=np.float32)
    if len(field.shape) == 1:
        values = values[..., : size * size]
    else:
        while min(values.shape[2:]) >= 2 * size:
            for axis in range(2, values.ndim):
                n = values.shape[axis] // 2
                halves = np.take(values, range(2 * n), axis)
                halves = halves.reshape(*values.shape[:axis], n, 2, *values.shape[axis + 1 :])
                values = halves.mean(axis + 1)
    boundary = field.boundary if len(field.shape) > 1 else "open"
    small = dataclasses.replace(field, values=values, boundary=boundary, mask=None)
    return synth.fit(small, transform=transform)


def reached(path: list[Look], level: float) -> float:
    """Evaluations at which the mismatch in spreads was first below a level, or infinity."""
    return next((cost for cost, _, mismatch, _ in path if mismatch <= level), math.inf)


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def study(model: Model, recipes: dict[str, Recipe], samples: int, limit: int) -> None:
    """Print the rows of the table: medians over samples."""
    for name, recipe in recipes.items():
        paths = [Problem(model, i).descend(recipe, limit) for i in range(samples)]
        cells = [name]
        for level in LEVELS:
            median = float(np.median([reached(path, level) for path in paths]))
            cells.append(f"{median:.0f}" if math.isfinite(median) else f"> {limit}")
        seconds, sigma, rms = np.median([path[-1][1:] for path in paths], axis=0)
        print(_row([*cells, f"{sigma:.3f}", f"{rms:.1e}", f"{seconds:.1f}"]), flush=True)


def main() -> None:
    """Print a table in markdown for each field."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("fields", nargs="+", metavar="FIELD[:transform]")
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--samples", type=int, default=2)
    parser.add_argument("--limit", type=int, default=600, help="evaluations")
    parser.add_argument("--only", help="names of recipes, separated by commas")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    wanted = asked.only.split(",") if asked.only else list(RECIPES)
    recipes = {name: r for name, r in RECIPES.items() if {name, name.split(":")[0]} & {*wanted}}
    head = ["recipe", *(f"to {level} spreads" for level in LEVELS)]
    head += ["last mismatch", "last rms", "CPU s"]
    for field in asked.fields:
        path, _, transform = field.partition(":")
        model = fitted(path, transform or "none", asked.size)
        print(f"\n{Path(path).stem}, {'x'.join(map(str, model.shape))}, {model.n_moments} moments")
        print(_row(head), _row(["---"] * len(head)), sep="\n", flush=True)
        study(model, recipes, asked.samples, asked.limit)


if __name__ == "__main__":
    main()
