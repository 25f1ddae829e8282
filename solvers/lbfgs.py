"""Limited-memory BFGS, one independent path per sample of a batch.

The direction is the two-loop recursion (Nocedal & Wright 2006, algorithm 7.4) on coefficients
instead of vectors, as in the vector-free form of Chen, Wang & Zhou (2014): all vectors in play
are rows of one basis [s_1 .. s_M, y_1 .. y_M, g]; their inner products are kept in float64. A step
reads the basis twice: once for the new inner products, once to form the direction.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from solvers import basis as rows
from solvers import linesearch
from solvers.linesearch import Search

ROUNDINGS = 10  # relative error of an energy, in units of its type's rounding


@dataclass(frozen=True)
class LBFGSState:
    """All that the next step needs; the first axis of every entry is the sample."""

    x: Tensor  # (B, K, c) iterate
    trial: Tensor  # (B, K, c) point whose energy the next step needs, x + t p
    direction: Tensor  # (B, K, c) p
    basis: Tensor  # (B, K, 2M+1, c) rows s, y (rings of M = history + 1 slots) and g
    gram: Tensor  # (B, 2M+1, 2M+1) float64 inner products of the rows
    head: Tensor  # (B,) int64 ring slot that is free for the next pair
    count: Tensor  # (B,) int64 pairs held
    steps: Tensor  # (B,) int64 accepted steps
    failed: Tensor  # (B,) bool: no step lowers the energy
    search: Search

    @property
    def value(self) -> Tensor:
        """Energy of the iterate, (B,) float64; infinite before the first evaluation."""
        return self.search.value


@dataclass(frozen=True)
class LBFGS:
    """L-BFGS with a weak Wolfe line search (algorithm 7.5 of Nocedal & Wright 2006).

    Parameters
    ----------
    history : int
        Number of pairs (s, y) kept per sample; 0 is steepest descent.
    armijo, wolfe : float
        Constants of the line search, see `solvers.linesearch.advance`.
    max_trials : int
        Trials of one line search. When they are used up the history is cleared and the search
        repeated along the gradient; when that is used up too, the sample has failed.
    """

    history: int = 20
    armijo: float = 1e-4
    wolfe: float = 0.9
    max_trials: int = 20

    def __post_init__(self) -> None:
        if self.history < 0:
            raise ValueError(f"history must be 0 or more pairs, got {self.history}.")
        if not 0 < self.armijo < self.wolfe < 1:
            raise ValueError(
                "The line search needs 0 < armijo < wolfe < 1, "
                f"got armijo={self.armijo} and wolfe={self.wolfe}."
            )
        if self.max_trials < 1:
            raise ValueError(f"max_trials must be at least 1, got {self.max_trials}.")

    def memory(self, d: int, dtype: torch.dtype = torch.float32) -> int:
        """Bytes that the state of one sample of ``d`` numbers takes, its step included."""
        c = rows.chunk_size(d)
        # The basis; x, trial and p, old and new; s, y, g and the gradient while they are written.
        vectors = 2 * (self.history + 1) + 1 + 6 + 4
        return vectors * -(-d // c) * c * dtype.itemsize

    def init(self, start: Tensor) -> LBFGSState:
        """State before the first evaluation, from starting points (B, d).

        The start is the first trial: a step of length zero from an infinite value.
        """
        B, x = len(start), rows.to_chunks(start)
        n_rows = 2 * (self.history + 1) + 1
        number = torch.zeros(B, dtype=torch.float64, device=x.device)
        integer = torch.zeros(B, dtype=torch.int64, device=x.device)
        return LBFGSState(
            x=x.clone(),
            trial=x.clone(),
            direction=torch.zeros_like(x),
            basis=x.new_zeros(B, x.shape[1], n_rows, x.shape[2]),
            gram=number.new_zeros(B, n_rows, n_rows),
            head=integer,
            count=integer,
            steps=integer - 1,
            failed=torch.zeros_like(integer, dtype=torch.bool),
            search=linesearch.begin(number + torch.inf, number, number),
        )

    def step(
        self, state: LBFGSState, value: Tensor, gradient: Tensor, active: Tensor
    ) -> LBFGSState:
        """Use the energies (B,) float64 and gradients (B, d) of the trials.

        Samples outside ``active`` (B,) keep their iterate. The basis and the Gram matrix are
        updated in place: the state passed in is used up.
        """
        g_trial = rows.to_chunks(gradient)
        search, accepted, exhausted = linesearch.advance(
            state.search,
            value,
            rows.dot(g_trial, state.direction),
            armijo=self.armijo,
            wolfe=self.wolfe,
            resolution=ROUNDINGS * torch.finfo(state.x.dtype).eps,
            max_trials=self.max_trials,
        )
        accepted, exhausted = accepted & active, exhausted & active
        value = torch.where(accepted, value, state.value)
        x = self._record(state, accepted, g_trial)

        M, (head, count) = self.history + 1, self._keep_pair(state, accepted)
        weights = direction_weights(state.gram, head, count)
        slope = (weights * state.gram[:, 2 * M]).sum(1)
        # Rounding can spoil a direction, or a search can fail along it: then take the gradient's.
        descends = (slope < 0) & ~exhausted
        count = torch.where(descends, count, 0)
        steepest = torch.zeros_like(weights)
        steepest[:, 2 * M] = -1.0
        weights = torch.where(descends[:, None], weights, steepest)
        squared = state.gram[:, 2 * M, 2 * M]
        slope = torch.where(descends, slope, -squared)
        # Without curvature: the step at which the tangent of the energy meets zero.
        length = torch.where(count > 0, 1.0, torch.where(value == 0, 1.0, value.abs()) / squared)

        renewed = accepted | exhausted
        fresh = linesearch.begin(value, slope, length)
        search = linesearch.choose(renewed, fresh, search)
        direction = rows.combine(weights, state.basis)
        return replace(
            state,
            x=x,
            trial=x + search.step.to(x.dtype)[:, None, None] * direction,
            direction=direction,
            head=head,
            count=count,
            steps=state.steps + accepted,
            # Failed: along the gradient too, at a stationary point, or at a start without energy.
            failed=(exhausted & (state.count == 0)) | (renewed & (squared == 0)) | value.isinf(),
            search=search,
        )

    def _record(self, state: LBFGSState, accepted: Tensor, g_trial: Tensor) -> Tensor:
        """Move the accepted samples: new rows s, y, g and their inner products; returns x."""
        M, sample = self.history + 1, torch.arange(len(accepted), device=accepted.device)
        B, K, _, c = state.basis.shape
        new = accepted[:, None, None]
        g = state.basis[:, :, 2 * M]
        x = torch.where(new, state.trial, state.x)
        # The slot at ``head`` is free: a sample that did not move writes zeros there.
        vectors = g.new_empty(B, K, 3, c)
        s_new, y_new, g_new = vectors.unbind(2)
        torch.sub(x, state.x, out=s_new)
        torch.where(new, g_trial, g, out=g_new)
        torch.sub(g_new, g, out=y_new)
        slots = torch.stack([state.head, M + state.head, torch.full_like(state.head, 2 * M)], 1)
        state.basis[sample[:, None], :, slots] = vectors.transpose(1, 2)
        products = rows.dots(state.basis, vectors)  # (B, 2M+1, 3)
        state.gram[sample[:, None], :, slots] = products.transpose(1, 2)
        state.gram[sample[:, None], slots] = products.transpose(1, 2)
        return x

    def _keep_pair(self, state: LBFGSState, accepted: Tensor) -> tuple[Tensor, Tensor]:
        """Advance the ring where the newest pair has positive curvature; head and count."""
        M, sample = self.history + 1, torch.arange(len(accepted), device=accepted.device)
        s, y = state.head, M + state.head
        curvature, gram = state.gram[sample, s, y], state.gram
        scale = torch.sqrt(gram[sample, s, s] * gram[sample, y, y])
        kept = accepted & (curvature > torch.finfo(state.x.dtype).eps * scale)
        head = torch.where(kept, (state.head + 1) % M, state.head)
        return head, torch.where(kept, (state.count + 1).clamp(max=self.history), state.count)


def direction_weights(gram: Tensor, head: Tensor, count: Tensor) -> Tensor:
    """Weights of the basis rows in p = -H g: the two-loop recursion on coefficients.

    With the pairs ordered from old to new, R = triu(S^T Y), D its diagonal and
    gamma = s^T y / y^T y of the newest pair, the first loop is the triangular system
    R alpha = S^T g, the second is R^T c = D alpha - gamma Y^T q with q = g - Y alpha, and
    p = -(gamma q + S c).

    Parameters
    ----------
    gram : Tensor (B, 2M+1, 2M+1) float64
        Inner products of the rows [s, y, g], s and y in rings of M slots.
    head, count : Tensor (B,) int64
        The free slot, and how many of the slots before it hold pairs.

    Returns
    -------
    Tensor (B, 2M+1) float64
    """
    B, M = len(gram), (gram.shape[1] - 1) // 2
    m = M - 1
    sample = torch.arange(B, device=gram.device)
    age = torch.arange(m, device=gram.device)
    valid = age < count[:, None]  # (B, m), oldest first
    s = (head[:, None] - count[:, None] + age) % M
    y = M + s
    both = valid[:, :, None] & valid[:, None, :]
    identity = torch.eye(m, dtype=gram.dtype, device=gram.device)
    sy = gram[sample[:, None, None], s[:, :, None], y[:, None, :]]
    yy = torch.where(both, gram[sample[:, None, None], y[:, :, None], y[:, None, :]], 0.0)
    sg = torch.where(valid, gram[sample[:, None], s, 2 * M], 0.0)
    yg = torch.where(valid, gram[sample[:, None], y, 2 * M], 0.0)
    R = torch.where(both, sy.triu(), identity)
    diagonal = R.diagonal(dim1=1, dim2=2)
    newest = (head - 1) % M
    gamma = torch.where(
        count > 0, gram[sample, newest, M + newest] / gram[sample, M + newest, M + newest], 1.0
    )[:, None]
    alpha = torch.linalg.solve_triangular(R, sg[:, :, None], upper=True)[:, :, 0]
    yq = yg - (yy * alpha[:, None, :]).sum(2)
    c = torch.linalg.solve_triangular(
        R.transpose(1, 2), (diagonal * alpha - gamma * yq)[:, :, None], upper=False
    )[:, :, 0]
    weights = torch.zeros(B, 2 * M + 1, dtype=gram.dtype, device=gram.device)
    weights.scatter_(1, s, torch.where(valid, -c, 0.0))
    weights.scatter_(1, y, torch.where(valid, gamma * alpha, 0.0))
    weights[:, 2 * M] = -gamma[:, 0]
    return weights
