"""Samples that need no descent: the Gaussian law of a covariance model."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from moments.covariance import Covariance
from moments.gaussian import GaussianLaw, maximum_entropy
from solvers import Status
from synth.energy import MomentEnergy, outcome_of


class ExactGaussian:
    """Draws from the maximum-entropy laws of target moments, each solved for once.

    Parameters
    ----------
    tolerance : float
        Rms difference between a law's mean moments and the target, in spreads, at which the law
        has converged.
    """

    def __init__(self, tolerance: float) -> None:
        self.tolerance = tolerance
        self.laws: dict[bytes, GaussianLaw] = {}

    def draw(self, energy: MomentEnergy, noise: Tensor) -> tuple[np.ndarray, list[dict[str, Any]]]:
        """One field of each white noise, (n, channel, *space), and how it was made.

        ``mismatch_sigma`` is that of the field: about 1 for moments that fluctuate as the spread
        says.  ``status`` is that of the law.
        """
        fields, outcomes = [], []
        for row, white in enumerate(noise):
            law = self._law(energy, row)
            field = law.draw(white[None])
            with torch.no_grad():
                residual = energy.residual(field, torch.tensor([row], device=field.device))[0]
            status = Status.converged if law.mismatch <= self.tolerance else Status.max_steps
            fields.append(field[0])
            outcomes.append(outcome_of(residual, energy.weight, status.name, 0))
        return torch.stack(fields).cpu().numpy(), outcomes

    def _law(self, energy: MomentEnergy, row: int) -> GaussianLaw:
        target = energy.targets[row if len(energy.targets) > 1 else 0]
        key = target.cpu().numpy().tobytes()
        if key not in self.laws:
            op = energy.op
            assert isinstance(op, Covariance)
            self.laws[key] = maximum_entropy(op, target, 1 / energy.weight, self.tolerance)
        return self.laws[key]
