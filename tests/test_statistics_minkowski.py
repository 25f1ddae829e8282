"""Minkowski functionals: Gaussian formulas, and simple bodies against scikit-image."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from known_fields import gaussian_fields

from synth.evaluation.statistics import Batch, Frame
from synth.evaluation.statistics.minkowski import LEVELS, Minkowski, _densities, euler_densities


def smooth_gaussian(n: int, shape: tuple[int, ...], length: float) -> torch.Tensor:
    """Unit-variance Gaussian fields with a Gaussian spectrum of the given correlation length."""
    x = gaussian_fields(n, shape, seed=1)[:, 0].double()
    space = tuple(range(1, x.ndim))
    square = sum(
        torch.fft.fftfreq(size)
        .square()
        .reshape([-1 if a == axis else 1 for a in range(x.ndim - 1)])
        for axis, size in enumerate(shape)
    )
    gain = torch.exp(-square * (2 * math.pi * length) ** 2 / 2)
    x = torch.fft.ifftn(torch.fft.fftn(x, dim=space) * gain, dim=space).real
    return (x / x.square().mean().sqrt()).float()


@pytest.mark.parametrize("shape, n", [((20000,), 10), ((192, 192), 8), ((48, 48, 48), 4)])
@pytest.mark.parametrize("boundary", [True, False])
def test_gaussian_fields_follow_the_formula(shape, n, boundary):
    x = smooth_gaussian(n, shape, 4.0)
    ndim = len(shape)
    slope = np.mean([(x.roll(-1, 1 + a) - x).square().mean().item() for a in range(ndim)])
    levels = torch.tensor([-2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 2.0])
    found = euler_densities(x, levels, ndim, boundary)
    nu = levels.double()
    hermite = [torch.ones_like(nu), nu, nu**2 - 1]
    for m in range(1, ndim + 1):
        factor = slope ** (m / 2) * (2 * math.pi) ** (-(m + 1) / 2)
        expected = factor * hermite[m - 1] * torch.exp(-(nu**2) / 2)
        error = found[:, m].std(0) / math.sqrt(n)
        # Two percent of the peak for the finite grid.
        allowed = 4.5 * error + 0.02 * expected.abs().max()
        assert ((found[:, m].mean(0) - expected).abs() < allowed).all(), m


def bodies(ndim: int) -> np.ndarray:
    """A ball with a hole through or in it, a box, and two lone pixels that touch at a corner."""
    grid = np.meshgrid(*[np.arange(40)] * ndim, indexing="ij")
    radius = np.sqrt(sum((g - 12) ** 2 for g in grid))
    body = (radius < 9) & (radius > 4)
    body |= np.logical_and.reduce([(g > 24) & (g < 34) for g in grid])
    body[(30,) + (5,) * (ndim - 1)] = True
    body[(31,) + (6,) * (ndim - 1)] = True
    return body


@pytest.mark.parametrize("ndim", [2, 3])
def test_euler_characteristic_of_bodies_is_that_of_scikit_image(ndim):
    measure = pytest.importorskip("skimage.measure")
    body = bodies(ndim)
    pixels = body.size
    level = torch.tensor([0.5])
    cells = torch.bucketize(torch.from_numpy(body.astype(np.float32))[None], level)
    alone = _densities(cells, 1, ndim, periodic=True)[0, ndim, 0].item() * pixels
    assert round(alone, 6) == measure.euler_number(body, connectivity=1)
    mixed = euler_densities(torch.from_numpy(body.astype(np.float32))[None], level, ndim, True)
    both = [measure.euler_number(body, connectivity=c) for c in (1, ndim)]
    assert mixed[0, ndim, 0].item() * pixels == pytest.approx(np.mean(both), abs=1e-6)


def test_border_of_a_disc_is_that_of_scikit_image_and_of_geometry():
    measure = pytest.importorskip("skimage.measure")
    y, x = np.meshgrid(np.arange(200), np.arange(200), indexing="ij")
    disc = np.hypot(y - 99.6, x - 100.3) < 60
    found = euler_densities(
        torch.from_numpy(disc.astype(np.float32))[None], torch.tensor([0.5]), 2, True
    )
    border = math.pi * found[0, 1, 0].item() * disc.size
    assert border == pytest.approx(measure.perimeter_crofton(disc, directions=2), rel=1e-3)
    assert border == pytest.approx(2 * math.pi * 60, rel=0.03)
    assert found[0, 0, 0].item() == pytest.approx(disc.mean())


def test_surface_of_a_ball():
    grid = np.meshgrid(*[np.arange(64)] * 3, indexing="ij")
    ball = sum((g - 31.7) ** 2 for g in grid) < 20**2
    found = euler_densities(
        torch.from_numpy(ball.astype(np.float32))[None], torch.tensor([0.5]), 3, True
    )
    surface = 4 * found[0, 1, 0].item() * ball.size
    assert surface == pytest.approx(4 * math.pi * 20**2, rel=0.03)
    # Mean breadth: the Euler characteristic of a convex section is 1 wherever it is hit.
    assert found[0, 2, 0].item() * ball.size == pytest.approx(2 * 20, rel=0.05)


def test_a_field_and_its_negative_are_treated_alike():
    x = gaussian_fields(3, (32, 32), -2.0)[:, 0]
    levels = torch.linspace(-2, 2, 9)
    there = euler_densities(x, levels, 2, True)
    back = euler_densities(-x, levels, 2, True).flip(-1)
    torch.testing.assert_close(there[:, 1], back[:, 1])
    torch.testing.assert_close(there[:, 2], -back[:, 2])


def test_levels_are_those_of_the_field_itself():
    x, frame = gaussian_fields(3, (32, 32), -2.0), Frame((32, 32))
    there, moved = (Minkowski().features(Batch(y, frame)) for y in (x, 5 + 3 * x))
    torch.testing.assert_close(there, moved, rtol=0, atol=2 / 32**2)  # a pixel at a level
    own = (x - x.mean((2, 3), keepdim=True)) / x.std((2, 3), correction=0, keepdim=True)
    expected = euler_densities(own[:, 0], torch.tensor(LEVELS), 2, True)[:, 1:].flatten(1)
    torch.testing.assert_close(there, expected, rtol=0, atol=2 / 32**2)
