"""Every moment from its definition: full grids, one row of the table at a time, numpy float64."""

from __future__ import annotations

import math
from functools import cache

import numpy as np

from . import filters


class Direct:
    """Moments of fields, normalised with the constants of the target fields.

    Parameters
    ----------
    target : ndarray, (n, channel, *space)
        The fields whose powers and means normalise.
    scales, angles : int
    wavelet : str
    """

    def __init__(self, target: np.ndarray, scales: int, angles: int, wavelet: str = "bump") -> None:
        self.shape = target.shape[2:]
        make, axes = filters.WAVELETS[wavelet], filters.axes(len(self.shape), angles)
        self.psi = [[make(self.shape, j, axis, angles) for axis in axes] for j in range(scales)]
        low = filters.SIGMA_LOW[wavelet]
        self.phi = [filters.gaussian(self.shape, low * 2**j) for j in range(scales)]
        self.last = scales - 1
        seen = [_Features(self, x) for x in target]

        @cache
        def power(c: int, j: int, l: int) -> float:
            return np.mean([np.mean(np.abs(f.wave(c, j, l)) ** 2) for f in seen])

        @cache
        def mean(c: int, j: int, l: int) -> float:
            return np.mean([np.mean(np.abs(f.wave(c, j, l))) for f in seen])

        @cache
        def low_power(c: int, j: int) -> float:
            return np.mean([np.mean(f.low(c, j) ** 2) for f in seen])

        self.power, self.mean, self.low_power = power, mean, low_power

    def moments(self, x: np.ndarray, labels) -> np.ndarray:
        """Moments of one field x, (channel, *space), in the order of the labels."""
        features = _Features(self, x)
        return np.array([self._one(features, row) for row in labels])

    def _one(self, f: _Features, row: np.void) -> float:
        kind = str(row["kind"])
        first = tuple(int(row[n]) for n in ("c1", "j1", "l1"))
        second = tuple(int(row[n]) for n in ("c2", "j2", "l2"))
        shift = tuple(int(s) for s in row["shift"][3 - len(self.shape) :])
        third = int(row["j3"]), int(row["l3"])
        if kind[0] == "C" or kind in ("S11", "S00", "S01"):
            a = self._normalised(f, first, int(row["k1"]))
            b = self._normalised(f, second, int(row["k2"]))
            value = _mean_product(a, b, shift)
        elif kind == "S1":
            value = np.mean(np.abs(f.wave(*first))) / math.sqrt(self.power(*first))
        elif kind == "P":
            value = np.mean(np.abs(f.wave(*first)) ** 2) / self.power(*first)
        elif kind == "F":
            square = np.abs(f.wave(*first)) ** 2
            value = np.mean(square**2) / np.mean(square) ** 2
        elif kind == "S3":
            value = np.mean(np.conj(f.wave(*second)) * f.scattered(first, third))
            value /= math.sqrt(self.power(*first) * self.power(*second))
        elif kind == "S4":
            value = np.mean(np.conj(f.scattered(first, third)) * f.scattered(second, third))
            value /= math.sqrt(self.power(*first) * self.power(*second))
        else:
            value = self._low(f, kind, first[0], first[1], second[0], shift)
        return float(np.imag(value) if row["part"] == "im" else np.real(value))

    def _normalised(self, f: _Features, band: tuple[int, int, int], k: int) -> np.ndarray:
        c, j, l = band
        around, band = l >= len(self.psi[0]), (c, j, l % len(self.psi[0]))
        wave = np.conj(f.wave(*band)) if around else f.wave(*band)  # W_{l+L} = (W_l)^*
        if k == 0:
            variance = self.power(*band) - self.mean(*band) ** 2
            return (np.abs(wave) - self.mean(*band)) / math.sqrt(variance)
        return np.abs(wave) * np.exp(1j * k * np.angle(wave)) / math.sqrt(self.power(*band))

    def _low(self, f: _Features, kind: str, c: int, j: int, c2: int, shift: tuple) -> float:
        if kind == "Lmean":
            return np.mean(f.low(c, 0)) / math.sqrt(self.low_power(c, 0))
        y = f.low(c, j)
        if kind == "L|y|":
            return np.mean(np.abs(y)) / math.sqrt(self.low_power(c, j))
        if kind == "Ly|y|":
            return np.mean(y * np.abs(y)) / self.low_power(c, j)
        assert kind == "Lyy", kind
        value = _mean_product(y, f.low(c2, j), shift)
        return value / math.sqrt(self.low_power(c, j) * self.low_power(c2, j))


class _Features:
    """Wavelet coefficients, low passes and scattered moduli of one field, (*space) each."""

    def __init__(self, bank: Direct, x: np.ndarray) -> None:
        spectra = np.fft.fftn(x.astype(np.float64), axes=range(1, x.ndim))
        self.wave = cache(lambda c, j, l: np.fft.ifftn(spectra[c] * bank.psi[j][l]))
        self.low = cache(lambda c, j: np.fft.ifftn(spectra[c] * bank.phi[j]).real)

        @cache
        def scattered(band: tuple[int, int, int], through: tuple[int, int]) -> np.ndarray:
            j, l = through
            return np.fft.ifftn(np.fft.fftn(np.abs(self.wave(*band))) * bank.psi[j][l])

        self.scattered = scattered


def _mean_product(a: np.ndarray, b: np.ndarray, shift: tuple[int, ...]) -> complex:
    """mean_u a(u + shift) b(u)^*."""
    ahead = np.roll(a, [-s for s in shift], axis=range(a.ndim))
    return np.mean(ahead * np.conj(b))
