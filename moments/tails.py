"""How heavy the tails of the bands are: what products of two features do not hold."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from moments.classes import MomentClass, flat
from moments.family import LEAST_POWER
from moments.labels import Labels
from moments.pyramid import Level

if TYPE_CHECKING:
    from moments.family import Frozen


class Flatness(MomentClass):
    r"""F: the flatness of a band, :math:`\langle|W_\lambda x|^4\rangle / \langle|W_\lambda
    x|^2\rangle^2`.

    2 for a Gaussian field.  Rare strong events hold little of the mean and of the power of a
    modulus, which S00 compares, and most of its fourth moment (Meneveau 1991, J. Fluid Mech. 232,
    469).  Each field is normalised by its own power, not by the target's: the powers of single
    realizations scatter, and in units of that scatter the flatness would be matched loosely.
    """

    def labels(self, j: int) -> Labels:
        c, l = np.divmod(np.arange(self.channels * self.angles), self.angles)
        return self.rows("F", len(c), c1=c, j1=j, l1=l)

    def forward(self, level: Level, frozen: Frozen) -> list[Tensor]:
        unit = frozen.wave[:, level.j].unsqueeze(-1)
        return flat(_Flatness.apply(level.magnitudes.flatten(3), unit))


class _Flatness(torch.autograd.Function):
    """<r^4> / <r^2>^2 over positions, of r in units near its own size, so that r^4 is finite."""

    @staticmethod
    def forward(ctx, magnitudes, unit):  # type: ignore[no-untyped-def]
        energy = (magnitudes / unit).square_()
        mean = energy.mean(-1)
        square = mean.square().clamp(min=LEAST_POWER)
        flatness = torch.linalg.vecdot(energy, energy) / (energy.shape[-1] * square)
        ctx.save_for_backward(magnitudes, energy, mean, square, flatness, unit)
        return flatness

    @staticmethod
    @once_differentiable
    def backward(ctx, grad):  # type: ignore[no-untyped-def]
        magnitudes, energy, mean, square, flatness, unit = ctx.saved_tensors
        # d/dr = 4 r (r^2 - F <r^2>) / (d <r^2>^2); without the last term where <r^2> is floored.
        held = torch.where(mean.square() > LEAST_POWER, flatness * mean, 0.0)
        factor = 4 * grad / (energy.shape[-1] * square)
        slope = (energy - held.unsqueeze(-1)).mul_(magnitudes)
        return slope.mul_(factor.unsqueeze(-1) / unit.square()), None
