"""How heavy the tails of the bands are: what products of two features do not hold."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from torch import Tensor

from moments.classes import MomentClass, flat
from moments.family import LEAST_POWER
from moments.harmonics import squared
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
        energy = squared(level.coefficients.flatten(3) / frozen.wave[:, level.j].unsqueeze(-1))
        return flat(energy.square().mean(-1) / energy.mean(-1).square().clamp(min=LEAST_POWER))
