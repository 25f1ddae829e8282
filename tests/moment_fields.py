"""Fields for the tests of moments, and the sampling spread that is their unit of error."""

from __future__ import annotations

import math

import numpy as np
import torch
from known_fields import gaussian_fields
from torch import Tensor

from moments import MomentFamily


def skewed_fields(shape: tuple[int, ...], n: int = 1, channels: int = 1, seed: int = 0) -> Tensor:
    """Rough, skewed float64 fields with correlated channels and a mean: nothing vanishes by
    symmetry."""
    x = gaussian_fields(n, shape, -2.0, seed, channels).double()
    return torch.exp(0.7 * x) + 0.5 * x.flip(1)


def sparse_fields(shape: tuple[int, ...], n: int, seed: int = 0) -> Tensor:
    """What exceeds a threshold in Gaussian fields: sharp edges and empty space, float64."""
    x = gaussian_fields(n, shape, -3.0, seed).double()
    x = torch.where(x > 0.8, x, torch.zeros_like(x))
    return (x - x.mean()) / x.std()


def spread(op: MomentFamily, values: np.ndarray) -> np.ndarray:
    """Deviation of moments (fields, M) over fields, pooled over class and scales as `synth.fit`
    does."""
    group = op.labels.groups("family", "kind", "j1", "j2", "j3", "part")
    variance = np.bincount(group, values.var(0, ddof=1)) / np.bincount(group)
    return np.sqrt(variance[group]).clip(min=0.1 / math.sqrt(math.prod(op.shape)))
