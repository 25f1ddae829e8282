"""Gram matrices through a second wavelet, against filtering in space."""

from __future__ import annotations

import pytest
import torch
from moment_fields import skewed_fields

from moments import FilterBank, gram
from moments.wavelets import half_spectrum, spectrum, synthesis


@pytest.mark.parametrize("shape", [(33,), (32,), (12, 17), (13, 16), (6, 7, 8)])
@pytest.mark.parametrize("leading", [1, 3])
def test_gram_is_that_of_the_filtered_fields(shape, leading, monkeypatch):
    dims = len(shape)
    bank = FilterBank(shape, 2, full_resolution=True)
    x = skewed_fields(shape, 2, 3)
    # Pieces of 64 wavenumbers, the last one shorter.
    monkeypatch.setitem(gram.PIECE, "cpu", 1)
    for psi in bank.psi(0), bank.psi(1):
        bands = synthesis(spectrum(x, dims).unsqueeze(2) * psi, dims).flatten(3)
        expected = torch.einsum("bilu,bjlu->blij", bands.conj(), bands) / bands.shape[-1]
        real, imaginary = gram.SecondWavelets(psi)(half_spectrum(x, dims), leading)
        torch.testing.assert_close(real, expected.real, rtol=0, atol=1e-12)
        torch.testing.assert_close(imaginary, expected.imag[:, :, :leading], rtol=0, atol=1e-12)


@pytest.mark.parametrize("leading", [1, 2])
def test_gradient_in_pieces_is_the_derivative(leading, monkeypatch):
    bank = FilterBank((14, 23), 2, 3)
    wavelets = gram.SecondWavelets(bank.psi(1))
    x = skewed_fields(bank.grids[1], 2, 2).requires_grad_(True)
    monkeypatch.setitem(gram.PIECE, "cpu", 1)
    assert torch.autograd.gradcheck(lambda x: wavelets(half_spectrum(x, 2), leading), x)
