"""The published foveal covariance, against its definition with complex numbers at all angles."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from known_fields import gaussian_fields, lognormal_fields

from benchmarks import foveal
from moments import grids


def complex_vectors(fields: torch.Tensor, positions: int) -> np.ndarray:
    """v at every position by direct indexing: (rows, n * positions^2)."""
    filters = foveal.bank(tuple(fields.shape[1:]))
    size, places = fields.shape[-1], np.arange(positions) * (fields.shape[-1] // positions)
    shifts = list(itertools.product(range(-foveal.REACH, foveal.REACH + 1), repeat=2))
    columns = []
    for x in fields:
        spectrum, rows = torch.fft.fft2(x), []

        def see(z, step, rows=rows):
            for a, b in shifts:
                at = np.ix_((places + step * a) % size, (places + step * b) % size)
                rows.append(z[at].ravel())

        for j in range(foveal.SCALES):
            half = filters.psi(j)
            for psi in (*half, *grids.mirrored(half, 2)):
                z = torch.fft.ifft2(spectrum * psi).numpy()
                for k in range(min(foveal.MOST_HARMONIC, 2**j) + 1):
                    see(np.abs(z) * np.exp(1j * k * np.angle(z)), 2**j)
        see(torch.fft.ifft2(spectrum * filters.phi).numpy(), 2 ** (foveal.SCALES - 1))
        columns.append(np.array(rows))
    return np.concatenate(columns, 1)


def test_eps_is_that_of_the_complex_covariances(monkeypatch):
    for name, value in {"SCALES": 2, "ANGLES": 2, "REACH": 1, "POSITIONS": 8}.items():
        monkeypatch.setattr(foveal, name, value)
    foveal.bank.cache_clear()
    test, model = lognormal_fields(4, (32, 32), -2.0)[:, 0], gaussian_fields(3, (32, 32))[:, 0]
    found = foveal.epsilon(foveal.Sums.of(test), foveal.Sums.of(model))
    a, b = (np.cov(complex_vectors(x, 8), ddof=0) for x in (test, model))
    foveal.bank.cache_clear()
    scale = np.sqrt(np.diag(a).real)
    a, b = (c / np.outer(scale, scale) for c in (a, b))
    assert found == pytest.approx(np.linalg.norm(a - b, 2) / np.linalg.norm(a, 2), rel=1e-3)
