"""The wavelet transform on own-scale grids and its inverse by the dual frame."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from moments import grids
from moments.bank import FilterBank


def spectrum(x: Tensor, dims: int) -> Tensor:
    """Full spectrum ``x^(w) = (1/d) sum_u x(u) exp(-i w.u)`` of the last ``dims`` axes."""
    return torch.fft.fftn(x, dim=tuple(range(-dims, 0)), norm="forward")


def half_spectrum(x: Tensor, dims: int) -> Tensor:
    """The same for a real field, with ``k_last >= 0`` only."""
    return _HalfSpectrum.apply(x, dims)


class _HalfSpectrum(torch.autograd.Function):
    """rfftn whose gradient is a half transform too; autograd's own pads to a whole one."""

    @staticmethod
    def forward(ctx, x, dims):  # type: ignore[no-untyped-def]
        ctx.grid = x.shape[-dims:]
        return torch.fft.rfftn(x, dim=tuple(range(-dims, 0)), norm="forward")

    @staticmethod
    def backward(ctx, grad):  # type: ignore[no-untyped-def]
        return adjoint_of_half_spectrum(grad, ctx.grid), None


def adjoint_of_half_spectrum(
    half: Tensor, grid: Sequence[int], of_mean: Tensor | None = None
) -> Tensor:
    """Gradient in a real field from those in its half spectrum and, if given, in its mean."""
    # The inverse transform counts each pair of wavenumbers twice, and takes the real part.
    once = 1 / (grids.half_weights(grid) * math.prod(grid))
    half = half * once.to(half.real)
    if of_mean is not None:
        grids.at_zero(half, len(grid)).add_(of_mean / math.prod(grid))
    return real_synthesis(half, grid)


def real_synthesis(half: Tensor, grid: Sequence[int]) -> Tensor:
    """Real fields (batch, ..., *grid) of half spectra, what the other half has being conjugate.

    On a CPU a batch is taken field by field: together they would be rounded differently.
    """

    def inverse(spectra: Tensor) -> Tensor:
        axes = tuple(range(-len(grid), 0))
        if len(axes) > 1:
            spectra = torch.fft.ifftn(spectra, dim=axes[:-1], norm="forward")
        return torch.fft.irfft(spectra, n=grid[-1], norm="forward")

    if half.device.type == "cpu" and len(half) > 1:
        return torch.cat([inverse(one) for one in half.split(1)])
    return inverse(half)


def synthesis(spectrum: Tensor, dims: int) -> Tensor:
    """Field of a full spectrum: ``x(u) = sum_w x^(w) exp(i w.u)``, complex."""
    return torch.fft.ifftn(spectrum, dim=tuple(range(-dims, 0)), norm="forward")


class WaveletTransform(nn.Module):
    r"""Wavelet transform :math:`Wx = (x\star\phi_J, \; x\star\psi_{j,l})`, each band on its own
    grid.

    The inverse applies the dual frame in Fourier,

    .. math:: \hat x = \frac{\hat\phi\,\widehat{x\star\phi} + \frac12\sum_\lambda
              \big(\hat\psi_\lambda \widehat{W_\lambda x} + \text{mirror}\big)}
              {|\hat\phi|^2 + \frac12\sum_\lambda(|\hat\psi_\lambda(w)|^2 +
              |\hat\psi_\lambda(-w)|^2)},

    and is exact wherever the Littlewood-Paley sum does not vanish (Mallat, A Wavelet Tour, 5.1).

    Parameters
    ----------
    bank : FilterBank
    """

    def __init__(self, bank: FilterBank) -> None:
        super().__init__()
        self.bank = bank

    def forward(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Transform real fields.

        Parameters
        ----------
        x : Tensor, (batch, channel, *space) real

        Returns
        -------
        low : Tensor, (batch, channel, *low_grid) real
        bands : list of Tensor, (batch, channel, L, *grids[j]) complex
            One for each scale, finest first.
        """
        bank, dims = self.bank, self.bank.dims
        current, at = spectrum(x, dims), bank.shape
        bands = []
        for j, grid in enumerate(bank.grids):
            current, at = grids.regrid(current, at, grid), grid
            bands.append(synthesis(current.unsqueeze(-dims - 1) * bank.psi(j), dims))
        return synthesis(current * bank.phi, dims).real, bands

    def inverse(self, low: Tensor, bands: list[Tensor]) -> Tensor:
        """Field of given bands: exact for bands of a field, the least-squares field otherwise.

        Returns
        -------
        Tensor, (batch, channel, *space) real
        """
        bank, dims = self.bank, self.bank.dims
        total = grids.regrid(spectrum(low, dims) * bank.phi, bank.low_grid, bank.shape)
        for j, (band, grid) in enumerate(zip(bands, bank.grids, strict=True)):
            part = (spectrum(band, dims) * bank.psi(j)).sum(-dims - 1)
            part = 0.5 * (part + grids.mirrored(part, dims).conj())
            total = total + grids.regrid(part, grid, bank.shape)
        seen = bank.littlewood_paley()
        # What no filter sees is left out: the least-squares field of smallest norm.
        return synthesis(total / seen.clamp(min=torch.finfo(seen.dtype).tiny), dims).real
