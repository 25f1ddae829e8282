"""Gram matrices through a second wavelet, against filtering in space."""

from __future__ import annotations

import pytest
import torch
from moment_fields import skewed_fields

from moments import FilterBank, gram
from moments.grids import fold_to_half
from moments.wavelets import half_spectrum, spectrum, synthesis


@pytest.mark.parametrize("shape", [(33,), (32,), (12, 17), (13, 16), (6, 7, 8)])
def test_gram_is_that_of_the_filtered_fields(shape, monkeypatch):
    dims = len(shape)
    bank = FilterBank(shape, 2, full_resolution=True)
    x = skewed_fields(shape, 2, 3)
    bands = synthesis(spectrum(x, dims).unsqueeze(2) * bank.psi(0), dims).flatten(3)
    expected = torch.einsum("bilu,bjlu->blji", bands.conj(), bands) / bands.shape[-1]
    weights = gram.second_wavelet(*fold_to_half(bank.psi(0) ** 2, shape))
    # Pieces of 64 wavenumbers, the last one shorter.
    monkeypatch.setitem(gram.PIECE, "cpu", 1)
    real, imaginary = gram.weighted_gram(half_spectrum(x, dims), weights).unbind(1)
    torch.testing.assert_close(torch.complex(real, imaginary), expected, rtol=0, atol=1e-12)


def test_gradient_in_pieces_is_the_derivative(monkeypatch):
    bank = FilterBank((14, 23), 2, 3)
    weights = gram.second_wavelet(*fold_to_half(bank.psi(1) ** 2, bank.grids[1]))
    x = skewed_fields(bank.grids[1], 2, 2).requires_grad_(True)
    monkeypatch.setitem(gram.PIECE, "cpu", 1)
    assert torch.autograd.gradcheck(lambda x: gram.weighted_gram(half_spectrum(x, 2), weights), x)
