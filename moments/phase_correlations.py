"""Moments with the phase harmonics of a coarser band: Cphase, C02 and C12."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from moments import grids
from moments.classes import MomentClass, flat
from moments.harmonics import harmonic, mean_product
from moments.labels import Labels
from moments.pyramid import Level

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
            coarse = level.coefficients_of(j + d, self.get_buffer(f"psi_{j}_{d}"))
            turned = harmonic(coarse, 2**d)
            cross = mean_product(turned.flatten(3), level.coefficients.flatten(3))
            norm = frozen.wave[:, None, j + d] * frozen.wave[None, :, j]
            blocks += flat(cross.real / norm, cross.imag / norm)
        return blocks


class NeighbourHarmonics(MomentClass):
    r"""C02 and C12: the second harmonic of the next coarser band, at every angle.

    C02 = mean_u (|W_{j,l} x| - mu) conj([W_{j+1,l'} x]^2), and
    C12 = mean_u [W_{j+1,l'} x]^2 (W_{j,l} x)^*, l' != l up to 2 L - 1, since W_{l+L} = (W_l)^*; the
    same angle is in Cphase.  Between all ordered pairs of channels.
    """

    def __init__(
        self, family: WaveletFamily, kinds: Sequence[str], delta_angle: int | None
    ) -> None:
        super().__init__(family)
        self.kinds = tuple(kinds)
        self.delta_angle = self.angles if delta_angle is None else delta_angle
        for j in range(self.scales - 1):
            coarse = family.bank.psi(j + 1)
            padded = grids.regrid(coarse, self.grids[j + 1], self.grids[j])
            self.register_buffer(f"psi_{j}", padded, persistent=False)
        for kind in self.kinds:
            self.register_buffer(f"rows_{kind}", torch.as_tensor(self._rows(kind)).T, False)

    def _rows(self, kind: str) -> np.ndarray:
        """Rows (channel and l of the fine band, channel and l of the coarse band)."""
        period = self.angles if kind == "C02" else 2 * self.angles
        spans = [range(self.channels), range(self.angles), range(self.channels), range(period)]
        rows = np.array(list(itertools.product(*spans)))
        apart = np.abs(rows[:, 1] - rows[:, 3])
        turn = np.minimum(apart, period - apart)
        return rows[(turn <= self.delta_angle) & ((kind == "C02") | (turn > 0))]

    def labels(self, j: int) -> Labels:
        if j + 1 == self.scales:
            return Labels.join([])
        blocks = []
        for kind in self.kinds:
            rows = self.get_buffer(f"rows_{kind}").numpy()
            fine = {"c": rows[0], "l": rows[1], "j": j, "k": 0 if kind == "C02" else 1}
            coarse = {"c": rows[2], "l": rows[3], "j": j + 1, "k": 2}
            first, second = (fine, coarse) if kind == "C02" else (coarse, fine)
            columns = {f"{name}1": value for name, value in first.items()}
            columns |= {f"{name}2": value for name, value in second.items()}
            blocks.append(self.rows(kind, rows.shape[1], **columns).complex_parts())
        return Labels.join(blocks)

    def forward(self, level: Level, frozen: Frozen) -> list[Tensor]:
        j = level.j
        if j + 1 == self.scales:
            return []
        coarse = level.coefficients_of(j + 1, self.get_buffer(f"psi_{j}"))
        turned = harmonic(coarse, 2).flatten(3).flatten(1, 2)
        sides = [self.channels, self.angles] * 2
        blocks = []
        for kind in self.kinds:
            c1, l1, c2, l2 = self.get_buffer(f"rows_{kind}")
            if kind == "C02":
                centred = level.magnitudes.flatten(3) - frozen.means[:, j].unsqueeze(-1)
                scale = frozen.modulus[:, j]
                fine = centred.flatten(1, 2).to(turned)
                gram = (fine @ turned.mH).unflatten(2, sides[2:]).unflatten(1, sides[:2])
            else:
                scale = frozen.wave[:, j]
                fine = level.coefficients.flatten(3).flatten(1, 2).conj()
                both = [(fine @ t.mT).unflatten(2, sides[2:]) for t in (turned, turned.conj())]
                gram = torch.cat(both, dim=-1).unflatten(1, sides[:2])
            norm = scale[c1, l1] * frozen.wave[c2, j + 1, l2 % self.angles] * fine.shape[-1]
            cross = gram[:, c1, l1, c2, l2] / norm
            blocks += [cross.real, cross.imag]
        return blocks
