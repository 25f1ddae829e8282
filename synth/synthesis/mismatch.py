"""How far the moments of a field are from their target, in units of their sampling spread."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from moments import MomentFamily


class Mismatch:
    r"""The mean square mismatch :math:`E = \sum_m n_m ((\Phi_m-\mu_m)/s_m)^2 / \sum_m n_m`.

    n_m is 1, except at coarse scales: a field of d values has :math:`V_j = d\,2^{-jD}` of them at
    scale j, and moments that reach it cannot hold more than as many independent numbers.  Where
    there are more, they count together as V_j.  Otherwise coarse scales, of which a field shows a
    few coefficients and the moments are hundreds, would be forced to copy their example and decide
    when a sample has converged.

    Parameters
    ----------
    op : MomentFamily
    spread : Tensor, (M,)
        s.
    first : int
        Moments that depend on finer scales than this do not count.
    """

    def __init__(self, op: MomentFamily, spread: Tensor, first: int = 0) -> None:
        counts = np.where(op.finest_scales >= first, shares(op), 0.0)
        self.total = float(counts.sum())
        self.weight = torch.as_tensor(np.sqrt(counts), device=spread.device).to(spread) / spread

    def residual(self, moments: Tensor, targets: Tensor) -> Tensor:
        """Root of n times (Phi - mu) / s, (n, M), of moments Phi and targets mu, (n, M)."""
        return (moments - targets) * self.weight

    def energy(self, residual: Tensor) -> Tensor:
        """E of residuals (n, M), (n,) float64."""
        return residual.double().square().sum(-1) / self.total

    def outcome(self, moments: Tensor, target: Tensor, status: str, steps: int) -> dict[str, Any]:
        """What is kept of a sample's making, of its moments (M,) and how it ended."""
        plain = (moments - target).double()
        loss = float(self.energy(self.residual(moments, target)))
        return {
            "status": status,
            "steps": steps,
            "loss": loss,
            "mismatch_rms": float(plain.square().mean().sqrt()),
            "mismatch_max": float(plain.abs().max()),
            "mismatch_sigma": math.sqrt(loss),
        }


def shares(op: MomentFamily) -> np.ndarray:
    """n of :class:`Mismatch`, (M,) between 0 and 1."""
    coarsest = op.coarsest_scales
    values = op.channels * math.prod(op.shape) / 2.0 ** (op.dims * coarsest)
    return np.minimum(1.0, values / np.bincount(coarsest)[coarsest])
