"""The foveal covariance of phase harmonics and its eps, to the letter of Zhang & Mallat 2021.

At a position u the vector v(u) holds [z_(j,l)(u + 2^j n)]^k for the shifts n = (n1, n2) with
|n_i| <= 2, the scales j = 0 .. 4, 16 angles and the harmonics k = 0 .. min(4, 2^j), and the
low-passed field at the shifts 2^4 n: 8,025 complex numbers. Positions lie on a grid of 16x16. The
covariance C is that of all positions of all fields of a set about their common mean. With C_test
and C_model both normalised by the diagonal of C_test,

    eps = ||C_test - C_model||_2 / ||C_test||_2     (spectral norm; arXiv 1911.10017, section 5).

The 16 angles of a real field are 8 and their conjugates. So v is a rotation of the real vector of
sqrt(2) |z|, sqrt(2) Re [z]^k, sqrt(2) Im [z]^k at 8 angles and of the low pass, padded with zeros:
the norms are those of a real matrix of 7,025 rows.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from scipy.sparse.linalg import LinearOperator, eigsh
from torch import Tensor

from moments import FilterBank

SCALES, ANGLES, MOST_HARMONIC, REACH = 5, 8, 4, 2
POSITIONS = 16  # an axis
CHUNK = 10  # fields at a time


@lru_cache(maxsize=2)
def bank(shape: tuple[int, int]) -> FilterBank:
    return FilterBank(shape, SCALES, ANGLES, full_resolution=True).float()


def foveal(fields: Tensor) -> Tensor:
    """(n, N, N) periodic fields to their vectors v, one at each position: (n * 256, 7025)."""
    filters = bank(tuple(fields.shape[1:]))
    spectrum = torch.fft.fft2(fields)[:, None]
    parts = []
    for j in range(SCALES):
        z = torch.fft.ifft2(spectrum * filters.psi(j))
        size, unit = z.abs(), z.sgn()
        scale = [size]
        for k in range(1, min(MOST_HARMONIC, 2**j) + 1):
            harmonic = size * unit**k
            scale += [harmonic.real, harmonic.imag]
        parts.append(math.sqrt(2) * _shifted(torch.stack(scale, 1).flatten(1, 2), 2**j))
    low = torch.fft.ifft2(spectrum * filters.phi).real
    parts.append(_shifted(low, 2 ** (SCALES - 1)))
    return torch.cat(parts, 1).transpose(1, 2).flatten(0, 1)


def _shifted(x: Tensor, step: int) -> Tensor:
    """(n, c, N, N) to (n, c * 25, 256): every shift, at every position of the coarse grid."""
    size = x.shape[-1]
    places = torch.arange(POSITIONS) * (size // POSITIONS)
    index = (places + step * torch.arange(-REACH, REACH + 1)[:, None]) % size  # (shift, place)
    return x[..., index[:, None, :, None], index[None, :, None, :]].flatten(-2).flatten(1, 3)


@dataclass(frozen=True)
class Sums:
    """Number, sum and sum of outer products of vectors, from which sets are put together."""

    count: int
    first: Tensor  # (rows,)
    second: Tensor  # (rows, rows), float32

    @classmethod
    def of(cls, fields: Tensor) -> Sums:
        """Of every position of fields (n, N, N)."""
        total = cls(0, torch.zeros(()), torch.zeros(()))
        for part in fields.split(CHUNK):
            v = foveal(part)
            total = total + cls(len(v), v.sum(0), v.T @ v)
        return total

    def __add__(self, other: Sums) -> Sums:
        return Sums(self.count + other.count, self.first + other.first, self.second + other.second)

    def __sub__(self, other: Sums) -> Sums:
        return Sums(self.count - other.count, self.first - other.first, self.second - other.second)

    def covariance(self) -> Tensor:
        """C about the common mean, (rows, rows)."""
        mean = self.first / self.count
        return self.second / self.count - torch.outer(mean, mean)


def scales(c: Tensor) -> Tensor:
    """(rows,) root of the diagonal of the complex C; re and im of a harmonic share it."""
    variance, parts, start = c.diagonal().double(), [], 0
    block = ANGLES * (2 * REACH + 1) ** 2
    for j in range(SCALES):
        parts.append(variance[start : start + block] / 2)
        start += block
        for _ in range(min(MOST_HARMONIC, 2**j)):
            pair = variance[start : start + 2 * block].reshape(2, block)
            parts.append((pair.sum(0) / 2).repeat(2))
            start += 2 * block
    parts.append(variance[start:])
    return torch.cat(parts).sqrt().float()


def epsilon(test: Sums, model: Sums) -> float:
    """eps between two sets of fields."""
    c = test.covariance()
    scale = scales(c)
    return _norm(c - model.covariance(), scale) / _norm(c, scale)


def _norm(c: Tensor, scale: Tensor) -> float:
    """Spectral norm of C over the outer product of the scales, by Lanczos iteration."""
    if not c.any():
        return 0.0

    def apply(x: np.ndarray) -> np.ndarray:
        vector = torch.from_numpy(x.astype(np.float32).ravel())
        return (c @ (vector / scale) / scale).double().numpy()

    operator = LinearOperator(c.shape, matvec=apply, dtype=np.float64)
    largest = eigsh(operator, k=1, tol=1e-4, v0=np.ones(len(c)), return_eigenvectors=False)
    return float(abs(largest[0]))
