"""The descent of a batch of samples: coarse scales first, each on its own small grid.

Moments of coarse scales are averages over few coefficients, so they constrain these strongly and
take most of the iterations; moments of fine scales, given the coarse, follow in a few.  The moments
of the scales j >= first need no more than the grid of scale ``first``, with about
2^(-D (first - 1)) of the points.  So the descent goes from the coarsest scales to the finest, the
last stage on the field's own grid with all moments.  On the smallest grids the calls are what it
costs, and many samples go through these stages together for the price of a few.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from moments import MomentFamily, grids
from solvers import LBFGS, Patience, Progress, Status, minimise
from synth.synthesis.energy import MomentEnergy
from synth.synthesis.mean_field import MeanFieldEnergy
from synth.synthesis.mismatch import Mismatch
from synth.synthesis.preconditioner import Preconditioner, field_by_field

#: A coarse stage ends at so many tolerances, when it has stalled, or after so many steps.  The last
#: stage moves these moments again: closer takes longer and costs the fine scales their share.
COARSE_TOLERANCE = 2.0
COARSE_STEPS = 400
COARSE_PATIENCE = Patience(steps=50, gain=0.2)

#: Values of a field on the grids that count as small.
SMALL_GRID = 2**12

State = dict[str, Tensor]
#: Called after every iteration with the stage's scale, the progress, and the state if asked for.
Watch = Callable[[int, Progress, Callable[[], State]], None]


def stages(op: MomentFamily) -> list[int]:
    """Finest scale of each stage, coarsest first: those with a grid coarser than the field's, 0."""
    finest = op.finest_scales
    coarse = [
        first
        for first in range(op.bank.scales - 2, 0, -1)
        if tuple(op.bank.grids[first]) != tuple(op.shape) and (finest >= first).any()
    ]
    return [*coarse, 0]


class Descent:
    """Moves fields until their moments, or the mean of these, are those of the target.

    Parameters
    ----------
    op : MomentFamily
    spread : Tensor, (M,)
        Unit of the mismatch of each moment.
    preconditioner : Preconditioner
        Of the fields' own grid.
    method : LBFGS
    steps : int
        Most steps on the fields' own grid.
    tolerance : float
        Mismatch, in spreads, at which a sample has converged.
    together : bool
        The fields of a run are one point of one problem, and their mean moments follow one target.
    """

    def __init__(
        self,
        op: MomentFamily,
        spread: Tensor,
        preconditioner: Preconditioner,
        method: LBFGS,
        steps: int,
        tolerance: float,
        together: bool = False,
    ) -> None:
        self.op, self.spread, self.preconditioner = op, spread, preconditioner
        self.method, self.steps, self.tolerance = method, steps, tolerance
        self.together = together
        self.stages = stages(op)

    def run(
        self, start: Tensor, targets: Tensor, watch: Watch
    ) -> tuple[Tensor, list[dict[str, Any]]]:
        """Fields (n, channel, *space) and how each was made; see :meth:`finish`."""
        return self.finish(self.at(self.stages[0], start), targets, watch)

    @property
    def small(self) -> list[int]:
        """The stages on small grids."""
        sizes = [self.op.channels * math.prod(grid) for grid in self.op.bank.grids]
        return [first for first in self.stages if first and sizes[first] <= SMALL_GRID]

    def at(self, first: int, x: Tensor) -> State:
        """Fields (n, channel, *space) at the start of a stage."""
        return {"stage.first": torch.tensor(first), "stage.x": x}

    def begin(self, state: State, targets: Tensor, watch: Watch) -> Tensor:
        """Fields (n, channel, *space) after the stages on small grids.

        Parameters
        ----------
        state : dict
            Of :meth:`at`, or one that ``watch`` was given: the run goes on to the same bits.
        targets : Tensor, (n, M) or (1, M)
        watch : callable
        """
        return self._through(self.small, state, targets, watch)[0]

    def finish(
        self, state: State, targets: Tensor, watch: Watch
    ) -> tuple[Tensor, list[dict[str, Any]]]:
        """Fields (n, channel, *space) after all stages that are left, and how each was made.

        Of fields that descend together the loss, the status and the steps are those of all, the
        mismatch is each field's own.  The parameters are those of :meth:`begin`.
        """
        x, ends = self._through(self.stages, state, targets, watch)
        mismatch = Mismatch(self.op, self.spread)
        with torch.no_grad():
            moments = torch.cat([self.op(one) for one in x.split(1)])
        wanted = targets.expand(len(x), -1)
        outcomes = [
            mismatch.outcome(moments[i], wanted[i], status.name, steps)
            for i, (status, steps) in enumerate(ends)
        ]
        if self.together:
            mean = moments.double().mean(0).to(targets)
            loss = float(mismatch.energy(mismatch.residual(mean, targets[0])))
            outcomes = [outcome | {"loss": loss} for outcome in outcomes]
        return x, outcomes

    def _through(
        self, stages: list[int], state: State, targets: Tensor, watch: Watch
    ) -> tuple[Tensor, list[tuple[Status, int]]]:
        """The stages from that of the state on; how each field's last one ended."""
        x, current = state["stage.x"].to(targets), int(state["stage.first"])
        within = state if len(state) > 2 else None  # else at the start of its stage
        ends: list[tuple[Status, int]] = []
        for first in stages[stages.index(current) :] if stages else []:
            x, ends = self._stage(first, x, targets, watch, within)
            within = None
        return x, ends

    def _energy(self, first: int, targets: Tensor) -> MomentEnergy:
        pre = self.preconditioner
        if first:
            pre = pre.on_grid(self.op.bank.grids[first])
        kind = MeanFieldEnergy if self.together else MomentEnergy
        return kind(self.op, targets, self.spread, pre, first)

    def _stage(
        self, first: int, x: Tensor, targets: Tensor, watch: Watch, resume: State | None
    ) -> tuple[Tensor, list[tuple[Status, int]]]:
        """Descend on the moments of the scales from ``first`` on; other wavenumbers stay.

        Returns the fields, and for each how its descent ended and after how many steps.
        """
        energy = self._energy(first, targets)
        grid = energy.preconditioner.shape
        y = energy.preconditioner.to_coordinates(_moved(x, grid))

        def observe(progress: Progress) -> None:
            def state() -> State:
                return {"stage.first": torch.tensor(first), "stage.x": x, **progress.state()}

            watch(first, progress, state)

        result = minimise(
            energy,
            y[None] if self.together else y,
            self.method,
            max_steps=min(self.steps, COARSE_STEPS) if first else self.steps,
            tolerance=((COARSE_TOLERANCE if first else 1) * self.tolerance) ** 2,
            patience=COARSE_PATIENCE if first else None,
            callback=observe,
            resume=resume,
        )
        end = result.x.reshape(y.shape)
        if first == 0:
            x = energy.preconditioner.to_field(end)
        else:
            x = x + _moved(energy.preconditioner.to_field(end - y), tuple(x.shape[2:]))
        ends = list(zip(result.status, result.steps.tolist(), strict=True))
        return x, ends * (len(x) // len(ends))


def _moved(x: Tensor, grid: Sequence[int]) -> Tensor:
    """Fields on another grid, by their common wavenumbers."""
    source, axes = tuple(x.shape[2:]), tuple(range(2, x.ndim))
    if source == tuple(grid):
        return x

    def move(fields: Tensor) -> Tensor:
        spectrum = torch.fft.rfftn(fields, dim=axes, norm="forward")
        spectrum = grids.regrid(spectrum, source, grid, half=True)
        return torch.fft.irfftn(spectrum, s=tuple(grid), dim=axes, norm="forward")

    return field_by_field(move, x)
