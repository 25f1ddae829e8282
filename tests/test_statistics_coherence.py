"""Phase coherence, held-out scattering and long-range correlation on fields of known coherence."""

from __future__ import annotations

import math

import pytest
import torch
from known_fields import gaussian_fields, lognormal_fields

from synth.estimation import surrogates
from synth.evaluation.statistics import Batch, Frame, coherence
from synth.evaluation.statistics.coherence import (
    HARMONICS,
    PhaseCoherence,
    bank,
    covariance,
    epsilon,
    harmonics,
)
from synth.evaluation.statistics.longrange import LongRange
from synth.evaluation.statistics.scattering import HeldOutScattering


def spikes(n: int, size: int = 64) -> torch.Tensor:
    """Sparse spikes of both signs: their wavelet phases are locked at every scale."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(n, 1, size, size, generator=generator)
    return torch.where(torch.rand(x.shape, generator=generator) < 0.002, x.sign(), 0.001 * x)


def test_eps_of_an_ensemble_with_itself_is_zero_and_of_nothing_is_one():
    k = covariance(spikes(4)[:, 0]).mean(0)
    assert epsilon(k, k) == 0
    assert epsilon(k, torch.zeros_like(k)) == pytest.approx(1)


def test_eps_does_not_depend_on_the_units_of_the_fields():
    a, b = (covariance(f[:, 0]).mean(0) for f in (spikes(4), lognormal_fields(4, (64, 64), -2.0)))
    c, d = (
        covariance(7 * f[:, 0]).mean(0) for f in (spikes(4), lognormal_fields(4, (64, 64), -2.0))
    )
    assert epsilon(c, d) == pytest.approx(epsilon(a, b), rel=1e-3)


def test_a_gaussian_model_of_spikes_is_far_and_another_draw_is_near():
    x = spikes(16)
    flat = surrogates.gaussian(x, 8, True, seed=1)
    test, other, model = (covariance(f[:, 0]).mean(0) for f in (x[:8], x[8:], flat))
    assert epsilon(test, model) > 0.6
    assert epsilon(test, other) < 0.4


@pytest.mark.parametrize("shape", [(256,), (64, 48), (32, 32, 32)])
def test_harmonics_have_the_phases_of_their_order(shape):
    v = harmonics(gaussian_fields(2, shape)[:, 0])
    z = torch.complex(v[:, :, :, 1], v[:, :, :, 2])
    torch.testing.assert_close(z.abs(), v[:, :, :, 0], rtol=1e-4, atol=1e-5)
    for k in range(2, HARMONICS):
        power = torch.complex(v[:, :, :, 2 * k - 1], v[:, :, :, 2 * k])
        expected = z.abs() * torch.exp(1j * k * z.angle())
        torch.testing.assert_close(power, expected, rtol=1e-3, atol=1e-4)


def test_thinned_positions_are_those_of_the_full_grid(monkeypatch):
    x = gaussian_fields(1, (64, 64), -1.0)[:, 0]
    full = harmonics(x).unflatten(-1, (64, 64))
    monkeypatch.setitem(coherence.POSITIONS, 2, 16)
    thin = harmonics(x).unflatten(-1, (16, 16))
    torch.testing.assert_close(thin, full[..., ::4, ::4], rtol=1e-3, atol=1e-4)
    spectrum = torch.fft.fft2(x[0]) * bank((64, 64)).psi(0)[3]  # the finest scale has the full grid
    modulus = torch.fft.ifft2(spectrum).abs()
    torch.testing.assert_close(full[0, 0, 3, 0], modulus, rtol=1e-3, atol=1e-5)


def test_features_of_a_gaussian_field_vanish_between_scales():
    x = gaussian_fields(8, (64, 64), -2.0)
    features = PhaseCoherence().features(Batch(x, Frame((64, 64))))
    error = features.std(0) / math.sqrt(8)
    labels = PhaseCoherence().labels(Frame((64, 64)))
    apart = [i for i, label in enumerate(labels) if label.startswith("r([z_0]^1, [z_1]^2")]
    assert (features.mean(0)[apart].abs() < 4 * error[apart]).all()


def test_the_scattering_covariance_knows_sparse_from_gaussian():
    statistic, frame = HeldOutScattering(), Frame((64, 64))
    sparse, flat = spikes(4), gaussian_fields(4, (64, 64))
    first = [i for i, label in enumerate(statistic.labels(frame)) if label.startswith("S1")]
    a, b = (statistic.features(Batch(x, frame))[:, first].mean(0) for x in (sparse, flat))
    # For a Gaussian field |Wx| is Rayleigh: its mean over its rms is sqrt(pi) / 2.
    torch.testing.assert_close(b, torch.full_like(b, math.sqrt(math.pi) / 2), rtol=0, atol=0.05)
    assert a[0] < 0.5


def test_the_scattering_covariance_does_not_see_the_amplitude_of_a_field():
    x, frame = lognormal_fields(3, (64, 64), -2.0), Frame((64, 64))
    x = x - x.mean()
    a, b = (HeldOutScattering().features(Batch(y, frame)) for y in (x, 5 * x))
    torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-4)


def test_a_period_is_long_range_correlation_and_noise_has_none():
    statistic, frame = LongRange(), Frame((64, 64))
    tile = gaussian_fields(4, (16, 16))
    tiled, noise = tile.tile(1, 1, 4, 4), gaussian_fields(4, (64, 64), seed=1)
    labels = statistic.labels(frame)
    rms = [i for i, s in enumerate(labels) if s.startswith("ln rms(field")]
    a, b = (statistic.features(Batch(x, frame))[:, rms].exp() for x in (tiled, noise))
    assert a.min() > 2.5 * b.max()
