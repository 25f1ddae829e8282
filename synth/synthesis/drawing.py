"""The samples of one run, by their numbers: noise, target and descent of each."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from moments.covariance import Covariance
from solvers import LBFGS
from synth.estimation.helmholtz import Helmholtz
from synth.estimation.spectra import Colour
from synth.model import Model
from synth.synthesis.descent import Descent, State, Watch
from synth.synthesis.exact import ExactGaussian
from synth.synthesis.preconditioner import Preconditioner

#: Pairs that L-BFGS keeps: many, because moments between scales are strongly correlated.
HISTORY = 60
#: Bytes that the history of one sample may take.
HISTORY_BYTES = 4 * 2**30

Made = tuple[np.ndarray, list[dict[str, Any]]]


class Drawing:
    """Makes samples 0 .. n - 1 of a model; the arguments are those of :func:`synth.sample`.

    Attributes
    ----------
    settings : dict
        All that determines the samples.
    each : int
        Samples that are one problem of the minimiser: 1, or n for the target "ensemble".
    values : int
        Of one problem.
    """

    def __init__(
        self,
        model: Model,
        n: int,
        *,
        seed: int,
        size: Sequence[int] | None,
        steps: int,
        init: str,
        target: str,
        tolerance: float,
        device: torch.device,
    ) -> None:
        op, self.rows = model.on_grid(size)
        self.op, self.model, self.device = op.to(device), model, device
        self.seed, self.init, self.target = seed, init, target
        self.settings = {
            "model": model.digest(), "n": n, "seed": seed, "size": list(op.shape), "steps": steps,
            "init": init, "target": target, "tolerance": tolerance,
        }  # fmt: skip
        self.colour = Colour(model.shells, model.spectrum, op.bank, op.band_power().cpu())
        self.helmholtz = _helmholtz(model, op.shape)
        scale = math.sqrt(math.prod(model.shape) / math.prod(op.shape))
        spread = model.spread[self.rows] * scale
        spread = torch.as_tensor(spread, dtype=torch.float32, device=device)
        self.exact = ExactGaussian(op, spread, tolerance) if isinstance(op, Covariance) else None
        self.together = target == "ensemble" and self.exact is None
        self.each = n if self.together else 1
        self.values = self.each * math.prod(op.shape) * op.channels
        self.method = LBFGS(history=max(5, min(HISTORY, HISTORY_BYTES // (8 * self.values))))
        preconditioner = Preconditioner(self.colour.power, self.helmholtz)
        self.descent = Descent(
            op, spread, preconditioner, self.method, steps, tolerance, self.together
        )

    def begin(
        self, numbers: Sequence[int], watch: Watch, state: State | None = None
    ) -> dict[int, Tensor]:
        """Fields (channel, *space) on the CPU, by number, after the stages on small grids.

        Parameters
        ----------
        numbers : sequence of int
        watch : callable
        state : dict, optional
            One that ``watch`` was given: the run goes on to the same bits.
        """
        if self.exact is not None or not numbers:
            return {}
        if state is None:
            start = self._noise(numbers)
            start = self.colour.draw(start) if self.init == "gaussian" else start
            start = start if self.helmholtz is None else self.helmholtz.shaped(start)
            state = self.descent.at(self.descent.stages[0], start)
        begun = self.descent.begin(state, self._targets(numbers), watch)
        return dict(zip(numbers, begun.cpu(), strict=True))

    def state(self, numbers: Sequence[int], begun: dict[int, Tensor]) -> State:
        """Where :meth:`finish` starts with what :meth:`begin` returned for these samples."""
        after = self.descent.stages[len(self.descent.small)]
        return self.descent.at(after, torch.stack([begun[number] for number in numbers]))

    def finish(self, numbers: Sequence[int], state: State, watch: Watch) -> Made:
        """The samples, and how each was made, from a state of the descent on."""
        x, outcomes = self.descent.finish(state, self._targets(numbers), watch)
        return x.cpu().numpy(), outcomes

    def exactly(self, numbers: Sequence[int]) -> Made | None:
        """The samples of a family that needs no descent; None where it does."""
        if self.exact is None:
            return None
        return self.exact.draw(self._targets(numbers), self._noise(numbers).to(self.device))

    def _noise(self, numbers: Sequence[int]) -> Tensor:
        shape = (self.op.channels, *self.op.shape)
        return torch.stack([white(self.seed, number, shape) for number in numbers])

    def _targets(self, numbers: Sequence[int]) -> Tensor:
        wanted = targets_of(self.model, self.target, self.seed, numbers)[:, self.rows]
        return torch.as_tensor(wanted, dtype=torch.float32, device=self.device)


def white(seed: int, number: int, shape: tuple[int, ...]) -> Tensor:
    """White noise of a stream of its own for each sample."""
    stream = np.random.SeedSequence([seed, number]).generate_state(1, np.uint64)[0]
    return torch.randn(shape, generator=torch.Generator().manual_seed(int(stream >> 1)))


def targets_of(model: Model, target: str, seed: int, numbers: Sequence[int]) -> np.ndarray:
    """Moments that the samples follow, (n, M), or (1, M) where they are the same for all."""
    if target != "each":
        return model.mean[None]
    order = np.random.default_rng([seed, 1]).permutation(len(model.targets))
    return model.targets[[order[number % len(order)] for number in numbers]]


def _helmholtz(model: Model, shape: Sequence[int]) -> Helmholtz | None:
    """The shares of a vector field's two parts, on fields of a shape; None for other fields."""
    if model.compressive is None:
        return None
    axes, spacing = model.field["components"], model.field["spacing"]
    unit = [std / spacing[axis] for std, axis in zip(model.standardisation.std, axes, strict=True)]
    whole = model.spectrum.trace(axis1=1, axis2=2)
    share = model.compressive / np.maximum(whole, np.finfo(float).tiny)
    return Helmholtz.of_shells(shape, axes, unit, model.shells, share)
