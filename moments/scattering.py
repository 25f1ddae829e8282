"""Scattering moments of orders 1 and 2: how much a field oscillates, and how unevenly."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from moments.bank import FilterBank
from moments.classes import MomentClass
from moments.composed import ComposedFamily
from moments.family import Frozen, WaveletFamily
from moments.harmonics import modulus
from moments.labels import Labels
from moments.low_pass import LowPass
from moments.pyramid import Level
from moments.wavelets import real_synthesis, spectrum, synthesis


class Scattering12(MomentClass):
    r"""S1 = <|W x|> / sqrt(P) and P = <|W x|^2> / P, with the frozen power P of each band."""

    def __init__(self, family: WaveletFamily) -> None:
        super().__init__(family)
        for j in range(self.scales):
            self.register_buffer(f"energy_{j}", family.bank.psi(j) ** 2, persistent=False)

    def labels(self, j: int) -> Labels:
        c, l = np.array(list(itertools.product(range(self.channels), range(self.angles)))).T
        columns = {"c1": c, "c2": c, "j1": j, "j2": j, "l1": l, "l2": l}
        return Labels.join(
            [
                self.rows("S1", len(c), c1=c, j1=j, l1=l, k1=0),
                self.rows("P", len(c), k1=1, k2=1, **columns),
            ]
        )

    def forward(self, level: Level, frozen: Frozen) -> list[Tensor]:
        wave, axes = frozen.wave[:, level.j], tuple(range(-self.dims, 0))
        spectrum = torch.view_as_real(level.field).square().sum(-1).unsqueeze(-self.dims - 1)
        power = (spectrum * self.get_buffer(f"energy_{level.j}")).sum(axes)
        return [(level.modulus_means / wave).flatten(1), (power / wave**2).flatten(1)]


class SecondOrder(MomentClass):
    r"""S2 of the level's wavelets with the moduli of all finer bands, channel by channel.

    The moduli arrive cropped to the level's grid, where the second wavelet lives.
    """

    def _finer(self, j: int) -> np.ndarray:
        """Rows (scale, channel, orientation) of the moduli carried to level j."""
        spans = (range(j), range(self.channels), range(self.angles))
        return np.array(list(itertools.product(*spans)), dtype=int).reshape(-1, 3)

    def labels(self, j: int) -> Labels:
        first = np.repeat(self._finer(j), self.angles, axis=0)
        j1, c, l1 = first.T
        l2 = np.tile(np.arange(self.angles), len(first) // self.angles)
        return self.rows(
            "S2", len(first), c1=c, c2=c, j1=j1, l1=l1, k1=0, j2=j, l2=l2, k2=0
        )  # fmt: skip

    def forward(self, level: Level, frozen: Frozen) -> list[Tensor]:
        if level.finer is None:
            return []
        j, dims, axes = level.j, self.dims, tuple(range(-self.dims, 0))
        moduli = real_synthesis(level.finer, level.grid)
        bands = spectrum(moduli, dims).unsqueeze(-dims - 1) * level.bank.psi(j)
        means = modulus(synthesis(bands, dims)).mean(axes)  # (batch, feature, L)
        scale = frozen.wave[:, :j].transpose(0, 1).flatten().unsqueeze(-1)
        return [(means / scale).flatten(1)]


class Scattering(ComposedFamily):
    r"""Scattering moments of orders 1 and 2.

    .. math:: S_1 = \frac{\langle|W_1x|\rangle}{\sqrt{P_1}},\qquad
              P = \frac{\langle|W_1x|^2\rangle}{P_1},\qquad
              S_2 = \frac{\langle\,\big||W_1x|\star\psi_2\big|\,\rangle}{\sqrt{P_1}}
              \quad (j_2 > j_1),

    P_1 the frozen power of the target (Mallat 2012, arXiv 1101.2286;
    Bruna & Mallat 2018, arXiv 1801.02013).  S1 over the square root of P measures sparsity, S2 how
    the oscillations of one scale cluster on another; neither knows a phase.  The mean and the
    covariance of the low pass are added.  Channels are measured one by one, their low passes with
    each other too.
    """

    name = "scattering"

    def __init__(self, shape: Sequence[int], channels: int, bank: FilterBank) -> None:
        super().__init__(shape, channels, bank)
        self.compose([Scattering12(self), SecondOrder(self), LowPass(self, 0, one_point=False)])
