"""Samples that need no descent: the Gaussian law of a covariance model."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from moments.covariance import Covariance
from moments.gaussian import GaussianLaw, maximum_entropy
from solvers import Status
from synth.synthesis.mismatch import Mismatch


class ExactGaussian:
    """Draws from the maximum-entropy laws of target moments, each solved for once.

    Parameters
    ----------
    op : Covariance
    spread : Tensor, (M,)
        Unit of the mismatch of each moment.
    tolerance : float
        Rms difference between a law's mean moments and the target, in spreads, at which the law
        has converged.
    """

    def __init__(self, op: Covariance, spread: Tensor, tolerance: float) -> None:
        self.op, self.spread, self.tolerance = op, spread, tolerance
        self.mismatch = Mismatch(op, spread)
        self.laws: dict[bytes, GaussianLaw] = {}

    def draw(self, targets: Tensor, noise: Tensor) -> tuple[np.ndarray, list[dict[str, Any]]]:
        """One field of each white noise, (n, channel, *space), and how it was made.

        The targets are (n, M), or (1, M) for all.

        ``mismatch_sigma`` is that of the field: about 1 for moments that fluctuate as the spread
        says.  ``status`` is that of the law.
        """
        fields, outcomes = [], []
        for target, white in zip(targets.expand(len(noise), -1), noise, strict=True):
            law = self._law(target)
            field = law.draw(white[None])
            with torch.no_grad():
                moments = self.op(field)[0]
            status = Status.converged if law.mismatch <= self.tolerance else Status.max_steps
            fields.append(field[0])
            outcomes.append(self.mismatch.outcome(moments, target, status.name, 0))
        return torch.stack(fields).cpu().numpy(), outcomes

    def _law(self, target: Tensor) -> GaussianLaw:
        key = target.cpu().numpy().tobytes()
        if key not in self.laws:
            self.laws[key] = maximum_entropy(self.op, target, self.spread, self.tolerance)
        return self.laws[key]
