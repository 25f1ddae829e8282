"""The periodic component of open fields (Moisan 2011, J. Math. Imaging Vis. 39, 161)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor

from moments import grids


def periodic_component(fields: Tensor) -> Tensor:
    """The fields without the smooth part that holds their jumps across the border.

    The smooth part s solves Laplacian(s) = v on the torus, with v the jumps; any dimension.

    Parameters
    ----------
    fields : Tensor, (n, channel, *space)

    Returns
    -------
    Tensor, (n, channel, *space)
    """
    space = tuple(range(2, fields.ndim))
    x = fields.double()
    jumps = torch.zeros_like(x)
    for dim in space:
        size = x.shape[dim]
        jump = x.narrow(dim, size - 1, 1) - x.narrow(dim, 0, 1)
        jumps.narrow(dim, 0, 1).add_(jump)
        jumps.narrow(dim, size - 1, 1).sub_(jump)
    spectrum = torch.fft.fftn(jumps, dim=space) / _laplacian(fields.shape[2:])
    return (x - torch.fft.ifftn(spectrum, dim=space).real).to(fields.dtype)


@dataclass(frozen=True)
class Powers:
    """Expected power of the fields of a stationary process, (channel, *shape) float64 each.

    Attributes
    ----------
    field, smooth : Tensor
        d E|x^|^2 and d E|s^|^2, s the smooth part.
    cross : Tensor
        d Re E[x^ conj(s^)].
    """

    field: Tensor
    cross: Tensor
    smooth: Tensor

    def without(self, share: Tensor | float) -> Tensor:
        """Of x^ - share s^; with a share of 1 that is the periodic component."""
        return self.field - 2 * share * self.cross + share**2 * self.smooth


def expected_powers(covariance: Tensor, shape: tuple[int, ...]) -> Powers:
    r"""Powers of fields cut out of a stationary process.

    :math:`\hat x = \bigotimes_a F_a x` and :math:`\hat s = \sum_a m_a\,(D_a \otimes
    \bigotimes_{b\ne a} F_b)\,x`, F the Fourier sum along an axis, D the jump across its border, and
    :math:`m_a = (1-e^{ik_a})/\Delta(k)`. Each expectation is a product, axis by axis, of sums over
    lags.

    Parameters
    ----------
    covariance : Tensor, (channel, *twice the shape) float64
        At lags in the order of ``torch.fft``.
    shape : tuple of int
        Of the fields.

    Returns
    -------
    Powers
    """
    dims, points = len(shape), math.prod(shape)
    laplacian = _laplacian(shape)
    jump = [(1 - torch.exp(1j * w)) / laplacian for w in grids.frequencies(shape)]

    @cache
    def summed(pairs: tuple[str, ...]) -> Tensor:
        """E of the product of two functionals of x, each named by one letter an axis."""
        if not pairs:
            return covariance
        axis = len(pairs) - 1
        return _sum_over_lags(summed(pairs[:-1]), axis - dims, shape[axis], pairs[-1])

    def expectation(changed: dict[int, str]) -> Tensor:
        return summed(tuple(changed.get(axis, "FF") for axis in range(dims))) / points

    field = expectation({}).real
    cross, smooth = torch.zeros_like(field), torch.zeros_like(field)
    for a in range(dims):
        cross += (jump[a].conj() * expectation({a: "FD"})).real
        smooth += jump[a].abs().square() * expectation({a: "DD"}).real
        for b in range(a):
            both = jump[a] * jump[b].conj() * expectation({a: "DF", b: "FD"})
            smooth += 2 * both.real
    return Powers(field, cross, smooth)


def _sum_over_lags(values: Tensor, axis: int, size: int, pair: str) -> Tensor:
    """Sum over u, v of A(u) C(u - v) B(v)^* along an axis, A and B the functionals of ``pair``."""
    if pair == "DD":
        far = values.narrow(axis, size - 1, 1) + values.narrow(axis, size + 1, 1)
        return 2 * values.narrow(axis, 0, 1) - far
    lags = torch.fft.fftfreq(2 * size, 1 / (2 * size), dtype=torch.float64)
    inside = lags.abs() < size
    line = [-1 if number == axis else 1 for number in range(-values.ndim, 0)]

    def folded(weight: Tensor) -> Tensor:
        weighted = values * weight.reshape(line)
        first, second = weighted.narrow(axis, 0, size), weighted.narrow(axis, size, size)
        return torch.fft.fft(first + second, dim=axis)

    if pair == "FF":
        return folded((size - lags.abs()).clamp(min=0))
    turn = torch.exp(1j * grids.frequencies((size,))[0]).reshape(line)
    ahead, behind = folded((inside & (lags >= 0)).double()), folded((inside & (lags <= 0)).double())
    return turn * behind - ahead if pair == "FD" else turn.conj() * ahead - behind


def _laplacian(shape: Sequence[int]) -> Tensor:
    """Of the grid on the torus, in Fourier; infinite at w = 0, where it is divided by."""
    total = sum((2 * torch.cos(w) - 2 for w in grids.frequencies(shape)), torch.zeros(()))
    return torch.where(total == 0, math.inf, total)
