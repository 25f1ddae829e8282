"""Coefficients and moduli of the bands of a scale, a few bands at a time.

Their definitions are ``synthesis(field * psi)`` and ``half_spectrum(modulus(coefficients))``.  All
bands of a fine scale together do not fit into the processor's cache; in pieces that do, what lies
between a spectrum and the next never leaves it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from moments import grids
from moments.gram import PIECE
from moments.harmonics import safe, square_of_modulus
from moments.wavelets import adjoint_of_half_spectrum

Place = tuple[slice, slice, slice]


def coefficients(field: Tensor, psi: Tensor) -> Tensor:
    """W_l x on the grid of the wavelets.

    Parameters
    ----------
    field : Tensor, (batch, channel, *grid) complex
        Spectra.
    psi : Tensor, (L, *grid) real

    Returns
    -------
    Tensor, (batch, channel, L, *grid) complex
    """
    return _Coefficients.apply(field, psi)


def moduli(coefficients: Tensor, dims: int) -> tuple[Tensor, Tensor, Tensor]:
    """|W| (batch, channel, L, *grid), their half spectra, and their means (batch, channel, L)."""
    return _Moduli.apply(coefficients, dims)


def _places(shape: Sequence[int], one: Tensor) -> Iterator[list[Place]]:
    """Slices of (batch, channel, L) whose bands fill the cache, those of the same fields together.

    Where the angles of a field are split does not depend on the batch, so that a sum over them does
    not either.  ``one`` is the spectrum of one band.
    """
    batch, channels, angles = shape
    room = PIECE[one.device.type] // (2 * one.nbytes * channels)
    count, fields = max(1, room), max(1, room // angles)
    for field in range(0, batch, fields):
        which = slice(field, field + fields)
        yield [(which, slice(None), slice(l, l + count)) for l in range(0, angles, count)]


class _Coefficients(torch.autograd.Function):
    @staticmethod
    def forward(ctx, field, psi):  # type: ignore[no-untyped-def]
        ctx.save_for_backward(psi)
        axes = tuple(range(1 - psi.ndim, 0))
        out = field.new_empty((*field.shape[:2], *psi.shape))
        for place in chain(*_places(out.shape[:3], out[0, 0, 0])):
            band = field[place[0]].unsqueeze(2) * psi[place[2]]
            out[place] = torch.fft.ifftn(band, dim=axes, norm="forward")
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx, grad):  # type: ignore[no-untyped-def]
        (psi,) = ctx.saved_tensors
        axes = tuple(range(1 - psi.ndim, 0))
        out = grad.new_zeros((*grad.shape[:2], *psi.shape[1:]))
        for places in _places(grad.shape[:3], grad[0, 0, 0]):
            for place in places:
                spectra = torch.fft.fftn(grad[place], dim=axes)
                out[place[0]] += (spectra * psi[place[2]]).sum(2)
        return out, None


class _Moduli(torch.autograd.Function):
    @staticmethod
    def forward(ctx, coefficients, dims):  # type: ignore[no-untyped-def]
        axes, grid = tuple(range(-dims, 0)), coefficients.shape[-dims:]
        bands = coefficients.shape[:-dims]
        size = coefficients.real.new_empty(coefficients.shape)
        spectra = coefficients.new_empty((*bands, *grid[:-1], grid[-1] // 2 + 1))
        for place in chain(*_places(bands, coefficients[0, 0, 0])):
            size[place] = square_of_modulus(coefficients[place]).sqrt_()
            spectra[place] = torch.fft.rfftn(size[place], dim=axes, norm="forward")
        ctx.dims = dims
        ctx.save_for_backward(coefficients, size)
        return size, spectra, grids.at_zero(spectra, dims).real.clone()

    @staticmethod
    @once_differentiable
    def backward(ctx, of_size, of_spectra, of_means):  # type: ignore[no-untyped-def]
        coefficients, size = ctx.saved_tensors
        grid = size.shape[-ctx.dims :]
        out = torch.empty_like(coefficients)
        for place in chain(*_places(size.shape[:3], coefficients[0, 0, 0])):
            slope = adjoint_of_half_spectrum(of_spectra[place], grid, of_means[place])
            slope += of_size[place]
            out[place] = coefficients[place] * slope.div_(safe(size[place]))
        return out, None
