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


def test_the_value_of_the_histogram_is_the_shift_of_a_shifted_field():
    x = gaussian_fields(4, (32, 32), seed=3)
    frame = Frame((32, 32))
    a, b = (Histogram().features(Batch(y, frame)) for y in (x, x + 0.3))
    assert Histogram().value(a, b, frame) == pytest.approx(0.3, abs=1e-5)


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
