"""Increments of linear, trigonometric and Gaussian fields, whose moments are known."""

from __future__ import annotations

import math

import pytest
import torch
from known_fields import gaussian_fields

from synth.evaluation.statistics import Batch, Frame
from synth.evaluation.statistics.increments import (
    Flatness,
    IncrementHistogram,
    LocalSlopes,
    StructureFunctions,
    ThirdOrder,
)


@pytest.mark.parametrize("shape", [(64,), (40, 50), (20, 24, 28)])
def test_structure_functions_of_a_linear_field_are_exact(shape):
    frame = Frame(shape, "open")
    axes = torch.meshgrid(*(torch.arange(float(n)) for n in shape), indexing="ij")
    x = sum(axes)[None, None]
    features = StructureFunctions().features(Batch(x, frame)).reshape(6, -1)
    lags = torch.tensor(frame.lags, dtype=torch.float64)
    for p in range(1, 7):
        torch.testing.assert_close(features[p - 1], p * lags.log(), rtol=0, atol=1e-6)
    slopes = LocalSlopes().features(Batch(x, frame)).reshape(5, -1)
    expected = torch.tensor([1, 2, 4, 5, 6], dtype=torch.float64)[:, None] / 3
    torch.testing.assert_close(slopes, expected.expand_as(slopes), rtol=0, atol=1e-5)


def test_structure_functions_of_a_wave_are_exact():
    n, k = 64, 4
    x = torch.cos(2 * math.pi * k * torch.arange(n) / n)[None, None]
    frame = Frame((n,))
    features = StructureFunctions().features(Batch(x, frame)).reshape(6, -1)
    lags = torch.tensor(frame.lags, dtype=torch.float64)
    # x(u+r) - x(u) is a wave of amplitude A(r) = 2 |sin(pi k r / n)|: S_2 = A^2/2, S_4 = 3 A^4/8.
    amplitude = 2 * torch.sin(math.pi * k * lags / n).abs()
    moving = amplitude > 1e-9
    for p, factor in ((2, 1 / 2), (4, 3 / 8), (6, 5 / 16)):
        expected = factor * amplitude[moving] ** p
        torch.testing.assert_close(features[p - 1].exp()[moving], expected, rtol=1e-5, atol=0)
    flatness = Flatness().features(Batch(x, frame)).exp()[0, moving]
    torch.testing.assert_close(flatness, torch.full_like(flatness, 1.5), rtol=1e-4, atol=0)


def test_a_gaussian_field_has_flatness_three_at_every_lag():
    x = gaussian_fields(12, (128, 128), -1.0, seed=1)
    features = Flatness().features(Batch(x, Frame((128, 128)))).exp()
    error = features.std(0) / math.sqrt(len(x))
    assert ((features.mean(0) - 3).abs() < 4 * error + 0.01).all()


def test_a_sawtooth_has_skewed_increments_of_the_right_sign():
    n = 64
    x = (torch.arange(n) % 16).float()[None, None]  # slow rise, sudden fall
    skewness = ThirdOrder().features(Batch(x, Frame((n,))))[0, 0]
    # At lag 1: +1 with probability 15/16 and -15 with 1/16.
    third, second = (15 - 15**3) / 16, (15 + 15**2) / 16
    assert skewness.item() == pytest.approx(third / second**1.5, rel=1e-6)


def test_longitudinal_and_transverse_increments_of_a_vector():
    y, x = torch.meshgrid(torch.arange(32.0), torch.arange(32.0), indexing="ij")
    field = torch.stack([2 * x + 3 * y, 5 * x + 7 * y])[None]  # u along x, v along y
    frame = Frame((32, 32), "open", ("u", "v"), (1, 0))
    first = StructureFunctions().features(Batch(field, frame)).reshape(2, 6, -1)[:, 0].exp()
    lags = torch.tensor(frame.lags, dtype=torch.float64)
    torch.testing.assert_close(first[0], (2 + 7) / 2 * lags)
    torch.testing.assert_close(first[1], (3 + 5) / 2 * lags)


def test_increment_tails_of_a_gaussian_field():
    x = gaussian_fields(4, (128, 128), seed=2)
    frame = Frame((128, 128))
    features = IncrementHistogram().features(Batch(x, frame)).mean(0).reshape(-1, 12)
    below = [0.5 * math.erfc(t / math.sqrt(2)) for t in (1, 2, 3)]
    expected = torch.tensor(below).double().log().expand(len(features), 3)
    torch.testing.assert_close(features[:, 6:9], expected, rtol=0, atol=0.1)
