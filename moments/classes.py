"""Classes of moments: which features of a level meet, and at which lags.

Each class sees one level of the climb at a time and returns blocks (batch, m) in the order of its
labels.
"""

from __future__ import annotations

import abc
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from moments.labels import Labels
from moments.pyramid import Level

if TYPE_CHECKING:
    from moments.family import Frozen, WaveletFamily


class MomentClass(nn.Module, abc.ABC):
    """Some moments of every level.

    Parameters
    ----------
    family : WaveletFamily
        Gives the shape, the channels and the bank.
    """

    def __init__(self, family: WaveletFamily) -> None:
        super().__init__()
        self.family_name = family.name
        self.shape, self.dims = family.shape, family.dims
        self.channels, self.scales = family.channels, family.bank.scales
        self.angles = family.bank.angles
        self.grids = family.bank.grids

    @abc.abstractmethod
    def labels(self, j: int) -> Labels:
        """Labels of the moments of level j, in the order of :meth:`forward`."""

    @abc.abstractmethod
    def forward(self, level: Level, frozen: Frozen) -> list[Tensor]:
        """Blocks (batch, m) of one level, normalised by the frozen constants."""

    def rows(self, kind: str, size: int, **columns: object) -> Labels:
        return Labels.rows(self.family_name, kind, size, **columns)


def flat(*values: Tensor) -> list[Tensor]:
    """Each (batch, ...) as (batch, m)."""
    return [value.flatten(1) for value in values]


def as_reals(spectrum: Tensor, dims: int) -> Tensor:
    """Complex spectra (..., *grid) as rows of real numbers (..., 2 K)."""
    return torch.view_as_real(spectrum).flatten(-dims - 1)
