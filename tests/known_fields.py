"""Fields whose statistics are known."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor


def gaussian_fields(
    n: int, shape: tuple[int, ...], slope: float = 0.0, seed: int = 0, channels: int = 1
) -> Tensor:
    """Periodic Gaussian fields (n, channel, *space) with P(w) ~ |w|^slope, mean 0, E x^2 = 1."""
    rng = np.random.default_rng(seed)
    axes = np.meshgrid(*(np.fft.fftfreq(size) for size in shape), indexing="ij")
    k = np.sqrt(sum(axis**2 for axis in axes))
    amplitude = np.zeros(shape)
    amplitude[k > 0] = k[k > 0] ** (slope / 2)
    amplitude /= np.sqrt(np.mean(amplitude**2))
    space = tuple(range(-len(shape), 0))
    white = np.fft.fftn(rng.normal(size=(n, channels, *shape)), axes=space)
    fields = np.fft.ifftn(white * amplitude, axes=space).real
    return torch.from_numpy(fields.astype(np.float32))


def lognormal_fields(n: int, shape: tuple[int, ...], slope: float, seed: int = 0) -> Tensor:
    """exp of Gaussian fields of sd 0.7."""
    return (0.7 * gaussian_fields(n, shape, slope, seed)).exp()
