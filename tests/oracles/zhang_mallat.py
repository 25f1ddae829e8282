"""Models A to D of Zhang & Mallat 2021 as they count them: every entry, by its loops.

Entries are complex (2) or real (1) numbers between features (scale, direction, harmonic) of bands
at 2 L directions, at a lag 2^j (n1, n2).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np

from . import filters

Feature = tuple[int, int, int]
Entry = tuple[Feature, Feature, tuple[int, int], int]
LOW = (-1, 0, 1)  # the low pass
LAGS = [n for n in itertools.product(range(3), range(-2, 3)) if n != (0, 0)]


def entries(model: str, scales: int, angles: int) -> Iterator[Entry]:
    """(first feature, second feature, lag, real numbers) of models A, B or C."""
    full = range(2 * angles)
    near = range(-4, 5)
    for k in (1,) if model == "A" else (0, 1):
        for j, l, n in itertools.product(range(scales), full, LAGS):
            yield (j, l, k), (j, l, k), (2**j * n[0], 2**j * n[1]), 2 if k else 1
    low = 2 ** (scales - 1)
    for n in LAGS:
        yield LOW, LOW, (low * n[0], low * n[1]), 1
    yield LOW, LOW, (0, 0), 1
    for j, l in itertools.product(range(scales), full):
        if model == "A":
            yield (j, l, 1), (j, l, 1), (0, 0), 1
            continue
        for d in near:
            other = (l + d) % len(full)
            yield (j, l, 1), (j, other, 0), (0, 0), 2
            yield (j, l, 1), (j, other, 1), (0, 0), 2 if d else 1
            yield (j, l, 0), (j, other, 0), (0, 0), 1
            if model == "C" and j + 1 < scales:
                yield (j, l, 0), (j + 1, other, 0), (0, 0), 1
                yield (j, l, 0), (j + 1, other, 1), (0, 0), 2
                yield (j, l, 0), (j + 1, other, 2), (0, 0), 2
                yield (j, l, 1), (j + 1, other, 2), (0, 0), 2


def once(first: Feature, second: Feature, lag: tuple[int, int], angles: int) -> tuple:
    """One name for an entry, its conjugate (pair and lag reversed) and its mirror, W_{l+L} = W_l^*.

    A modulus is the same at l and l + L.
    """

    def turned(feature: Feature, by: int) -> Feature:
        j, l, k = feature
        return (j, (l + by) % (angles if k == 0 else 2 * angles), k) if feature != LOW else LOW

    names = []
    for by in (0, angles):
        one, two = turned(first, by), turned(second, by)
        # Mirroring conjugates the value, as reversing the order does: neither is a new number.
        names += [(one, two, lag), (two, one, (-lag[0], -lag[1]))]
    return min(names)


def orbit(first: Feature, second: Feature, angles: int) -> tuple:
    """One name for all pairs at lag 0 that rotations take to each other."""
    return min(
        once(
            (first[0], first[1] + r, first[2]),
            (second[0], second[1] + r, second[2]),
            (0, 0),
            angles,
        )
        for r in range(2 * angles)
    )


def diagonal(x: np.ndarray, scales: int, angles: int) -> Iterator[tuple[int, int, int, int, list]]:
    """Model D of a field: (j, k, j', k', covariances of the Fourier modes q of the angle).

    Each mode is the orthonormal transform over 2 L directions of features that are centred and
    normalised by the mean and variance over positions and directions.
    """
    axes = filters.axes(2, angles)
    axes = np.concatenate([axes, -axes])
    spectrum = np.fft.fft2(x)

    def modes(j: int, k: int) -> np.ndarray:
        waves = np.stack(
            [np.fft.ifft2(spectrum * filters.bump(x.shape, j, axis, angles)) for axis in axes]
        )
        z = np.abs(waves) * np.exp(1j * k * np.angle(waves))
        if k == 0:
            z = z - z.mean()
        power = (np.abs(z) ** 2 if k == 0 else np.abs(waves) ** 2).mean()
        return np.fft.fft(z / np.sqrt(power), axis=0, norm="ortho")

    same, next_ = [(1, 0), (1, 1), (0, 0)], [(0, 0), (0, 1), (0, 2), (1, 2)]
    for j in range(scales):
        pairs = [(j, *p) for p in same] + [(j + 1, *p) for p in next_ if j + 1 < scales]
        for other, k, k2 in pairs:
            yield j, k, other, k2, list((modes(j, k) * modes(other, k2).conj()).mean((1, 2)))
