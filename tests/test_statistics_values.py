"""Histograms, quantiles and moments of single values, against numpy and scipy."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from known_fields import gaussian_fields, lognormal_fields
from scipy import stats

from synth.evaluation.statistics import Batch, Frame
from synth.evaluation.statistics.bands import band_centres, octave_bands
from synth.evaluation.statistics.onepoint import (
    LEVELS,
    Histogram,
    MeanSd,
    OctaveHistogram,
    SkewnessKurtosis,
    log_density,
    log_tails,
    quantiles,
)


def test_quantiles_are_those_of_numpy():
    x = gaussian_fields(3, (50, 41), seed=1).flatten(1)
    expected = np.quantile(x.double().numpy(), LEVELS, axis=1).T
    np.testing.assert_allclose(quantiles(x, LEVELS).numpy(), expected, atol=1e-6)


def test_tails_count_what_lies_beyond():
    x = torch.arange(-50.0, 50.0)[None]
    shares = log_tails(x, (-40.0, 40.0)).exp() * 101 - 0.5
    assert shares[0].tolist() == pytest.approx([11, 9])  # -50..-40 and 41..49


def test_density_is_that_of_numpy_and_unknown_where_empty():
    x = gaussian_fields(1, (64, 64), seed=2).flatten(1)
    edges = torch.linspace(-6, 6, 25)
    expected = np.histogram(x[0].numpy(), edges.numpy())[0] / (64 * 64 * 0.5)
    found = log_density(x, edges)[0].exp().numpy()
    np.testing.assert_allclose(np.nan_to_num(found), expected, rtol=1e-5)
    assert np.isnan(found[0])


def test_skewness_and_kurtosis_are_those_of_scipy():
    x = lognormal_fields(3, (32, 40), -1.0)
    features = SkewnessKurtosis().features(Batch(x, Frame((32, 40)))).numpy()
    flat = x.flatten(1).double().numpy()
    np.testing.assert_allclose(features[:, 0], stats.skew(flat, axis=1), rtol=1e-6)
    np.testing.assert_allclose(features[:, 1], stats.kurtosis(flat, axis=1) + 3, rtol=1e-6)


def test_the_histogram_sees_the_shape_and_its_neighbour_mean_and_sd():
    x, frame = lognormal_fields(4, (32, 32), -1.0), Frame((32, 32))
    before, after = Batch(x, frame), Batch(0.3 + 2 * x, frame)
    shapes = [Histogram().features(b) for b in (before, after)]
    torch.testing.assert_close(*shapes, rtol=0, atol=1e-4)
    mean, width = (MeanSd().features(b) for b in (before, after))
    flat = x.flatten(1).double()
    expected = torch.stack([flat.mean(1), flat.std(1, correction=0).log()], 1)
    torch.testing.assert_close(mean, expected, rtol=0, atol=6e-4)
    expected = torch.stack([0.3 + 2 * flat.mean(1), (2 * flat.std(1, correction=0)).log()], 1)
    torch.testing.assert_close(width, expected, rtol=0, atol=6e-4)


def test_the_values_of_the_histogram_are_the_w1_distances_of_scipy():
    frame = Frame((64, 64))
    a, b = gaussian_fields(1, (64, 64), seed=3), lognormal_fields(1, (64, 64), 0.0, seed=4)
    drawn = [Histogram().drawn(Batch(x, frame)) for x in (a, b)]
    flat = [x.flatten().double().numpy() for x in (a, b)]
    own = [(x - x.mean()) / x.std() for x in flat]
    # 15 quantiles with the outer 0.1% left out, against the whole law.
    assert Histogram().value(*drawn, frame) == pytest.approx(
        stats.wasserstein_distance(*own), abs=0.03
    )
    assert Histogram().details(*drawn, frame)["W1 in real sd"] == pytest.approx(
        stats.wasserstein_distance(*flat), abs=0.03
    )
    shifted = Histogram().drawn(Batch(a + 0.3, frame))
    assert Histogram().value(drawn[0], shifted, frame) == pytest.approx(0, abs=1e-5)
    assert Histogram().details(drawn[0], shifted, frame)["W1 in real sd"] == pytest.approx(0.3)


def test_fields_of_one_or_two_values_have_a_histogram():
    frame = Frame((32, 32))
    constant = torch.full((1, 1, 32, 32), 0.1)
    share = 0.2
    binary = (torch.arange(1024.0) < share * 1024).float().reshape(1, 1, 32, 32)
    for x in (constant, binary, constant * 1e6):
        for statistic in (MeanSd(), Histogram(), SkewnessKurtosis()):
            assert statistic.features(Batch(x, frame)).isfinite().all()
    assert Histogram().features(Batch(constant, frame))[0, : len(LEVELS)].abs().max() < 1e-6
    share = binary.mean().item()
    low, high = -((share / (1 - share)) ** 0.5), ((1 - share) / share) ** 0.5
    features = Histogram().features(Batch(binary, frame))[0]
    expected = [low if level < 1 - share else high for level in LEVELS if level != 0.8]
    kept = [i for i, level in enumerate(LEVELS) if level != 0.8]
    assert features[kept].tolist() == pytest.approx(expected, abs=1e-5)
    kurtosis = SkewnessKurtosis().features(Batch(binary, frame))[0, 1].item()
    assert kurtosis == pytest.approx(1 / (share * (1 - share)) - 3, rel=1e-6)


def test_rounding_noise_of_a_common_mean_is_not_seen():
    x, frame = gaussian_fields(4, (32, 32), -2.0, seed=3), Frame((32, 32))
    x = x - x.mean((2, 3), keepdim=True)
    means = [MeanSd().features(Batch(y, frame))[:, 0] for y in (x, x + 1e-4)]
    assert (means[0] == means[1]).all()


def test_octaves_add_up_to_the_field_between_the_first_and_the_last():
    shape = (64, 48)
    x = gaussian_fields(1, shape, seed=4)
    y, z = torch.meshgrid(torch.arange(64.0), torch.arange(48.0), indexing="ij")
    wave = torch.cos(2 * math.pi * (4 * y / 64 + 5 * z / 48))  # k = 4.8 and 5 of 48 pixels
    for values in (x, wave[None, None]):
        bands = list(octave_bands(Batch(values, Frame(shape))))
        assert [b.centre for b in bands] == band_centres(Frame(shape)) == [2, 4, 8]
    # The squared windows of neighbouring octaves add up to 1 for a single wave.
    energy = sum(b.values.square().mean() for b in bands)
    assert energy.item() == pytest.approx(0.5, rel=1e-4)


def test_the_octaves_of_a_gaussian_field_are_gaussian():
    x = gaussian_fields(16, (128, 128), -2.0, seed=5)
    statistic = OctaveHistogram()
    features = statistic.features(Batch(x, Frame((128, 128)))).mean(0)
    finest = features.reshape(-1, len(statistic.levels))[-1]
    expected = torch.from_numpy(stats.norm.ppf(statistic.levels))
    torch.testing.assert_close(finest, expected, rtol=0, atol=0.06)
