"""Bands made a few at a time: their definitions, gradients, and bits that no neighbour changes."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from moments import bands
from moments.wavelets import half_spectrum

ANGLES, GRID = 5, (12, 10)


def spectra(n: int, channels: int = 2) -> Tensor:
    generator = torch.Generator().manual_seed(n)
    shape = (n, channels, *GRID)
    return torch.randn(shape, generator=generator, dtype=torch.complex64)


@pytest.fixture
def psi() -> Tensor:
    return torch.rand((ANGLES, *GRID), generator=torch.Generator().manual_seed(0))


@pytest.fixture(params=[1, 2, 3, 100])
def piece(request, monkeypatch) -> int:
    """So many bands of two channels fill the cache."""
    one = spectra(1)[0, 0]
    monkeypatch.setitem(bands.PIECE, "cpu", 2 * one.nbytes * 2 * request.param)
    return int(request.param)


def test_they_are_those_of_the_definitions(psi, piece):
    field = spectra(3)
    found = bands.coefficients(field, psi)
    expected = torch.fft.ifft2(field[:, :, None] * psi, norm="forward")
    torch.testing.assert_close(found, expected)
    size, half, mean = bands.moduli(found, 2)
    torch.testing.assert_close(size, expected.abs())
    torch.testing.assert_close(half, half_spectrum(expected.abs(), 2))
    torch.testing.assert_close(mean, expected.abs().mean((-2, -1)))


def test_gradients_are_those_of_finite_differences(psi, piece):
    field = spectra(2).to(torch.complex128).requires_grad_(True)
    wide = psi.double()

    def moduli(x: Tensor) -> tuple[Tensor, ...]:
        return bands.moduli(bands.coefficients(x, wide), 2)

    assert torch.autograd.gradcheck(moduli, field, fast_mode=True)


def test_a_field_has_the_same_bits_alone_and_in_a_batch(psi, piece):
    def gradient(x: Tensor) -> Tensor:
        x = x.clone().requires_grad_(True)
        size, half, mean = bands.moduli(bands.coefficients(x, psi), 2)
        (found,) = torch.autograd.grad(size.sum() + half.abs().sum() + mean.sum(), x)
        return found

    fields = spectra(7)
    together = gradient(fields)
    for i in range(7):
        assert torch.equal(gradient(fields[i : i + 1])[0], together[i])
