"""Families put together from moment classes: one climb, each class in turn at every level."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from moments.classes import MomentClass
from moments.family import Frozen, LevelwiseFamily
from moments.labels import Labels
from moments.low_pass import LowPass
from moments.pyramid import Level, climb


class ComposedFamily(LevelwiseFamily):
    """A family whose moments are those of its classes, level by level, finest first.

    Subclasses are final: their ``__init__`` hands the classes to :meth:`compose`.
    """

    carry: ClassVar[bool] = True

    def compose(self, parts: Sequence[MomentClass]) -> None:
        """Take these classes, each once, in this order."""
        self.parts = torch.nn.ModuleDict({type(part).__name__: part for part in parts})
        scales = range(self.bank.scales)
        levels = [Labels.join(part.labels(j) for part in parts) for j in scales]
        self.labels = Labels.join(levels)
        self.starts = np.cumsum([0, *map(len, levels)]).tolist()

    def constants(self, x: Tensor) -> dict[str, Tensor]:
        """Power and mean modulus of the bands, power of the low passes."""
        out = super().constants(x)
        for name, part in self.parts.items():
            if isinstance(part, LowPass):
                out[f"parts.{name}.power"] = part.powers(climb(x, self.bank))
        return out

    def of_level(self, level: Level, frozen: Frozen) -> list[Tensor]:
        """Blocks of all classes."""
        return [block for part in self.parts.values() for block in part(level, frozen)]
