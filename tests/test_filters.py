"""Wavelets equal their published formulas, computed by other means."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from oracles import filters as oracle

from moments import filters, grids, orientations
from moments.bank import FilterBank

SHAPES = [
    pytest.param((32,), 1, id="1-D"),
    pytest.param((31,), 1, id="1-D prime"),
    pytest.param((24, 32), 4, id="2-D non-square"),
    pytest.param((23, 18), 5, id="2-D odd"),
    pytest.param((10, 9, 8), 3, id="3-D, 3 axes"),
    pytest.param((8, 8, 8), 4, id="3-D, 4 axes"),
    pytest.param((11, 8, 9), 6, id="3-D, 6 axes"),
]


@pytest.mark.parametrize("wavelet", ["bump", "morlet"])
@pytest.mark.parametrize(("shape", "angles"), SHAPES)
def test_wavelets_are_their_formula(shape, angles, wavelet):
    make = filters.WAVELETS[wavelet][0]
    twins = {tuple(axis.round(6) + 0.0): axis for axis in oracle.axes(len(shape), angles)}
    for j in range(2):
        ours = make(shape, shape, j, angles).numpy()
        for psi, axis in zip(ours, orientations.axes(len(shape), angles), strict=True):
            twin = twins[tuple(axis.round(6) + 0.0)]
            expected = oracle.WAVELETS[wavelet](shape, j, twin, angles)
            # The spatial sum of the Morlet wavelet is truncated at nine standard deviations.
            np.testing.assert_allclose(psi, expected, atol=1e-12)


@pytest.mark.parametrize(("shape", "angles"), SHAPES)
def test_low_pass_is_its_formula(shape, angles):
    ours = filters.gaussian_low_pass(shape, shape, 1.3).numpy()
    np.testing.assert_allclose(ours, oracle.gaussian(shape, 1.3), atol=1e-14)


def test_bump_filters_are_those_of_pywph():
    pywph = pytest.importorskip("pywph.filters")
    shape, angles = (24, 30), 4
    for j in range(3):
        ours = filters.bump_steerable(shape, shape, j, angles)
        for l in range(angles):
            theirs = pywph.BumpSteerableWavelet(
                *shape, j, theta=np.pi * l / angles, k0=0.85 * np.pi, L=angles, fourier=True
            ).data
            np.testing.assert_allclose(ours[l].numpy(), theirs, atol=1e-12)


@pytest.mark.parametrize("wavelet", ["bump", "morlet"])
@pytest.mark.parametrize("shape", [(16,), (12, 15), (8, 9, 8)])
def test_wavelets_have_zero_mean_and_the_low_pass_mean_one(shape, wavelet):
    bank = FilterBank(shape, scales=2, wavelet=wavelet)
    origin = (slice(None), *[0] * len(shape))
    for j in range(2):
        assert bank.psi(j)[origin].abs().max() < 1e-15
    assert float(bank.phi.flatten()[0]) == 1.0


@pytest.mark.parametrize("wavelet", ["bump", "morlet"])
@pytest.mark.parametrize("shape", [(96,), (64, 81), (16, 18, 21)])
def test_own_scale_grids_hold_the_filters(shape, wavelet):
    """What own-scale grids leave out: the overtones that periodisation folds, and the tails."""
    own, full = (FilterBank(shape, wavelet=wavelet, full_resolution=f) for f in (False, True))
    lost = {"bump": 1e-15, "morlet": 2e-3}[wavelet]
    for j, grid in enumerate(own.grids):
        back = grids.regrid(own.psi(j), grid, shape)
        assert (back - full.psi(j)).abs().max() < lost, j
        cropped = grids.regrid(full.psi(j), shape, grid)
        inside = grids.regrid(torch.ones(grid), grid, tuple(n - 1 for n in grid))
        inside = grids.regrid(inside, tuple(n - 1 for n in grid), grid)
        assert ((cropped - own.psi(j)) * inside).abs().max() < 1e-15


def test_orientations_turn_the_wavelet():
    """psi at theta + 90 degrees is psi at theta, turned; a reflection negates theta."""
    psi = filters.bump_steerable((32, 32), (32, 32), 1, 4)
    turned = torch.rot90(torch.roll(psi, (16, 16), (1, 2))[:, 1:, 1:], -1, (1, 2))
    kept = torch.roll(psi, (16, 16), (1, 2))[:, 1:, 1:]
    torch.testing.assert_close(kept[2:], turned[:2], atol=1e-14, rtol=0)
    # The other two come round as theta + 180 degrees: the mirrored wavelet.
    torch.testing.assert_close(kept[:2].flip(1, 2), turned[2:], atol=1e-14, rtol=0)
    reflected = kept.flip(1)
    torch.testing.assert_close(reflected[1], kept[3].flip(0, 1), atol=1e-14, rtol=0)


@pytest.mark.parametrize("count", [3, 4, 6, 10, 15])
def test_axes_on_the_half_sphere_are_evenly_spread(count):
    axes = orientations.half_sphere_axes(count)
    assert axes.shape == (count, 3)
    np.testing.assert_allclose(np.linalg.norm(axes, axis=1), 1)
    # A set without a preferred direction: sum n n^T is isotropic.
    np.testing.assert_allclose(axes.T @ axes, np.eye(3) * count / 3, atol=1e-12)
    cosines = np.abs(axes @ axes.T) - 2 * np.eye(count)
    nearest = cosines.max(1)
    np.testing.assert_allclose(nearest, nearest[0], atol=1e-12)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"shape": (16, 16), "scales": 5}, "scales=5 was asked for on a field of 16x16; 1 to 4"),
        ({"shape": (16, 16), "scales": 0}, "1 to 4 would work"),
        ({"shape": (3, 16)}, "at least 4 points an axis"),
        ({"shape": (8, 8, 8, 8)}, "4 space axes was given; 1, 2 or 3"),
        ({"shape": (16,), "angles": 4}, "only 1 has a meaning"),
        ({"shape": (16, 16), "angles": 0}, "at least 1 is needed"),
        ({"shape": (8, 8, 8), "angles": 5}, "one of 3, 4, 6, 10, 15 would work"),
        ({"shape": (16, 16), "wavelet": "haar"}, "wavelet='haar' was asked for; bump or morlet"),
    ],
)
def test_a_bank_that_cannot_be_says_what_would_work(arguments, sentence):
    with pytest.raises(ValueError, match=sentence):
        FilterBank(**arguments)
