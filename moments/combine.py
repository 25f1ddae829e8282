"""Sums of families: their moments one after the other."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from moments.family import MomentFamily
from moments.labels import Labels


class Sum(MomentFamily):
    """Several families of one field, as one.

    Moments and labels follow each other in the order of the parts; the constants of part i are
    named ``parts.i.<name>``.

    Parameters
    ----------
    parts : sequence of MomentFamily
        For fields of the same shape and channels, on the same bank.
    """

    def __init__(self, parts: Sequence[MomentFamily]) -> None:
        super().__init__(parts[0].shape, parts[0].channels)
        self.name = "+".join(part.name for part in parts)  # type: ignore[misc]
        self.bank = parts[0].bank
        self.parts = torch.nn.ModuleList(parts)
        self.labels = Labels.join(part.labels for part in parts)

    def constants(self, x: Tensor) -> dict[str, Tensor]:
        """The constants of every part."""
        return {
            f"parts.{number}.{name}": value
            for number, part in enumerate(self.parts)
            for name, value in part.constants(x).items()  # type: ignore[operator]
        }

    def band_power(self) -> Tensor:
        """As every part has it."""
        return self.parts[0].band_power()  # type: ignore[operator]

    def forward(self, x: Tensor) -> Tensor:
        """Moments of all parts, (batch, M)."""
        return torch.cat([part(x) for part in self.parts], dim=1)
