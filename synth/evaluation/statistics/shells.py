"""Sets of Fourier modes: shells of wavenumber, octaves, and averages over them.

Wavenumbers are counted in waves per shortest side of the field, k = |w| N_min / (2 pi), so that
the shells of a rectangle or a box are round in radians per pixel. Shells end at N_min / 2: the
corners beyond the Nyquist wavenumber of the axes are left out.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

SHELLS_PER_OCTAVE = 6
LEAST_MODES = 8


def frequencies(shape: tuple[int, ...]) -> list[Tensor]:
    """Angular frequencies of each axis in radians per pixel, broadcastable, on the half grid."""
    axes = []
    for axis, size in enumerate(shape):
        last = axis == len(shape) - 1
        grid = torch.fft.rfftfreq(size) if last else torch.fft.fftfreq(size)
        view = [-1 if a == axis else 1 for a in range(len(shape))]
        axes.append((2 * math.pi * grid.to(torch.float64)).reshape(view))
    return axes


def wavenumber(shape: tuple[int, ...]) -> Tensor:
    """k of every mode of the half grid, float64."""
    squares = sum((w.square() for w in frequencies(shape)), start=torch.zeros(()))
    return squares.sqrt() * (min(shape) / (2 * math.pi))


def multiplicity(shape: tuple[int, ...]) -> Tensor:
    """How many modes of the full grid each mode of the half grid stands for: 1 or 2."""
    size = shape[-1]
    weight = torch.full((size // 2 + 1,), 2.0, dtype=torch.float64)
    weight[0] = 1.0
    if size % 2 == 0:
        weight[-1] = 1.0
    return weight.expand(*shape[:-1], -1)


@dataclass(frozen=True)
class Shells:
    """A partition of the half grid: shell i holds the modes with edges[i] <= k < edges[i+1]."""

    index: Tensor  # (half grid,) flattened; the number of shells where a mode is in none
    counts: Tensor  # (shells,) modes of the full grid
    weight: Tensor  # (half grid,) flattened multiplicity
    centre: Tensor  # (shells,) mean wavenumber

    def __len__(self) -> int:
        return len(self.counts)

    def sum(self, modes: Tensor) -> Tensor:
        """Sum over the full grid: (..., flattened half grid) -> (..., shells), float64."""
        rows = (modes.double() * self.weight).reshape(-1, modes.shape[-1])
        sums = [torch.bincount(self.index, row, len(self) + 1)[:-1] for row in rows]
        return torch.stack(sums).reshape(*modes.shape[:-1], len(self))

    def mean(self, modes: Tensor) -> Tensor:
        """Mean over the modes of each shell: (..., flattened half grid) -> (..., shells)."""
        return self.sum(modes) / self.counts


@lru_cache(maxsize=32)
def shells(shape: tuple[int, ...]) -> Shells:
    """Shells of unit width, widening to six an octave, merged until each has eight modes."""
    highest = min(shape) // 2
    edges = [1.0]
    while edges[-1] < highest:
        edges.append(max(edges[-1] + 1, round(edges[-1] * 2 ** (1 / SHELLS_PER_OCTAVE))))
    return _merged(shape, edges, LEAST_MODES)


@lru_cache(maxsize=32)
def octaves(shape: tuple[int, ...]) -> Shells:
    """Octaves of wavenumber [1, 2), [2, 4), ..., merged until each has eight modes."""
    return _merged(shape, [2.0**i for i in range((min(shape) // 2).bit_length() + 1)], LEAST_MODES)


def _merged(shape: tuple[int, ...], edges: list[float], least: int) -> Shells:
    k, weight = wavenumber(shape).flatten(), multiplicity(shape).reshape(-1)
    # A tolerance, so that rounding does not push an exact wavenumber below its edge.
    bounds = torch.tensor(edges, dtype=torch.float64) - 1e-9
    bounds[-1] = min(shape) / 2 + 1e-6
    raw = torch.bucketize(k, bounds, right=True)
    counts = torch.zeros(len(edges) + 1, dtype=torch.float64).index_add_(0, raw, weight)
    target, groups, held = [], 0, 0.0
    for count in counts[1:-1].tolist():
        target.append(groups)
        held += count
        if held >= least:
            groups, held = groups + 1, 0.0
    if held and groups:  # a last incomplete shell joins the one before
        target = [min(t, groups - 1) for t in target]
    groups = max(groups, 1)
    table = torch.tensor([groups, *target, groups])
    index = table[raw]
    kept = torch.zeros(groups + 1, dtype=torch.float64).index_add_(0, index, weight)[:-1]
    centre = torch.zeros(groups + 1, dtype=torch.float64).index_add_(0, index, weight * k)[:-1]
    return Shells(index, kept, weight, centre / kept)
