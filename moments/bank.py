"""The filter bank: wavelets of every scale on their own grids, and the low pass."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from moments import filters, grids, orientations


def default_scales(shape: Sequence[int]) -> int:
    """Number of dyadic scales J: log2 of the smallest side minus 1, minus 2 in 3-D.

    The last wavelet then fits about twice into the side; four times in 3-D, where the low pass
    holds few wavenumbers as it is.
    """
    return max(1, int(math.log2(min(shape))) - (2 if len(shape) == 3 else 1))


def default_angles(dims: int) -> int:
    """Orientations used when none are asked for: 1 in 1-D, 4 in 2-D, 6 in 3-D."""
    return {1: 1, 2: 4, 3: 6}[dims]


class FilterBank(nn.Module):
    r"""Wavelets :math:`\psi_{j,l}` on own-scale grids and a Gaussian low pass :math:`\phi_J`.

    Parameters
    ----------
    shape : sequence of int
        The field's grid, 1-D to 3-D, any sizes.
    scales, angles : int, optional
        J and L; by default :func:`default_scales` and :func:`default_angles`.
    wavelet : str
        ``"bump"`` (bump steerable) or ``"morlet"``.
    full_resolution : bool
        Keep every scale on the field's own grid: the slow definition that the own-scale grids
        approximate.

    Attributes
    ----------
    grids : list of tuple of int
        Grid of each scale.
    axes : ndarray, (L, dims)
        Orientations.

    Raises
    ------
    ValueError
        If the field is too small for J scales, or L has no even spread in that dimension.
    """

    phi: Tensor

    def __init__(
        self,
        shape: Sequence[int],
        scales: int | None = None,
        angles: int | None = None,
        wavelet: str = "bump",
        full_resolution: bool = False,
    ) -> None:
        super().__init__()
        self.shape = tuple(int(n) for n in shape)
        self.dims = len(self.shape)
        if not 1 <= self.dims <= 3:
            raise ValueError(f"A field of {self.dims} space axes was given; 1, 2 or 3 would work.")
        if min(self.shape) < grids.SMALLEST_GRID // 2:
            raise ValueError(
                f"A field of {_times(self.shape)} points was given; at least "
                f"{grids.SMALLEST_GRID // 2} points an axis are needed."
            )
        self.scales = default_scales(self.shape) if scales is None else int(scales)
        self.angles = default_angles(self.dims) if angles is None else int(angles)
        most = int(math.log2(min(self.shape)))
        if not 1 <= self.scales <= most:
            raise ValueError(
                f"scales={self.scales} was asked for on a field of {_times(self.shape)}; "
                f"1 to {most} would work (2^J may not exceed the smallest side)."
            )
        if wavelet not in filters.WAVELETS:
            raise ValueError(f"wavelet={wavelet!r} was asked for; bump or morlet would work.")
        self.wavelet = wavelet
        make, oversampling, low = filters.WAVELETS[wavelet]
        self.axes = orientations.axes(self.dims, self.angles)
        self.low_sigma = low * 2 ** (self.scales - 1)
        self.grids = [
            self.shape if full_resolution else grids.own_scale_shape(self.shape, j, oversampling)
            for j in range(self.scales)
        ]
        for j, grid in enumerate(self.grids):
            psi = make(self.shape, grid, j, self.angles)
            self.register_buffer(f"psi_{j}", psi, persistent=False)
        self.low_grid = self.grids[-1]
        phi = filters.gaussian_low_pass(self.shape, self.low_grid, self.low_sigma)
        self.register_buffer("phi", phi, persistent=False)

    def psi(self, j: int) -> Tensor:
        """Wavelets of scale j in Fourier, (L, *grids[j])."""
        return self.get_buffer(f"psi_{j}")

    def littlewood_paley(self) -> Tensor:
        r"""Littlewood-Paley sum, (*shape).

        .. math:: |\hat\phi|^2 + \tfrac12\sum_\lambda(|\hat\psi(w)|^2+|\hat\psi(-w)|^2)
        """
        total = torch.zeros(self.shape, dtype=self.phi.dtype, device=self.phi.device)
        for j, grid in enumerate(self.grids):
            energy = (self.psi(j) ** 2).sum(0)
            energy = 0.5 * (energy + grids.mirrored(energy, self.dims))
            total += grids.regrid(energy, grid, self.shape)
        return total + grids.regrid(self.phi**2, self.low_grid, self.shape)

    def frame_bounds(self) -> tuple[float, float]:
        """Extremes A, B of the Littlewood-Paley sum: A |x|^2 <= |Wx|^2 <= B |x|^2."""
        total = self.littlewood_paley()
        return float(total.min()), float(total.max())


def _times(shape: Sequence[int]) -> str:
    return "x".join(map(str, shape))
