"""Scattering moments against their definition with numpy's Fourier transform, and their laws."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from oracles.filters import WAVELETS, axes

import moments


def band(x: np.ndarray, psi: np.ndarray) -> np.ndarray:
    return np.fft.ifftn(np.fft.fftn(x) * psi)


def s2_by_hand(x: np.ndarray, wavelets: list[np.ndarray]) -> dict[tuple[int, ...], float]:
    """S2 of one channel, keyed by (j1, l1, j2, l2); wavelets[j][l] on the field's grid."""
    found = {}
    for j1, coarse in enumerate(wavelets):
        for l1, psi1 in enumerate(coarse):
            first = band(x, psi1)
            scale = np.sqrt(np.mean(np.abs(first) ** 2))
            for j2 in range(j1 + 1, len(wavelets)):
                for l2, psi2 in enumerate(wavelets[j2]):
                    second = np.abs(band(np.abs(first), psi2)).mean()
                    found[j1, l1, j2, l2] = second / scale
    return found


def skewed(shape: tuple[int, ...], channels: int = 1, seed: int = 0) -> torch.Tensor:
    x = np.random.default_rng(seed).normal(size=(1, channels, *shape)).cumsum(-1)
    x -= x.mean(axis=tuple(range(2, x.ndim)), keepdims=True)
    return torch.from_numpy(np.exp(0.5 * x / x.std()))


@pytest.mark.parametrize("wavelet", ["bump", "morlet"])
@pytest.mark.parametrize(
    ("shape", "scales", "angles"),
    [((45,), 3, 1), ((24, 17), 3, 4), ((13, 13), 2, 3), ((8, 9, 10), 2, 3)],
)
def test_second_order_is_its_definition(shape, scales, angles, wavelet):
    x = skewed(shape, channels=2)
    op = moments.build(
        "scattering", shape, scales=scales, angles=angles, channels=2, wavelet=wavelet,
        full_resolution=True, dtype=torch.float64,
    )  # fmt: skip
    op.freeze(op.constants(x))
    directions = axes(len(shape), angles)
    wavelets = [
        [WAVELETS[wavelet](shape, j, axis, angles) for axis in directions] for j in range(scales)
    ]
    values, labels = op(x)[0].numpy(), op.labels
    rows = np.flatnonzero(labels.where(kind="S2"))
    assert len(rows) == 2 * angles**2 * scales * (scales - 1) // 2
    for channel in range(2):
        expected = s2_by_hand(x[0, channel].numpy(), wavelets)
        for row in rows[labels["c1"][rows] == channel]:
            key = tuple(int(labels[name][row]) for name in ("j1", "l1", "j2", "l2"))
            assert values[row] == pytest.approx(expected[key], abs=1e-10)


def test_own_scale_grids_stay_close_to_full_resolution():
    x = skewed((64, 64))
    ops = [
        moments.build("scattering", (64, 64), full_resolution=full, dtype=torch.float64)
        for full in (False, True)
    ]
    own, full = (op.freeze(ops[1].constants(x))(x)[0] for op in ops)
    assert (own - full).abs().max() < 5e-3


def test_a_sine_wave_has_first_order_moments_only():
    """|W x| of a pure wave is constant: S1 equals sqrt(P) and the second layer vanishes.

    Scale 1 is asked, whose wavelet does not reach the wave's alias at -w.
    """
    u = torch.arange(64, dtype=torch.float64)
    x = torch.cos(2 * np.pi * 11 * u / 64)[None, None]
    op = moments.build("scattering", (64,), scales=4, dtype=torch.float64)
    op.freeze(op.constants(x))
    values, seen = op(x)[0], op.labels.where(kind="S1", j1=1)
    assert torch.allclose(values[seen], torch.ones(1, dtype=torch.float64))
    assert values[op.labels.where(kind="S2", j1=1)].abs().max() < 1e-12


def test_count():
    """With J scales and L angles: 2JL of order one, J(J-1)/2 L^2 of order two, mean and power."""
    op = moments.build("scattering", (256, 256))
    assert op.n_moments == 2 * 7 * 4 + 21 * 16 + 2
