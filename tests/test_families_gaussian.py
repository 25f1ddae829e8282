"""The Gaussian law of maximum entropy against closed forms."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

import moments
import synth
from moments.dual import Dual
from moments.gaussian import GaussianLaw, maximum_entropy
from synth.field import Field

WHITE = 0.5 * math.log(2 * math.pi * math.e)


def power_law(shape: tuple[int, ...], slope: float) -> torch.Tensor:
    """Spectrum |w|^-slope of variance 1 and mean 0, (*shape)."""
    w = np.meshgrid(*(2 * np.pi * np.fft.fftfreq(n) for n in shape), indexing="ij")
    radius = np.sqrt(sum(v**2 for v in w))
    spectrum = np.where(radius > 0, np.maximum(radius, 1e-9) ** -slope, 0.0)
    return torch.from_numpy(spectrum / spectrum.mean())


def law_of(spectrum: torch.Tensor) -> GaussianLaw:
    """The law whose covariances are those of a spectrum: a field of these phases has them."""
    dims = spectrum.ndim
    field = torch.fft.ifftn(torch.sqrt(spectrum), norm="ortho").real
    op = moments.build("covariance", spectrum.shape, dtype=torch.float64)
    x = field.reshape(1, 1, *spectrum.shape[:dims])
    op.freeze(op.constants(x))
    return maximum_entropy(op, op(x)[0])


@pytest.mark.parametrize(("shape", "slope"), [((256,), 1.0), ((45, 32), 2.0), ((12, 12, 12), 1.5)])
def test_spectrum_and_entropy_of_a_power_law(shape, slope):
    """A smooth spectrum is known from its wavelet covariances; the law adds little entropy."""
    wanted = power_law(shape, slope)
    law = law_of(wanted)
    found = law.spectrum[0, 0].real
    inside = wanted > 0
    assert law.mismatch < 1e-3
    ratio = (found[inside] / wanted[inside]).log()
    assert ratio.square().mean().sqrt() < 0.25
    exact = WHITE + 0.5 * float(wanted[inside].log().mean())
    assert -1e-4 < law.entropy - exact < 0.03


def test_entropy_of_white_noise():
    """1/2 log(2 pi e) a pixel, the largest of variance 1."""
    law = law_of(power_law((64, 64), 0.0))
    assert law.entropy == pytest.approx(WHITE, abs=5e-4)


def test_a_law_of_the_dual_form_is_recovered():
    r"""1 / sum_m beta_m F_m is its own maximum-entropy law, for channels that are correlated."""
    op = moments.build("covariance", (24, 20), scales=2, channels=2, shells=1, dtype=torch.float64)
    dual = Dual(op, torch.zeros(op.n_moments, dtype=torch.float64))
    labels = op.labels
    variance = (labels["c1"] == labels["c2"]) & ~labels["shift"].any(-1) & (labels["part"] != "im")
    beta = torch.as_tensor(np.where(variance, 1.0, 0.05)) * dual.quadratic
    root = dual.root(beta)
    law = maximum_entropy(op, dual.moments(root), tolerance=3e-7)
    wanted = (root @ root.mH).movedim((-2, -1), (0, 1))
    assert (law.spectrum - wanted).abs().max() < 5e-3 * wanted.abs().max()


def test_entropy_counts_channels():
    """Two correlated channels lose -1/4 log(1 - r^2) nats a value of their own sum."""
    r, space = 0.6, (4, 4)
    matrix = torch.tensor([[1.0, r], [r, 1.0]], dtype=torch.complex128)
    root = torch.linalg.cholesky(matrix).expand(*space, 2, 2).clone()
    law = GaussianLaw(torch.zeros(2), root, 0.0)
    assert law.entropy == pytest.approx(WHITE + 0.25 * math.log(1 - r**2))


def test_draws_have_the_law_spectrum_and_mean():
    spectrum = power_law((16, 16), 1.0)
    root = spectrum.sqrt().reshape(16, 16, 1, 1).to(torch.complex128)
    law = GaussianLaw(torch.tensor([2.0], dtype=torch.float64), root, 0.0)
    noise = torch.randn((2000, 1, 16, 16), generator=torch.Generator().manual_seed(0))
    x = law.draw(noise)
    assert torch.allclose(x.mean((1, 2, 3)), torch.tensor(2.0), atol=1e-5)
    power = torch.fft.fftn(x[:, 0] - 2, dim=(1, 2), norm="ortho").abs().square().mean(0)
    inside = spectrum > 0
    assert (power[inside] / spectrum[inside] - 1).abs().max() < 0.2


def test_covariance_models_are_sampled_without_descent():
    x = power_law((32, 32), 1.0).sqrt()
    noise = torch.randn((3, 1, 32, 32), generator=torch.Generator().manual_seed(1))
    fields = torch.fft.ifftn(torch.fft.fftn(noise.double(), dim=(2, 3)) * x, dim=(2, 3)).real
    dims = ("sample", "channel", "y", "x")
    field = Field.from_array(5 + fields.float().numpy(), dims=dims, boundary="periodic")
    model = synth.fit(field, "covariance", scales=3)
    ensemble = synth.sample(model, 8, seed=1)
    assert {(o["status"], o["steps"]) for o in ensemble.outcomes} == {("converged", 0)}
    drawn = ensemble.field.load()
    assert drawn.mean() == pytest.approx(field.load().mean(), abs=1e-3)
    assert drawn.var() == pytest.approx(field.load().var(), rel=0.15)
    first = synth.sample(model, 1, seed=1).field.load()
    assert np.array_equal(first[0], drawn[0])
