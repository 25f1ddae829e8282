"""The loop, written once: evaluate the trials of all unfinished samples, let the method step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from typing import Any

import torch
from torch import Tensor

from solvers import basis as rows
from solvers.lbfgs import LBFGS, LBFGSState
from solvers.outcome import Result, Status
from solvers.patience import Patience
from solvers.state import compact, from_tensors, to_tensors

Energy = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
RUNNING = 0
DEFAULT_METHOD = LBFGS()
# The host looks for finished samples after so many iterations: asking makes an accelerator wait.
CHECK_EVERY = {"cpu": 1}
CHECK_EVERY_ELSEWHERE = 8


@dataclass(frozen=True)
class Progress:
    """What a callback sees after every iteration; entries are (B,), in the order of the start.

    They are the loop's own tensors: read them, and copy what must outlive the call.

    Attributes
    ----------
    values : Tensor float64
        Energy of each sample's iterate.
    status : Tensor int8
        0 while a sample runs, then the number of its `Status`.
    steps, evaluations : Tensor int64
    """

    values: Tensor
    status: Tensor
    steps: Tensor
    evaluations: Tensor
    _run: _Run

    @property
    def active(self) -> Tensor:
        """Samples that still run, (B,) bool."""
        return self.status == RUNNING

    def x(self) -> Tensor:
        """A copy of all iterates, (B, *shape)."""
        return self._run.iterates()

    def state(self) -> dict[str, Tensor]:
        """A copy of everything the rest of the run depends on, for ``minimise(resume=...)``."""
        return {k: v.clone() for k, v in to_tensors(self._run).items()}


def minimise(
    energy: Energy,
    start: Tensor,
    method: LBFGS = DEFAULT_METHOD,
    *,
    max_steps: int = 1000,
    max_evaluations: int | None = None,
    tolerance: float | Tensor = 0.0,
    patience: Patience | None = None,
    callback: Callable[[Progress], Any] | None = None,
    resume: dict[str, Tensor] | None = None,
) -> Result:
    """Minimise an energy that is separable over a batch, each sample along its own path.

    Every iteration evaluates the energy once, for all samples that are not finished, each at its
    own trial point; finished samples are taken out of the batch. A sample's path depends on
    nothing but its own energies.

    Parameters
    ----------
    energy : callable
        ``energy(x, index) -> (values, gradients)`` with x (n, *shape), the samples' numbers
        ``index`` (n,) int64, values (n,) and gradients (n, *shape). Values are best computed in
        float64: they are compared with each other.
    start : Tensor (B, *shape)
        float32 or float64; the iterates keep its type and device.
    method : LBFGS
    max_steps : int
        Accepted steps per sample.
    max_evaluations : int, optional
        Energy evaluations per sample.
    tolerance : float or Tensor (B,)
        A sample has converged when its energy is at most this. The default, 0, is for sums of
        squares; minus infinity lets a run go on to its limits.
    patience : Patience, optional
        A sample that falls more slowly ends as stalled.
    callback : callable, optional
        Called with a `Progress` after every iteration.
    resume : dict of Tensor, optional
        A state from `Progress.state`. The run goes on to the result that the uninterrupted one
        would have had, given the same energy, method and limits.

    Returns
    -------
    Result

    Raises
    ------
    ValueError
        If the arguments, or what the energy returns, have the wrong type or shape.
    """
    if start.dtype not in (torch.float32, torch.float64) or start.ndim < 2:
        raise ValueError(
            f"start must be a float32 or float64 tensor (sample, *shape), got {start.dtype} of "
            f"shape {tuple(start.shape)}."
        )
    if max_steps < 0 or (max_evaluations is not None and max_evaluations < 1):
        raise ValueError(
            "max_steps must be 0 or more and max_evaluations 1 or more, got "
            f"{max_steps} and {max_evaluations}."
        )
    limit = torch.as_tensor(tolerance, dtype=torch.float64, device=start.device)
    if limit.ndim and limit.shape != start.shape[:1]:
        raise ValueError(
            f"tolerance must be a number or one number for each of {len(start)} samples, got "
            f"shape {tuple(limit.shape)}."
        )
    run = _Run.begin(method, start.detach())
    if resume is not None:
        run = from_tensors(run, resume)
        if run.x.shape != start.shape:
            raise ValueError(
                f"The state to resume has {len(run.x)} samples, the start has {len(start)}."
            )
    limit = limit.expand(len(start))
    every = CHECK_EVERY.get(start.device.type, CHECK_EVERY_ELSEWHERE)
    iteration = 0
    run.drop_finished()
    while len(run.index):
        d = prod(start.shape[1:])
        points = rows.from_chunks(run.method.trial, d)
        value, gradient = energy(points.reshape(-1, *start.shape[1:]), run.index)
        _check(value, gradient, points)
        run.step(method, value.detach().double(), gradient.detach().reshape(points.shape))
        run.judge(limit, max_steps, max_evaluations, patience)
        iteration += 1
        if callback is not None:
            callback(Progress(run.values, run.status, run.steps, run.evaluations, run))
        if iteration % every == 0:
            run.drop_finished()
    return Result(
        x=run.x,
        values=run.values,
        status=[Status(code) for code in run.status.tolist()],
        steps=run.steps,
        evaluations=run.evaluations,
    )


@dataclass
class _Run:
    """The state of a minimisation: all samples' records, and the method's for those that run."""

    x: Tensor  # (B, *shape) final iterates of the samples that were taken out
    values: Tensor  # (B,) float64
    status: Tensor  # (B,) int8
    steps: Tensor  # (B,) int64
    evaluations: Tensor  # (B,) int64
    mark: Tensor  # (B,) float64 energy from which patience counts
    marked: Tensor  # (B,) int64 step at which it was taken
    index: Tensor  # (n,) int64 numbers of the samples in the batch
    method: LBFGSState  # n samples

    @classmethod
    def begin(cls, method: LBFGS, start: Tensor) -> _Run:
        B, device = len(start), start.device
        return cls(
            x=start.clone(),
            values=torch.full((B,), torch.inf, dtype=torch.float64, device=device),
            status=torch.full((B,), RUNNING, dtype=torch.int8, device=device),
            steps=torch.zeros(B, dtype=torch.int64, device=device),
            evaluations=torch.zeros(B, dtype=torch.int64, device=device),
            mark=torch.full((B,), torch.inf, dtype=torch.float64, device=device),
            marked=torch.zeros(B, dtype=torch.int64, device=device),
            index=torch.arange(B, device=device),
            method=method.init(start.flatten(1)),
        )

    def step(self, method: LBFGS, value: Tensor, gradient: Tensor) -> None:
        active = self.status[self.index] == RUNNING
        self.method = method.step(self.method, value, gradient, active)
        self.evaluations[self.index] += active
        self.values[self.index] = self.method.value
        self.steps[self.index] = self.method.steps.clamp(min=0)

    def judge(
        self,
        limit: Tensor,
        max_steps: int,
        max_evaluations: int | None,
        patience: Patience | None,
    ) -> None:
        """Write the status of samples that have just come to an end."""
        code = self.status[self.index]
        value = self.method.value
        spent = self.method.steps >= max_steps
        if max_evaluations is not None:
            spent |= self.evaluations[self.index] >= max_evaluations
        for condition, status in (
            (value <= limit[self.index], Status.converged),
            (self.method.failed & torch.isinf(value), Status.nonfinite),
            (self.method.failed, Status.line_search_failed),
            (spent, Status.max_steps),
            (self._stalled(patience), Status.stalled),
        ):
            code = torch.where((code == RUNNING) & condition, status.value, code)
        self.status[self.index] = code

    def _stalled(self, patience: Patience | None) -> Tensor:
        """Which samples of the batch have just used up their patience, (n,) bool."""
        if patience is None:
            return torch.zeros_like(self.method.failed)
        before = self.mark[self.index], self.marked[self.index]
        stalled, mark, marked = patience.judge(self.method.value, self.method.steps, *before)
        self.mark[self.index], self.marked[self.index] = mark, marked
        return stalled

    def drop_finished(self) -> None:
        """Record the iterates of finished samples and take these out of the batch."""
        running = self.status[self.index] == RUNNING
        if running.all():
            return
        self.x = self.iterates()
        self.index = self.index[running]
        self.method = compact(self.method, running.nonzero().flatten().tolist())

    def iterates(self) -> Tensor:
        x = self.x.clone()
        flat = rows.from_chunks(self.method.x, prod(x.shape[1:]))
        x[self.index] = flat.reshape(-1, *x.shape[1:])
        return x


def _check(value: Tensor, gradient: Tensor, points: Tensor) -> None:
    if value.shape != points.shape[:1] or gradient.numel() != points.numel():
        raise ValueError(
            f"energy must return values of shape ({len(points)},) and gradients of the shape of x, "
            f"got {tuple(value.shape)} and {tuple(gradient.shape)}."
        )
