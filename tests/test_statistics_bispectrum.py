"""Bispectrum of quadratic Gaussian fields, against the sum over triangles."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from known_fields import gaussian_fields

from synth.estimation import surrogates
from synth.evaluation.statistics import Batch, Frame
from synth.evaluation.statistics.bispectrum import Bispectrum, bin_edges, triangles


def expected_bispectrum(amplitude: np.ndarray, strength: float) -> np.ndarray:
    """b of x = g + strength (g^2 - <g^2>) to first order, for g with the spectrum amplitude^2.

    <x^(w1) x^(w2) x^(w3)> = 2 strength (P1 P2 + P2 P3 + P3 P1) for every triangle; the sum over
    triangles with sides in given bins is a mean over positions of products of inverse transforms.
    """
    shape = amplitude.shape
    axes = np.meshgrid(*(np.fft.fftfreq(n, 1 / n) for n in shape), indexing="ij")
    k = np.sqrt(sum(a**2 for a in axes))
    power = amplitude**2
    edges = bin_edges(shape)
    inside = [(k >= low) & (k < high) for low, high in itertools.pairwise(edges)]

    def back(spectrum):
        return np.fft.ifftn(spectrum, norm="forward").real

    ones, ps = [back(m * 1.0) for m in inside], [back(m * power) for m in inside]
    found = []
    for a, b, c in triangles(shape):
        total = np.mean(ps[a] * ps[b] * ones[c] + ps[a] * ones[b] * ps[c] + ones[a] * ps[b] * ps[c])
        norm = math.sqrt(math.prod((power * inside[i]).sum() for i in (a, b, c)))
        found.append(2 * strength * total / norm)
    return np.array(found)


@pytest.mark.parametrize("shape", [(600,), (64, 64), (27, 24, 30)])
def test_bispectrum_of_a_quadratic_gaussian_field(shape):
    n, strength, slope = 100, 0.05, -1.0
    g = gaussian_fields(n, shape, slope, seed=1)
    x = g + strength * (g.square() - 1)
    frame = Frame(shape)
    known = triangles(shape)
    features = Bispectrum().features(Batch(x, frame))[:, : len(known)]

    axes = np.meshgrid(*(np.fft.fftfreq(size) for size in shape), indexing="ij")
    k = np.sqrt(sum(a**2 for a in axes))
    amplitude = np.zeros(shape)
    amplitude[k > 0] = k[k > 0] ** (slope / 2)
    amplitude /= np.sqrt(np.sum(amplitude**2))  # sum of P = <g^2> = 1
    expected = expected_bispectrum(amplitude, strength)
    error = features.std(0).numpy() / math.sqrt(n)
    assert np.max(np.abs(features.mean(0).numpy() - expected) / (error + 0.05 * expected)) < 4.5
    assert np.corrcoef(features.mean(0).numpy(), expected)[0, 1] > 0.5


def test_a_sign_flip_flips_the_bispectrum_and_keeps_its_local_strength():
    x = gaussian_fields(2, (48, 48), -2.0).exp()
    frame = Frame((48, 48))
    there, back = (Bispectrum().features(Batch(y, frame)) for y in (x, -x))
    half = there.shape[1] // 2
    torch.testing.assert_close(there[:, :half], -back[:, :half])
    torch.testing.assert_close(there[:, half:], back[:, half:])


def test_three_waves_that_close_a_triangle_are_seen_and_others_are_not():
    u = torch.arange(512) * 2 * math.pi / 512
    locked = torch.cos(10 * u) + torch.cos(14 * u) + torch.cos(24 * u)
    loose = torch.cos(10 * u) + torch.cos(14 * u) + torch.cos(24 * u + math.pi / 2)
    frame = Frame((512,))
    known, edges = triangles(frame.shape), bin_edges(frame.shape)
    place = [next(i for i in range(6) if edges[i] <= k < edges[i + 1]) for k in (10, 14, 24)]
    column = known.index(tuple(sorted(place)))
    a, b = (Bispectrum().features(Batch(x[None, None], frame))[0, column] for x in (locked, loose))
    bins = len(set(place))
    # Three waves in bins of their own: mean(y1 y2 y3) = 1/4 and each mean square 1/2.
    if bins == 3:
        assert a.item() == pytest.approx(0.25 / 0.5**1.5, rel=1e-4)
    assert a.item() > 0.3
    assert b.item() == pytest.approx(0, abs=1e-5)


def test_vortices_of_both_signs_have_a_local_bispectrum_that_a_gaussian_field_lacks():
    generator = np.random.default_rng(0)
    y, x = np.meshgrid(np.arange(96), np.arange(96), indexing="ij")
    fields = np.zeros((6, 1, 96, 96))
    for field in fields:
        for i in range(12):
            cy, cx = generator.uniform(0, 96, 2)
            dy, dx = ((c + 48) % 96 - 48 for c in (y - cy, x - cx))
            field[0] += (-1) ** i * np.exp(-(dy**2 + dx**2) / 18)
    vortices = torch.from_numpy(fields).float()
    plain = surrogates.gaussian(vortices, 6, True, seed=1)
    frame = Frame((96, 96))
    half = len(triangles(frame.shape))
    strong, weak = (
        Bispectrum().features(Batch(f, frame))[:, half:].mean(0) for f in (vortices, plain)
    )
    equal = [i for i, (a, _, c) in enumerate(triangles(frame.shape)) if a == c][2:]
    assert (strong - weak)[equal].min() > 0.5
