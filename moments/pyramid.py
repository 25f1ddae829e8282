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

from moments import bands, grids
from moments.bank import FilterBank
from moments.wavelets import spectrum


@dataclass(frozen=True)
class Level:
    """One scale of a batch of fields, with the features carried up from the finer ones."""

    j: int
    bank: FilterBank
    field: Tensor  # (batch, channel, *grid) spectrum of the fields, cropped to the scale's grid
    #: Half spectra of the fields and of the finer moduli, (batch, channel + feature, *half grid),
    #: and the means of those moduli, (batch, feature).
    below: tuple[Tensor, Tensor] | None
    #: Coefficients that levels of the same grid share.
    known: dict[tuple[int, tuple[int, ...]], Tensor]

    @property
    def grid(self) -> tuple[int, ...]:
        """Points per axis of the scale's grid."""
        return self.bank.grids[self.j]

    @cached_property
    def band_spectra(self) -> Tensor:
        """Spectra of the wavelet coefficients, (batch, channel, L, *grid) complex."""
        return self.field.unsqueeze(-self.bank.dims - 1) * self.bank.psi(self.j)

    @cached_property
    def coefficients(self) -> Tensor:
        """Coefficients W_{j,l} x on the scale's grid, (batch, channel, L, *grid) complex."""
        return self.coefficients_of(self.j, self.bank.psi(self.j))

    def coefficients_of(self, j: int, psi: Tensor) -> Tensor:
        """Coefficients W_{j,l} x of any scale on this grid, with its wavelets there."""
        key = (j, self.grid)
        if key not in self.known:
            self.known[key] = bands.coefficients(self.field, psi)
        return self.known[key]

    @cached_property
    def _moduli(self) -> tuple[Tensor, Tensor, Tensor]:
        return bands.moduli(self.coefficients, self.bank.dims)

    @property
    def magnitudes(self) -> Tensor:
        """Moduli |W_{j,l} x| on the scale's grid, (batch, channel, L, *grid) real."""
        return self._moduli[0]

    @property
    def moduli(self) -> Tensor:
        """Spectra of |W_{j,l} x|, (batch, channel, L, *half grid) complex."""
        return self._moduli[1]

    @property
    def modulus_means(self) -> Tensor:
        """Means of the moduli of this scale, (batch, channel, L) real."""
        return self._moduli[2]

    @property
    def channels(self) -> int:
        """Number of channels of the fields."""
        return self.field.shape[1]

    @cached_property
    def half(self) -> Tensor:
        """Half spectra of the fields, (batch, channel, *half grid) complex."""
        if self.below is not None:
            return self.below[0][:, : self.channels]
        return self.field[..., : self.grid[-1] // 2 + 1]

    @cached_property
    def finer(self) -> Tensor | None:
        """Half spectra of the finer moduli, (batch, feature, *half grid), None at the finest."""
        return None if self.below is None or self.j == 0 else self.below[0][:, self.channels :]

    @cached_property
    def features(self) -> Tensor:
        """Half spectra of the fields and of the moduli of this and all finer scales.

        (batch, channel + feature, *half grid) complex: the channels, then the moduli in the order
        (scale, channel, orientation).
        """
        below = self.half if self.below is None else self.below[0]
        return torch.cat([below, self.moduli.flatten(1, 2)], dim=1)

    @cached_property
    def carried_means(self) -> Tensor:
        """Means of the moduli among the features, (batch, feature) real."""
        own = self.modulus_means.flatten(1)
        return own if self.below is None else torch.cat([self.below[1], own], dim=1)


def climb(x: Tensor, bank: FilterBank, carry: bool = False, first: int = 0) -> Iterator[Level]:
    """Levels of the fields x, (batch, channel, *space), finest first.

    With ``carry`` each level receives the spectra of the finer moduli.  A climb may start at a
    coarser level, from fields on its grid: the moduli of the levels left out are then zeros.
    """
    current, at = spectrum(x, bank.dims), tuple(x.shape[2:])
    below = None
    if carry:
        half = current[..., : at[-1] // 2 + 1]
        left_out = half.new_zeros(len(x), first * x.shape[1] * bank.angles, *half.shape[2:])
        below = (torch.cat([half, left_out], dim=1), grids.at_zero(left_out, bank.dims).real)
    known: dict[tuple[int, tuple[int, ...]], Tensor] = {}
    for j in range(first, bank.scales):
        grid = bank.grids[j]
        current = grids.regrid(current, at, grid)
        if below is not None:
            below = (grids.regrid(below[0], at, grid, half=True), below[1])
        known = {key: value for key, value in known.items() if key[1] == grid}
        at = grid
        level = Level(j, bank, current, below, known)
        yield level
        if carry:
            below = (level.features, level.carried_means)
