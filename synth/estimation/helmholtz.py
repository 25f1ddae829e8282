r"""Vector fields: the compressive part of their spectrum, which channels alone do not tell.

A vector field splits at each wavenumber into a compressive part along the wave vector and a
solenoidal one across it (Helmholtz).  An incompressible velocity has none of the first.  Moments of
bands, whose wavelets reach over many directions, hold the shares of the two only roughly; so they
are measured, and given to the fields from which a descent starts and to its steps.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from moments import grids
from synth.estimation.spectra import radial_frequency, shell_means


def wave_vectors(shape: Sequence[int], axes: Sequence[int], unit: Sequence[float]) -> Tensor:
    """Unit vectors along the wave vectors of the full spectrum, (channel, *shape) float64.

    Parameters
    ----------
    shape : sequence of int
    axes : sequence of int
        Axis along which each channel points.
    unit : sequence of float
        Deviation of each channel over the grid step along its axis: standardised components
        that are free of divergence in original units are across these vectors.  They are zero
        where no derivative is known, at w = 0 and, along an axis, at its Nyquist wavenumber.
    """
    w = grids.frequencies(shape)
    for axis, n in enumerate(shape):
        if n % 2 == 0:
            w[axis] = w[axis].clone()
            w[axis].view(-1)[n // 2] = 0.0
    rows = [step * w[axis].expand(*shape) for axis, step in zip(axes, unit, strict=True)]
    vectors = torch.stack(rows)
    length = vectors.square().sum(0).sqrt()
    return vectors / torch.where(length > 0, length, 1.0)


def compressive_power(x: Tensor, axes: Sequence[int], unit: Sequence[float]) -> np.ndarray:
    """Power d |k.x^|^2 / |k|^2 along the wave vector k, averaged over fields and each shell.

    Parameters
    ----------
    x : Tensor, (n, channel, *space)
        Standardised fields.
    axes, unit : sequence
        See :func:`wave_vectors`.

    Returns
    -------
    ndarray, (shells,) float64
        Of the shells of :func:`synth.estimation.spectra.measure`, whose trace is the whole power.
    """
    spectrum = torch.fft.fftn(x, dim=tuple(range(2, x.ndim)), norm="ortho")
    along = (wave_vectors(x.shape[2:], axes, unit).to(spectrum.real) * spectrum).sum(1)
    power = torch.view_as_real(along).double().square().sum(-1).mean(0)
    return shell_means(power.flatten()[None].cpu().numpy(), x.shape[2:])[0]


class Helmholtz:
    r"""Brings the compressive and the solenoidal part of isotropic vector fields to given shares.

    Of n components, a share s of which is compressive, the part along the unit wave vector k is
    multiplied by sqrt(n s) and that across it by sqrt(n (1 - s) / (n - 1)): where both were as
    strong as by chance, 1 / n and (n - 1) / n of the power, the power stays and the shares are s
    and 1 - s.

    Parameters
    ----------
    vectors : Tensor, (channel, *shape)
        See :func:`wave_vectors`.
    share : Tensor, (*shape)
        Of the power at each wavenumber that is compressive.
    """

    def __init__(self, vectors: Tensor, share: Tensor) -> None:
        self.shape = tuple(share.shape)
        count = len(vectors)
        share = torch.where(vectors.abs().sum(0) > 0, share.clamp(0, 1), 1 / count)
        half = (..., slice(self.shape[-1] // 2 + 1))
        self.vectors = vectors[half].float().contiguous()
        self.along = (count * share).sqrt()[half].float().contiguous()
        across = count * (1 - share) / (count - 1)
        self.across = across.sqrt()[half].float().contiguous()

    @classmethod
    def of_shells(
        cls,
        shape: Sequence[int],
        axes: Sequence[int],
        unit: Sequence[float],
        shells: np.ndarray,
        share: np.ndarray,
    ) -> Helmholtz:
        """For fields of a shape, from the compressive share at the centres of radial shells."""
        radius = radial_frequency(shape)
        known = torch.as_tensor(np.interp(radius.flatten().numpy(), shells, share))
        return cls(wave_vectors(shape, axes, unit), known.reshape(radius.shape))

    def on_grid(self, grid: Sequence[int]) -> Helmholtz:
        """The same for the wavenumbers of a coarser grid."""
        out = copy.copy(self)
        out.shape = tuple(grid)
        for name in ("vectors", "along", "across"):
            part = grids.regrid(getattr(self, name), self.shape, out.shape, half=True)
            setattr(out, name, part)
        return out

    def forward(self, half: Tensor) -> Tensor:
        """Half spectra (n, channel, *half grid) with both parts scaled; symmetric and linear."""
        return self._scaled(half, self.along, self.across)

    def inverse(self, half: Tensor) -> Tensor:
        """The inverse of :meth:`forward`; parts that it takes away stay away."""
        along, across = (torch.where(a > 0, 1 / a, 0.0) for a in (self.along, self.across))
        return self._scaled(half, along, across)

    def shaped(self, x: Tensor) -> Tensor:
        """Fields (n, channel, *space) with both parts scaled."""
        space = tuple(range(2, x.ndim))
        half = self.forward(torch.fft.rfftn(x, dim=space))
        return torch.fft.irfftn(half, s=self.shape, dim=space)

    def _scaled(self, half: Tensor, along: Tensor, across: Tensor) -> Tensor:
        vectors, along, across = (a.to(half.device) for a in (self.vectors, along, across))
        component = (vectors * half).sum(1, keepdim=True)
        return across * half + (along - across) * component * vectors
