"""Divergence and vorticity of vector fields made to have them or not."""

from __future__ import annotations

import math

import pytest
import torch
from known_fields import gaussian_fields

from synth.evaluation.statistics import Batch, Frame
from synth.evaluation.statistics.velocity import (
    Divergence,
    Enstrophy,
    divergence,
    gradients,
    vorticity,
)

FLAT = Frame((48, 40), "periodic", ("u", "v"), (1, 0))
CUBE = Frame((24, 20, 28), "periodic", ("u", "v", "w"), (2, 1, 0))


def smooth(frame: Frame, channels: int, seed: int = 0) -> torch.Tensor:
    """Fields without Nyquist waves, whose derivative is not defined."""
    x = gaussian_fields(2, frame.shape, -3.0, seed, channels)
    spectrum = torch.fft.rfftn(x, dim=frame.space)
    for axis in frame.space:
        size = frame.shape[axis]
        spectrum.narrow(axis, size // 2, 1).zero_()
    return torch.fft.irfftn(spectrum, s=frame.shape, dim=frame.space)


def derivative(x: torch.Tensor, frame: Frame, axis: int) -> torch.Tensor:
    return gradients(Batch(x[:, None], frame))[:, 0, axis]


@pytest.mark.parametrize("frame", [FLAT, CUBE])
def test_a_curl_has_no_divergence_and_a_gradient_no_vorticity(frame):
    potential = smooth(frame, 3)
    d = [[derivative(potential[:, c], frame, a) for a in range(frame.ndim)] for c in range(3)]
    if frame.ndim == 2:  # axes y, x
        curl = torch.stack([d[0][0], -d[0][1]], 1)
    else:  # axes z, y, x
        curl = torch.stack([d[2][1] - d[1][0], d[0][0] - d[2][2], d[1][2] - d[0][1]], 1)
    gradient = torch.stack([d[0][axis] for axis in frame.components], 1)
    for field, operator in ((curl, divergence), (gradient, vorticity)):
        g = gradients(Batch(field, frame))
        assert operator(g, frame).abs().max() < 1e-4 * g.abs().max()
    value = Divergence().features(Batch(curl, frame))
    assert (value < math.log(1e-4)).all()


def test_independent_components_have_the_divergence_of_chance():
    x = gaussian_fields(8, (64, 64), -1.0, channels=2)
    frame = Frame((64, 64), "periodic", ("u", "v"), (1, 0))
    ratio = Divergence().features(Batch(x, frame)).exp().mean()
    assert ratio.item() == pytest.approx(1 / math.sqrt(2), rel=0.03)


@pytest.mark.parametrize("boundary", ["periodic", "open"])
def test_derivatives_of_a_wave(boundary):
    frame = Frame((64, 64), boundary, ("u", "v"), (1, 0))
    y = torch.arange(64.0)[:, None].expand(64, 64)
    k = 2 * math.pi * 3 / 64
    wave = torch.stack([torch.sin(k * y), torch.zeros_like(y)])[None]  # u(y): a shear
    g = gradients(Batch(wave, frame))
    exact = k * torch.cos(k * y)
    if boundary == "open":
        exact = (math.sin(k) * torch.cos(k * y))[1:-1, 1:-1]
    torch.testing.assert_close(g[0, 0, 0], exact, rtol=0, atol=1e-5)
    assert g[0, 0, 1].abs().max() < 1e-5
    # The axes are y, x: vorticity is d u_x / d y - d u_y / d x here.
    torch.testing.assert_close(vorticity(g, frame)[0, 0].abs(), exact.abs(), rtol=0, atol=1e-5)


def test_vorticity_of_a_solid_rotation():
    frame = Frame((32, 32), "open", ("u", "v"), (1, 0))
    y, x = torch.meshgrid(torch.arange(32.0), torch.arange(32.0), indexing="ij")
    rotation = torch.stack([-y, x])[None]
    g = gradients(Batch(rotation, frame))
    torch.testing.assert_close(vorticity(g, frame).abs(), torch.full((1, 1, 30, 30), 2.0))
    assert divergence(g, frame).abs().max() == 0


def test_enstrophy_tells_a_stronger_rotation():
    x = smooth(FLAT, 2)
    one, two = (Enstrophy().features(Batch(f, FLAT)) for f in (x, 3 * x))
    torch.testing.assert_close(two[:, -1] - one[:, -1], torch.full((2,), math.log(3)).double())
    torch.testing.assert_close(one[:, :-1], two[:, :-1])
