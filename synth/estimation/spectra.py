"""The model's spectrum: measured in radial shells, drawn from at any size."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from moments import FilterBank, grids

ANISOTROPY_ROUNDS = 8
#: Least power relative to the largest shell: keeps square roots and their inverses finite.
FLOOR = 1e-10


def radial_frequency(shape: Sequence[int]) -> Tensor:
    """|w| of a full spectrum, radians per pixel, (*shape) float64."""
    return sum(w**2 for w in grids.frequencies(shape)).sqrt()  # type: ignore[union-attr]


def shell_edges(shape: Sequence[int]) -> np.ndarray:
    """Edges of shells one wavenumber of the longest axis wide, up to the corner of the spectrum."""
    step = 2 * math.pi / max(shape)
    corner = math.pi * math.sqrt(len(shape))
    return step * (np.arange(math.ceil(corner / step) + 1) + 0.5)


def measure(x: Tensor) -> np.ndarray:
    """Cross-spectrum d x^_a conj(x^_b) averaged over fields and over each shell.

    Parameters
    ----------
    x : Tensor, (n, channel, *space)
        Standardised fields.

    Returns
    -------
    ndarray, (shells, channel, channel) float64
        Real: the imaginary part is odd in w and averages to zero.  Shells without a wavenumber
        take their neighbour's value.
    """
    space = tuple(range(2, x.ndim))
    shape = x.shape[2:]
    spectrum = torch.fft.fftn(x, dim=space, norm="ortho").flatten(2)
    cross = torch.einsum("nak,nbk->abk", spectrum, spectrum.conj()).real.double() / len(x)
    return np.moveaxis(shell_means(cross.cpu().numpy(), shape), -1, 0)


def power(x: Tensor) -> np.ndarray:
    """Power d |x^|^2 averaged over fields and over each shell, (channel, shells) float64."""
    return np.diagonal(measure(x), axis1=1, axis2=2).T


def apodised(fields: Tensor) -> Tensor:
    """Open fields, (n, channel, *space), centred and times a Hann window of mean square 1.

    Hardly any power leaks into other wavenumbers than the nearest.
    """
    window = torch.ones((), dtype=fields.dtype)
    for size in fields.shape[2:]:
        line = torch.hann_window(size + 2, periodic=False, dtype=fields.dtype)[1:-1]
        window = window.unsqueeze(-1) * line
    window = window / window.square().mean().sqrt()
    space = tuple(range(2, fields.ndim))
    mean = (fields * window).sum(space, keepdim=True) / window.sum()
    return (fields - mean) * window


def shell_means(power: np.ndarray, shape: Sequence[int]) -> np.ndarray:
    """Averages over each shell, (..., shells), of values at all wavenumbers, (..., d)."""
    shell, inside = _shells(tuple(shape))
    count = 2 * shell_modes(shape)
    filled = np.flatnonzero(count)
    rows = []
    for row in power.reshape(-1, power.shape[-1]):
        sums = np.bincount(shell, row[inside], minlength=len(count))
        rows.append(np.interp(np.arange(len(count)), filled, sums[filled] / count[filled]))
    return np.stack(rows).reshape(*power.shape[:-1], -1)


def shell_modes(shape: Sequence[int]) -> np.ndarray:
    """Number of independent wavenumbers in each shell, w and -w being one, (shells,)."""
    shell, _ = _shells(tuple(shape))
    return np.bincount(shell, minlength=len(shell_edges(shape)) - 1) / 2


@lru_cache(maxsize=4)
def _shells(shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Shell of every wavenumber that has one, and which those are among all, (d,) bool."""
    shell = np.digitize(radial_frequency(shape).flatten().numpy(), shell_edges(shape)[:-1]) - 1
    inside = shell >= 0
    return shell[inside], inside


def centres(shape: Sequence[int]) -> np.ndarray:
    """Centres of the shells, radians per pixel, (shells,)."""
    edges = shell_edges(shape)
    return 0.5 * (edges[1:] + edges[:-1])


class Colour:
    r"""Square root of the model's spectrum on a grid: white noise to Gaussian fields.

    The radial cross-spectrum, interpolated to the grid, is multiplied channel by channel with a
    gain that brings the power of every band to the frozen one, which adds the anisotropy.

    Parameters
    ----------
    shells, spectrum : ndarray, (n,) and (n, channel, channel)
        As :func:`measure` gives them.
    bank : FilterBank
        Of the fields to draw.
    power : Tensor, (channel, J, L)
        Frozen power of the bands.
    """

    def __init__(
        self, shells: np.ndarray, spectrum: np.ndarray, bank: FilterBank, power: Tensor
    ) -> None:
        self.space = tuple(range(2, 2 + bank.dims))
        energy, directions = np.linalg.eigh(spectrum)
        least = FLOOR * max(float(energy.max()), 1e-300)
        root = directions @ (np.sqrt(energy.clip(min=least))[..., None] * directions.mT)
        radius = radial_frequency(bank.shape).flatten().numpy()
        channels = spectrum.shape[1]
        matrix = np.empty((channels, channels, radius.size))
        for a in range(channels):
            for b in range(channels):
                matrix[a, b] = np.interp(radius, shells, root[:, a, b])
        self.matrix = torch.as_tensor(matrix, dtype=torch.float32)
        own = torch.as_tensor((matrix**2).sum(1)).reshape(channels, *bank.shape)
        gain = self._gain(own, bank, power.double().cpu())
        self.matrix = (self.matrix * gain.flatten(1).unsqueeze(1).float()).contiguous()
        own = own * gain.square()
        own.flatten(1)[:, 0] = 0.0
        self.matrix[..., 0] = 0.0
        #: Power spectrum of each channel, (channel, *space) float64, d E|x^|^2.
        self.power = own

    def _gain(self, own: Tensor, bank: FilterBank, power: Tensor) -> Tensor:
        """Amplitude (channel, *space) by which each frequency is multiplied; iterative scaling."""
        d = math.prod(bank.shape)
        gain = torch.ones_like(own)
        for _ in range(ANISOTROPY_ROUNDS):
            scaled = own * gain.square() / d
            top = torch.zeros_like(own)
            bottom = torch.full(bank.shape, 1e-3, dtype=torch.float64)
            top += bottom
            for j, grid in enumerate(bank.grids):
                psi2 = bank.psi(j).double().cpu().square()
                psi2 = 0.5 * (psi2 + grids.mirrored(psi2, bank.dims))
                bands = grids.regrid(psi2, grid, bank.shape)
                bottom = bottom + bands.sum(0)
                now = torch.einsum("c...,l...->cl", scaled, bands)
                ratio = (power[:, j] / now.clamp(min=1e-300)).clamp(0.1, 10.0)
                top += torch.einsum("cl,l...->c...", ratio, bands)
            gain = gain * (top / bottom).sqrt()
        return gain

    def draw(self, noise: Tensor) -> Tensor:
        """Gaussian fields of the model's spectrum from white noise, (n, channel, *space)."""
        white = torch.fft.fftn(noise, dim=self.space, norm="ortho").flatten(2)
        coloured = torch.einsum("abk,nbk->nak", self.matrix.to(white), white)
        shaped = coloured.reshape(noise.shape)
        return torch.fft.ifftn(shaped, dim=self.space, norm="ortho").real.contiguous()
