"""Moments between the phases of bands of different scales: Cphase."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np
from torch import Tensor

from moments import grids
from moments.classes import MomentClass, flat
from moments.harmonics import harmonic
from moments.labels import Labels
from moments.pyramid import Level
from moments.wavelets import synthesis

if TYPE_CHECKING:
    from moments.family import Frozen, WaveletFamily


class Harmonics(MomentClass):
    """Cphase: the coarse band's phase multiplied up to the fine band's frequency, at the same
    angle.

    C = mean_u [W_{j+d,l} x]^(2^d) (W_{j,l} x)^*, between all ordered pairs of channels.
    """

    def __init__(self, family: WaveletFamily, largest: int) -> None:
        super().__init__(family)
        if largest < 2:
            raise ValueError(f"harmonics={largest} was asked for; 2 or more would work.")
        self.steps = range(1, largest.bit_length())
        for j, d in itertools.product(range(self.scales), self.steps):
            if j + d < self.scales:
                coarse = family.bank.psi(j + d)
                padded = grids.regrid(coarse, self.grids[j + d], self.grids[j])
                self.register_buffer(f"psi_{j}_{d}", padded, persistent=False)

    def labels(self, j: int) -> Labels:
        every = list(itertools.product(*[range(self.channels)] * 2, range(self.angles)))
        coarse, fine, l = np.array(every).T
        return Labels.join(
            self.rows(
                "Cphase", len(every), c1=coarse, j1=j + d, l1=l, k1=2**d, c2=fine, j2=j, l2=l, k2=1
            ).complex_parts()
            for d in self.steps
            if j + d < self.scales
        )

    def forward(self, level: Level, frozen: Frozen) -> list[Tensor]:
        j, blocks = level.j, []
        for d in self.steps:
            if j + d >= self.scales:
                break
            coarse = level.field.unsqueeze(-self.dims - 1) * self.get_buffer(f"psi_{j}_{d}")
            turned = harmonic(synthesis(coarse, self.dims), 2**d).flatten(3).transpose(1, 2)
            fine = level.coefficients.flatten(3).transpose(1, 2)  # (batch, L, channel, K)
            cross = (turned @ fine.mH).permute(0, 2, 3, 1) / fine.shape[-1]
            norm = frozen.wave[:, None, j + d] * frozen.wave[None, :, j]
            blocks += flat(cross.real / norm, cross.imag / norm)
        return blocks
