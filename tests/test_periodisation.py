"""Open fields keep the moments of their process when they are made periodic."""

from __future__ import annotations

import itertools
import warnings

import numpy as np
import pytest
import torch
from known_fields import gaussian_fields, lognormal_fields

import synth
from benchmarks.boundaries import crops
from benchmarks.seams import cross, seam
from synth.estimation import spectra
from synth.estimation.moisan import expected_powers, periodic_component
from synth.estimation.periodisation import Periodisation
from synth.field import Field


@pytest.mark.parametrize("shape", [(12,), (8, 9), (4, 6, 5)])
def test_expected_powers_are_what_many_fields_show(shape) -> None:
    n, space = 1000, tuple(range(2, 2 + len(shape)))
    twice = tuple(2 * size for size in shape)
    x = gaussian_fields(n, twice, -2.0).double()
    spectrum = torch.fft.fftn(x, dim=space).abs().square().mean(0)
    covariance = torch.fft.ifftn(spectrum, dim=tuple(range(1, 1 + len(shape)))).real
    covariance = covariance / np.prod(twice)
    parts = [
        x[(..., *at)] for at in itertools.product(*([slice(s), slice(s, None)] for s in shape))
    ]
    x = torch.cat(parts)
    x, p = (torch.fft.fftn(one, dim=space, norm="ortho") for one in (x, periodic_component(x)))
    expected = expected_powers(covariance, shape)
    for share in (0.0, 0.4, 1.0):
        found = (x - share * (x - p)).abs().square()
        error = found.std(0) / len(found) ** 0.5
        assert ((expected.without(share) - found.mean(0)).abs() < 5 * error).all()


def test_noise_is_left_as_it_is() -> None:
    # The jump across the border of noise says nothing of its large scales.
    x = gaussian_fields(1, (4096,), seed=2)
    y = Periodisation([x])(x)
    low = slice(1, 40)
    left, right = torch.fft.rfft(x)[..., low], torch.fft.rfft(y)[..., low]
    assert (left - right).abs().square().mean() < 0.02 * left.abs().square().mean()


def test_crops_of_a_gaussian_process_get_its_spectrum_back() -> None:
    x = gaussian_fields(64, (64, 64), -2.5, seed=1)
    cut = torch.cat([half for part in x.chunk(2, 2) for half in part.chunk(2, 3)])
    periodised = Periodisation([cut[:100], cut[100:]])(cut)
    # P(w) = A |w|^-2.5 with mean 1 over the whole fields' wavenumbers.
    whole, own = (spectra.radial_frequency((n, n)).flatten()[1:] ** -2.5 for n in (64, 32))
    power = np.pad((own * 64**2 / whole.sum()).numpy(), (1, 0))
    wanted = spectra.shell_means(power, (32, 32))[:15]
    lost, found = (
        spectra.measure(one)[:15, 0, 0] / wanted - 1
        for one in (periodic_component(cut), periodised)
    )
    # A shell of radius k holds about pi k independent modes of each crop.
    error = 1 / np.sqrt(len(cut) * np.pi * np.arange(1, 16))
    assert lost[0] < -0.15
    assert (np.abs(found) < 0.05 + 3 * error).all()


def test_every_channel_has_a_gain_of_its_own() -> None:
    a, b = gaussian_fields(8, (32, 24), -3.0, 1), gaussian_fields(8, (32, 24), -0.5, 2)
    a, b = a[..., :16, :12], b[..., :16, :12]
    both = Periodisation([torch.cat([a, b], 1)])
    torch.testing.assert_close(both.gain[:1], Periodisation([a]).gain)
    torch.testing.assert_close(both.gain[1:], Periodisation([b]).gain)


@pytest.mark.parametrize("family", ["scattering-covariance", "wph"])
def test_moments_of_crops_keep_their_values_in_every_class(family: str) -> None:
    x = lognormal_fields(16, (128, 128), -3.0, seed=3).numpy()
    whole = Field.from_array(x, ("sample", "channel", "y", "x"), boundary="periodic")
    with warnings.catch_warnings(action="ignore"):  # many moments for few pixels
        model = synth.fit(whole, family, scales=5)
    wrapped, kept = crops(model, x, 64, shifts=[(0, 0)])
    assert max(bias - 2 * chance for bias, chance in wrapped.values()) > 0.3
    # The flatness of few waves, as a crop has at its coarsest scale, is less than that of many.
    kept.pop("F", None)
    assert all(bias < 0.3 + 2 * chance for bias, chance in kept.values()), kept


def test_samples_of_an_open_field_have_neither_cross_nor_seam() -> None:
    x = lognormal_fields(1, (256, 256), -3.0, seed=5)[..., :128, :128].numpy()
    field = Field.from_array(x, ("sample", "channel", "y", "x"), boundary="open")
    samples = synth.sample(synth.fit(field, "covariance", shells=1), n=4).field.load()
    for axis in (0, 1):
        for measure in (cross, seam):
            (bad, sigma), (good, error) = measure(x, axis), measure(samples, axis)
            assert bad - 1 > 2 * sigma
            assert abs(good - 1) < 4 * error


@pytest.mark.parametrize("shape", [(64, 64), (16, 32, 24)])
def test_noise_under_a_pattern_that_repeats_is_kept(shape) -> None:
    # A line of the spectrum leaks where its period does not fit into the field; this one's does.
    noise = 0.1 * gaussian_fields(1, shape, 0.0, seed=4)
    place = sum(torch.meshgrid(*map(torch.arange, shape), indexing="ij"))
    x = (place // 4 % 2) + noise
    x = x - x.mean()
    power = spectra.power(Periodisation([x])(x))[0]
    low = np.median(power[: max(shape) // 16]) / noise.var()
    assert 0.2 < low < 5
