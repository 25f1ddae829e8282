"""Phase harmonics: the theorem that names them, and gradients that never blow up."""

from __future__ import annotations

import math

import pytest
import torch

from moments.harmonics import harmonic, modulus


def complex_points() -> torch.Tensor:
    return torch.randn(20, generator=torch.Generator().manual_seed(0), dtype=torch.complex128)


@pytest.mark.parametrize("k", range(5))
def test_rectifier_harmonics(k):
    r"""ReLU(Re(e^{ia} z)) = sum_k gamma^(k) [z]^k e^{ika} (Mallat, Zhang & Rochette 2020).

    gamma^(k) = cos(k pi / 2) / (pi (1 - k^2)), and 1/4 at k = 1.
    """
    count = 200_000
    a = 2 * math.pi * torch.arange(count, dtype=torch.float64) / count
    z = complex_points()
    rectified = torch.relu((torch.exp(1j * a) * z[:, None]).real)
    coefficient = (rectified * torch.exp(-1j * k * a)).mean(1)
    gamma = 0.25 if k == 1 else math.cos(k * math.pi / 2) / (math.pi * (1 - k**2))
    # The kinks of the rectifier leave an error of order 1 / count^2.
    torch.testing.assert_close(coefficient, gamma * harmonic(z, k) + 0j, atol=1e-9, rtol=0)


@pytest.mark.parametrize("k", range(6))
def test_harmonic_multiplies_the_phase_and_keeps_the_modulus(k):
    z = complex_points()
    expected = torch.abs(z) * torch.exp(1j * k * torch.angle(z))
    torch.testing.assert_close(harmonic(z, k) + 0j, expected)


@pytest.mark.parametrize("k", range(5))
def test_gradient(k):
    z = complex_points().requires_grad_(True)
    assert torch.autograd.gradcheck(lambda z: harmonic(z, k), z)


@pytest.mark.parametrize("dtype", [torch.complex64, torch.complex128])
@pytest.mark.parametrize("k", range(5))
@pytest.mark.parametrize("size", [0.0, 1e-44, 1e-30, 1e18])
def test_gradient_is_finite_at_every_size(size, k, dtype):
    direction = torch.tensor([1.0, -1.0, 1j, 0.6 - 0.8j], dtype=torch.complex128)
    z = (size * direction).to(dtype).requires_grad_(True)
    value = harmonic(z, k)
    steepness = 1e6
    (gradient,) = torch.autograd.grad(steepness * torch.view_as_real(value + 0j).sum(), z)
    assert torch.isfinite(torch.view_as_real(value + 0j)).all()
    assert torch.isfinite(torch.view_as_real(gradient)).all()
    assert gradient.abs().max() <= steepness * (k + 1) * math.sqrt(2) * 1.001


def test_gradient_of_the_modulus_at_zero_is_zero():
    z = torch.zeros(3, dtype=torch.complex64, requires_grad=True)
    modulus(z).sum().backward()
    assert (z.grad == 0).all()


def test_negative_harmonics_are_refused():
    with pytest.raises(ValueError, match="k=-1 was asked for; k >= 0 would work"):
        harmonic(complex_points(), -1)
