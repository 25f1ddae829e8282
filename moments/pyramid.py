"""The climb from fine to coarse scales that every wavelet family shares.

At each scale the field's spectrum is cropped to the scale's own grid, so a whole climb costs little
more than its first two levels.  Families that correlate scales carry the finer moduli, cropped
with the field: by Parseval only the low wavenumbers of a fine feature meet a coarse one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from moments import grids
from moments.bank import FilterBank
from moments.harmonics import modulus
from moments.wavelets import half_spectrum, spectrum, synthesis


@dataclass(frozen=True)
class Level:
    """One scale of a batch of fields, with the features carried up from the finer ones."""

    j: int
    bank: FilterBank
    field: Tensor  # (batch, channel, *grid) spectrum of the fields, cropped to the scale's grid
    #: (batch, channel + feature, *half grid) half spectra of the fields and of the finer moduli.
    below: Tensor | None

    @property
    def grid(self) -> tuple[int, ...]:
        """Points per axis of the scale's grid."""
        return self.bank.grids[self.j]

    @cached_property
    def bands(self) -> Tensor:
        """Spectra of the wavelet coefficients, (batch, channel, L, *grid) complex."""
        return self.field.unsqueeze(-self.bank.dims - 1) * self.bank.psi(self.j)

    @cached_property
    def coefficients(self) -> Tensor:
        """Coefficients W_{j,l} x on the scale's grid, (batch, channel, L, *grid) complex."""
        return synthesis(self.bands, self.bank.dims)

    @cached_property
    def moduli(self) -> Tensor:
        """Spectra of |W_{j,l} x|, (batch, channel, L, *half grid) complex."""
        return half_spectrum(modulus(self.coefficients), self.bank.dims)

    @cached_property
    def modulus_means(self) -> Tensor:
        """Means of the moduli of this scale, (batch, channel, L) real."""
        return grids.at_zero(self.moduli, self.bank.dims).real

    @property
    def channels(self) -> int:
        """Number of channels of the fields."""
        return self.field.shape[1]

    @cached_property
    def half(self) -> Tensor:
        """Half spectra of the fields, (batch, channel, *half grid) complex."""
        if self.below is not None:
            return self.below[:, : self.channels]
        return self.field[..., : self.grid[-1] // 2 + 1]

    @cached_property
    def finer(self) -> Tensor | None:
        """Half spectra of the finer moduli, (batch, feature, *half grid), None at the finest."""
        return None if self.below is None or self.j == 0 else self.below[:, self.channels :]

    @cached_property
    def features(self) -> Tensor:
        """Half spectra of the fields and of the moduli of this and all finer scales.

        (batch, channel + feature, *half grid) complex: the channels, then the moduli in the order
        (scale, channel, orientation).
        """
        below = self.half if self.below is None else self.below
        return torch.cat([below, self.moduli.flatten(1, 2)], dim=1)

    @cached_property
    def carried(self) -> Tensor:
        """The moduli among the features, (batch, feature, *half grid) complex."""
        return self.features[:, self.channels :]

    @cached_property
    def carried_means(self) -> Tensor:
        """Means of the carried moduli, (batch, feature) real."""
        return grids.at_zero(self.carried, self.bank.dims).real


def climb(x: Tensor, bank: FilterBank, carry: bool = False) -> Iterator[Level]:
    """Levels of the fields x, (batch, channel, *space), finest first.

    With ``carry`` each level receives the spectra of the finer moduli.
    """
    current, at = spectrum(x, bank.dims), bank.shape
    below = current[..., : at[-1] // 2 + 1] if carry else None
    for j, grid in enumerate(bank.grids):
        current = grids.regrid(current, at, grid)
        if below is not None:
            below = grids.regrid(below, at, grid, half=True)
        at = grid
        level = Level(j, bank, current, below)
        yield level
        if carry:
            below = level.features
