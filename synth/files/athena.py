"""A field cut in mesh blocks of equal size, put together by their places."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from synth.numbers import as_floats, float_type


@dataclass(frozen=True)
class Mosaic:
    """One variable of an Athena++ dataset (variable, block, z, y, x) as one sample.

    Attributes
    ----------
    path : str
    variable : int
    locations : ndarray of int, (block, 3)
        Place of each block along x, y, z, in blocks.
    block : tuple of int
        Size (z, y, x) of a block.
    stored_type : dtype
    """

    path: str
    variable: int
    locations: np.ndarray
    block: tuple[int, ...]
    stored_type: np.dtype

    @property
    def dtype(self) -> np.dtype:
        return float_type(self.stored_type)

    @property
    def _whole(self) -> tuple[int, ...]:
        blocks = self.locations.max(0)[::-1] + 1
        return tuple(int(n) * size for n, size in zip(blocks, self.block, strict=True))

    @property
    def space(self) -> tuple[str, ...]:
        return tuple(name for name, size in zip("zyx", self._whole, strict=True) if size > 1)

    @property
    def shape(self) -> tuple[int, ...]:
        return (1, 1, *(size for size in self._whole if size > 1))

    def read(self, root: Mapping[str, Any], start: int, stop: int) -> np.ndarray:
        whole = np.full(self._whole, np.nan, self.dtype)
        for i, place in enumerate(self.locations[:, ::-1]):
            corner = [int(n) * size for n, size in zip(place, self.block, strict=True)]
            box = tuple(slice(c, c + size) for c, size in zip(corner, self.block, strict=True))
            whole[box] = as_floats(root[self.path][self.variable, i])
        return whole.reshape(self.shape)[start:stop]
