"""Spectra, slopes and anisotropy of fields whose spectrum is known."""

from __future__ import annotations

import math

import pytest
import torch
from known_fields import gaussian_fields

from synth.evaluation.statistics import Batch, Frame
from synth.evaluation.statistics.shells import octaves, shells
from synth.evaluation.statistics.spectrum import (
    Anisotropy,
    ChannelCoherence,
    RadialSpectrum,
    SpectralSlope,
    shell_power,
)


@pytest.mark.parametrize("shape", [(600,), (64, 64), (45, 64), (24, 20, 33)])
def test_white_noise_is_flat_within_the_sampling_error(shape):
    n = 20
    power = shell_power(Batch(gaussian_fields(n, shape, seed=2), Frame(shape)))[:, 0]
    # A shell of N modes holds N/2 independent |x^|^2, each of relative sd 1.
    error = torch.sqrt(2 / (n * shells(shape).counts)) / math.prod(shape)
    assert ((power.mean(0) - 1 / math.prod(shape)).abs() < 4.5 * error).all()


@pytest.mark.parametrize("shape", [(600,), (64, 64), (45, 64), (24, 20, 33)])
def test_shells_cover_every_wavenumber_once_with_at_least_eight_modes(shape):
    for partition in (shells(shape), octaves(shape)):
        assert (partition.counts >= 8).all()
        assert (partition.centre.diff() > 0).all()
    inside = shells(shape).counts.sum()
    assert inside == octaves(shape).counts.sum()


def test_power_sums_to_the_mean_square():
    shape = (32, 32)
    x = gaussian_fields(1, shape, seed=3)
    # Only modes below the Nyquist wavenumber, so that the shells hold all the power.
    spectrum = torch.fft.rfftn(x, dim=(-2, -1))
    part = shells(shape)
    spectrum = spectrum * (part.index < len(part)).reshape(32, 17)
    x = torch.fft.irfftn(spectrum, s=shape, dim=(-2, -1))
    total = part.sum(Batch(x, Frame(shape)).power.flatten(2)).sum()
    assert total.item() == pytest.approx(x.double().square().mean().item(), rel=1e-5)


@pytest.mark.parametrize("shape", [(128, 128), (40, 40, 40)])
@pytest.mark.parametrize("slope", [-1.0, -3.0])
def test_slope_of_a_power_law_within_two_percent(shape, slope):
    x = gaussian_fields(24, shape, slope, seed=4)
    features = SpectralSlope().features(Batch(x, Frame(shape))).mean(0)
    assert features[1].item() == pytest.approx(slope, rel=0.02)


@pytest.mark.parametrize("slope", [-1.0, -2.0, -4.0])
def test_slope_of_a_crop_of_a_power_law(slope):
    x = gaussian_fields(16, (256, 256), slope, seed=4)[..., :128, :128]
    features = SpectralSlope().features(Batch(x, Frame((128, 128), "open")))[:, 1]
    # Without a window the jumps across the border would make the slope of -4 about -2.
    error = features.std().item() / 4
    assert features.mean().item() == pytest.approx(slope, abs=3 * error)


def test_plane_waves_have_the_anisotropy_of_their_direction():
    y, x = torch.meshgrid(torch.arange(64.0), torch.arange(64.0), indexing="ij")
    waves = [
        torch.cos(2 * math.pi * 8 * x / 64),
        torch.cos(2 * math.pi * 8 * y / 64),
        torch.cos(2 * math.pi * 8 * (x + y) / 64),
    ]
    frame = Frame((64, 64))
    bands = len(octaves(frame.shape))
    features = Anisotropy().features(Batch(torch.stack(waves)[:, None], frame))
    features = features.reshape(3, 2, bands)[:, :, 3]  # octave 8 <= k < 16
    expected = torch.tensor([[1.0, 1.0], [-1.0, 1.0], [0.0, -1.0]], dtype=torch.float64)
    torch.testing.assert_close(features, expected, atol=1e-5, rtol=0)


def test_rotation_by_a_quarter_turn_flips_the_quadrupole():
    x = gaussian_fields(2, (48, 48), -2.0, seed=5)
    frame = Frame((48, 48))
    before = Anisotropy().features(Batch(x, frame)).reshape(2, 2, -1)
    after = Anisotropy().features(Batch(torch.rot90(x, 1, (2, 3)), frame)).reshape(2, 2, -1)
    torch.testing.assert_close(after[:, 0], -before[:, 0], atol=1e-5, rtol=0)
    torch.testing.assert_close(after[:, 1], before[:, 1], atol=1e-5, rtol=0)


def test_coherence_of_equal_opposite_and_mixed_channels():
    a, b = gaussian_fields(2, (64, 64), seed=6)
    frame = Frame((64, 64), channels=("a", "b", "c"))
    x = torch.stack([a, -a, (a + b) / math.sqrt(2)], 1)
    r = ChannelCoherence().features(Batch(x, frame)).reshape(3, -1)
    torch.testing.assert_close(r[0], -torch.ones_like(r[0]), atol=1e-5, rtol=0)
    assert r[1, -1].item() == pytest.approx(math.sqrt(0.5), abs=0.05)


def test_spectrum_of_a_vector_is_its_energy():
    x = gaussian_fields(3, (32, 32), -2.0, seed=7, channels=2)
    vector = Frame((32, 32), channels=("u", "v"), components=(1, 0))
    scalars = Frame((32, 32), channels=("u", "v"))
    energy = RadialSpectrum().features(Batch(x, vector)).exp()
    parts = RadialSpectrum().features(Batch(x, scalars)).exp().reshape(3, 2, -1)
    torch.testing.assert_close(energy, parts.sum(1))
