"""Orientations of the wavelets: evenly spread axes on the half circle (2-D) and the half sphere
(3-D).

Real fields need half of the directions only, since ``W_{-n} x`` is the complex conjugate of ``W_n
x``.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import numpy as np

GOLDEN = (1 + math.sqrt(5)) / 2

#: Number of axes in 3-D -> power of the cosine.  The sets are those of the octahedron (3), the cube
#: (4), the icosahedron (6), the dodecahedron (10) and the icosidodecahedron (15).  The sum over
#: axes of cos^(2p) is exactly constant up to p = 1 for the first two and p = 2 for the last three;
#: 10 and 15 axes afford sharper lobes at a small ripple of the frame bounds (see the tests for the
#: numbers).
AXES_POWER = {3: 1, 4: 1, 6: 2, 10: 3, 15: 4}


def half_sphere_axes(count: int) -> np.ndarray:
    """Unit axes, (count, 3) float64, in the order (z, y, x) of the space axes.

    Raises
    ------
    ValueError
        If no even spread of that many axes is known.
    """
    if count == 3:
        points = np.eye(3)
    elif count == 4:
        points = np.array(list(itertools.product((-1, 1), repeat=3)), dtype=float)
    elif count == 6:
        points = _cyclic([(0.0, s, t * GOLDEN) for s in (-1.0, 1.0) for t in (-1, 1)])
    elif count == 10:
        cube = list(itertools.product((-1.0, 1.0), repeat=3))
        rest = [(0.0, s / GOLDEN, t * GOLDEN) for s in (-1, 1) for t in (-1, 1)]
        points = np.concatenate([np.array(cube), _cyclic(rest)])
    elif count == 15:
        signs = list(itertools.product((-1, 1), repeat=3))
        rest = [(s / 2, t * GOLDEN / 2, u * GOLDEN**2 / 2) for s, t, u in signs]
        points = np.concatenate([np.eye(3), _cyclic(rest)])
    else:
        known = ", ".join(map(str, AXES_POWER))
        raise ValueError(f"{count} orientations were asked for in 3-D; one of {known} would work.")
    return _one_of_each_pair(points)


def _cyclic(points: Sequence[tuple[float, float, float]]) -> np.ndarray:
    base = np.array(points, dtype=float)
    return np.concatenate([np.roll(base, turn, axis=1) for turn in range(3)])


def _one_of_each_pair(points: np.ndarray) -> np.ndarray:
    """One end of each axis, that with a positive last non-zero coordinate, in a fixed order."""
    units = points / np.linalg.norm(points, axis=1, keepdims=True)
    kept = {}
    for unit in units:
        last = unit[np.nonzero(np.abs(unit) > 1e-9)[0][-1]]
        axis = unit if last > 0 else -unit
        kept[tuple(np.round(axis, 9) + 0.0)] = axis
    return np.array([kept[key] for key in sorted(kept, reverse=True)])


def half_circle_axes(count: int) -> np.ndarray:
    """Unit axes (y, x) at ``theta_l = pi l / count`` from the x axis, (count, 2) float64."""
    theta = np.pi * np.arange(count) / count
    return np.stack([np.sin(theta), np.cos(theta)], axis=1)


def axes(dims: int, count: int) -> np.ndarray:
    """Axes of the wavelets, (count, dims) float64; 1-D has the one axis x."""
    if count < 1:
        raise ValueError(f"angles={count} was asked for; at least 1 is needed.")
    if dims == 1:
        if count != 1:
            raise ValueError(f"angles={count} was asked for a 1-D field; only 1 has a meaning.")
        return np.ones((1, 1))
    if dims == 2:
        return half_circle_axes(count)
    return half_sphere_axes(count)
