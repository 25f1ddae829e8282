"""Controls keep the second-order statistics they promise, and nothing else."""

from __future__ import annotations

import pytest
import torch
from known_fields import gaussian_fields, lognormal_fields

from synth.estimation import surrogates
from synth.estimation.moisan import periodic_component


def periodogram(x):
    return torch.fft.rfftn(x, dim=(-2, -1), norm="forward")


def test_gaussian_fields_have_the_mean_cross_spectra():
    a, b = lognormal_fields(1, (16, 16), -2.0, 1), gaussian_fields(1, (16, 16), -1.0, 2)
    real = torch.cat([a, a + 0.5 * b], 1)
    n = 4000
    drawn = surrogates.gaussian(real, n, True, seed=0)
    x, y = (
        periodogram(real - real.mean((2, 3), keepdim=True)),
        periodogram(drawn - real.mean((0, 2, 3), keepdim=True)),
    )
    expected = torch.einsum("naij,nbij->abij", x, x.conj())
    found = torch.einsum("naij,nbij->abij", y, y.conj()) / n
    scale = expected[[0, 1], [0, 1]].real.sqrt()
    error = (found - expected).abs() / (scale[:, None] * scale[None]).clamp(min=1e-12)
    # Each mode is a mean of n products of relative sd 1, or sqrt(2) where the mode is real.
    assert error[:, :, 1:8, 1:8].max() < 6 / n**0.5
    kurtosis = (drawn[:, 0] - drawn[:, 0].mean()).pow(4).mean() / drawn[:, 0].var() ** 2
    assert kurtosis.item() == pytest.approx(3.0, abs=0.15)


def test_each_field_depends_on_the_seed_and_its_index_alone():
    real = lognormal_fields(3, (16, 16), -2.0)
    many, few = (surrogates.gaussian(real, n, True, seed=5) for n in (4, 2))
    torch.testing.assert_close(many[:2], few)
    assert (many[0] - surrogates.gaussian(real, 1, True, seed=6)[0]).abs().max() > 0.1


def test_random_phases_keep_periodograms_and_cross_spectra():
    real = torch.cat([lognormal_fields(2, (15, 16), -2.0, 1), gaussian_fields(2, (15, 16))], 1)
    drawn = surrogates.phase_randomised(real, True, seed=0)
    x, y = periodogram(real), periodogram(drawn)
    # irfftn drops the imaginary part of the Nyquist column, whose phase is not free.
    inside = slice(0, 8)
    for a, b in ((0, 0), (0, 1), (1, 1)):
        torch.testing.assert_close(
            (x[:, a] * x[:, b].conj())[..., inside],
            (y[:, a] * y[:, b].conj())[..., inside],
            atol=1e-6,
            rtol=1e-4,
        )
    assert (real - drawn).abs().max() > 0.5


def test_periodic_component_removes_the_jump_and_leaves_the_inside():
    y, x = torch.meshgrid(torch.arange(64.0), torch.arange(64.0), indexing="ij")
    ramp = 0.1 * x
    wave = torch.sin(2 * torch.pi * 5 * y / 64)
    part = periodic_component((ramp + wave)[None, None])[0, 0]
    jump = (part[:, 0] - part[:, -1]).abs().mean()
    assert jump < 0.25 * (ramp[:, -1] - ramp[:, 0]).mean()
    amplitude = torch.fft.rfft(part, dim=0)[5].abs().mean() * 2 / 64
    assert amplitude.item() == pytest.approx(1, rel=0.05)


def test_a_periodic_field_is_hardly_changed_by_its_decomposition():
    x = gaussian_fields(2, (128, 128), -4.0, seed=3)
    part = periodic_component(x)
    assert (part - x).var() < 0.01 * x.var()


def test_the_control_of_open_fields_has_the_variance_of_their_process():
    n, size = 96, 32
    x = gaussian_fields(n, (3 * size, 3 * size), -3.0, seed=4)
    real = x[..., :size, :size] - x[..., :size, :size].mean()
    drawn = surrogates.gaussian(real, n, False, seed=1)
    squares = [f.square().mean((1, 2, 3)) for f in (real, drawn)]
    error = sum(q.var() / n for q in squares) ** 0.5
    # Periodic components alone have 57% of this variance, 5.4 errors too little.
    assert (squares[1].mean() - squares[0].mean()).abs() < 3 * error
