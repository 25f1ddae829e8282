"""Wavelets and low passes in Fourier: pure functions of the frequency, float64.

Every function takes the field's ``shape`` and the ``grid`` on which the spectrum is kept (own-scale
grids hold the low wavenumbers only) and returns real values ``psi^(w)``, periodised in w.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from moments import grids, orientations

XI = 0.85 * math.pi
FARTHEST_IN_THE_SQUARE = math.sqrt(2.0) * math.pi


def _aliases(
    shape: Sequence[int], grid: Sequence[int], reach: float
) -> list[tuple[tuple[slice, ...], list[Tensor]]]:
    """Frequencies ``w + 2 pi m`` for every m that can come within ``reach``.

    For each m the box of the grid outside of which they lie beyond ``reach``, and their axes there.
    """
    base = grids.frequencies(shape, grid)
    most = math.ceil((reach - math.pi) / (2 * math.pi)) if reach > math.pi else 0
    out = []
    for fold in itertools.product(range(-most, most + 1), repeat=len(shape)):
        if math.sqrt(sum((math.pi * (2 * abs(m) - 1)) ** 2 for m in fold if m)) >= reach:
            continue
        box, axes = [], []
        for axis, (w, m) in enumerate(zip(base, fold, strict=True)):
            moved = w + 2 * math.pi * m
            near = (moved.abs().flatten() < reach).nonzero()
            span = slice(int(near[0]), int(near[-1]) + 1) if len(near) else slice(0, 0)
            box.append(span)
            axes.append(moved.narrow(axis, span.start, span.stop - span.start))
        out.append((tuple(box), axes))
    return out


def _along(axis: Sequence[float], w: Sequence[Tensor]) -> Tensor:
    return sum((float(a) * wi for a, wi in zip(axis, w, strict=True)), torch.zeros(()))


def _profile(r: Tensor) -> Tensor:
    """Bump exp(-(r - xi)^2 / (xi^2 - (r - xi)^2)) on 0 < r < 2 xi."""
    s = (r / XI - 1).square_()
    return (-s / (1 - s).clamp_(min=0)).exp_()  # exp(-inf) = 0 beyond


def _share_of_the_cube(w: Sequence[Tensor]) -> list[Tensor]:
    """Along each axis 1 inside |w_i| < pi, 0 outside; on faces, which aliases share, half of the
    energy each."""
    shares = []
    for size in (wi.abs() for wi in w):
        face = math.sqrt(0.5) ** (size >= math.pi - 1e-9).double()
        shares.append(torch.where(size <= math.pi + 1e-9, face, 0.0))
    return shares


def bump_steerable(shape: Sequence[int], grid: Sequence[int], j: int, angles: int) -> Tensor:
    r"""Bump-steerable wavelets of scale j at every orientation.

    .. math:: \hat\psi(w) = c\,\exp\Big(\frac{-(|w|-\xi)^2}{\xi^2-(|w|-\xi)^2}\Big) 1_{0<|w|<2\xi}
              \; \cos^{p}(\angle(w, n_l))\, 1_{\cos > 0}, \qquad \xi = 0.85\pi,

    dilated as :math:`\hat\psi_{j}(w) = \hat\psi(2^j w)` (Zhang & Mallat 2021, arXiv 1911.10017, as
    in Mallat, Zhang & Rochette 2020).  In 2-D p = L - 1 and
    :math:`c = 2^{L-1}(L-1)!/(1.29\sqrt{L\,(2L-2)!})`, which makes the squared lobes of the L
    orientations sum to 1/1.29^2.  In 3-D p follows the set of axes and c keeps the same sum on
    average over the sphere; in 1-D the lobe is 1 on w > 0.  In 3-D the corners of the cube lie
    beyond the support 1.7 pi of the finest wavelet: there the radial profile is held at its value
    at sqrt(2) pi, the farthest frequency of a 2-D grid, so that the bank remains a frame.

    Parameters
    ----------
    shape, grid : sequence of int
        The field's grid and the grid of wavenumbers to return.
    j, angles : int

    Returns
    -------
    Tensor, (angles, *grid) float64
    """
    dims = len(shape)
    directions = orientations.axes(dims, angles)
    if dims == 1:
        power, c = 0, 1 / 1.29
    elif dims == 2:
        power = angles - 1
        c = (
            2**power
            * math.factorial(power)
            / (1.29 * math.sqrt(angles * math.factorial(2 * power)))
        )
    else:
        power = orientations.AXES_POWER[angles]
        c = math.sqrt((2 * power + 1) / angles) / 1.29
    out = torch.zeros((angles, *grid), dtype=torch.float64)
    hold_corners = j == 0 and dims == 3
    farthest = math.sqrt(dims) * math.pi + 1e-6 if hold_corners else 2 * XI / 2**j
    for box, w in _aliases(shape, grid, farthest):
        radius = _along([1.0] * dims, [wi**2 for wi in w]).sqrt_()
        radial = _profile(2**j * radius).mul_(c)
        if hold_corners:
            rest = _profile(radius.clamp(max=FARTHEST_IN_THE_SQUARE)).mul_(c).sub_(radial)
            for share in _share_of_the_cube(w):
                rest *= share
            radial += rest
        inverse = radius.clamp_(min=1e-300).reciprocal_()
        for l, axis in enumerate(directions):
            cosine = functional.threshold(_along(axis, w).mul_(inverse), 1e-12, 0.0, inplace=True)
            lobe = cosine.pow_(power) if power else cosine.sign_()
            out[l][box].addcmul_(radial, lobe)
    return out


def morlet(shape: Sequence[int], grid: Sequence[int], j: int, angles: int) -> Tensor:
    r"""Morlet wavelets of scale j at every orientation, kymatio's parameters.

    .. math:: \hat\psi(w) = g(w - \xi_j n_l) - K g(w), \quad
              g(w) = \exp\big(-\tfrac{\sigma_j^2}{2}(w_\parallel^2 + w_\perp^2/s^2)\big),

    with :math:`\sigma_j = 0.8\,2^j`, :math:`\xi_j = \tfrac{3\pi}{4}2^{-j}`, slant s = 4/L (1 in 1-D
    and 3-D) and K such that the periodised :math:`\hat\psi(0) = 0` (Andreux et al. 2020, arXiv
    1812.11214).

    Returns
    -------
    Tensor, (angles, *grid) float64
    """
    dims = len(shape)
    slant = 4.0 / angles if dims == 2 else 1.0
    sigma, xi = 0.8 * 2**j, 0.75 * math.pi / 2**j
    # Nine standard deviations of g: what lies beyond is under 1e-17.
    reach = xi + 9 * max(1.0, slant) / sigma
    folded = _aliases(shape, grid, reach)
    origin = _aliases(shape, (1,) * dims, reach)

    def gauss(w: Sequence[Tensor], axis: Sequence[float], centre: float) -> Tensor:
        along = _along(axis, w)
        across = _along([1.0] * dims, [wi**2 for wi in w]) - along**2
        return torch.exp(-0.5 * sigma**2 * ((along - centre) ** 2 + across / slant**2))

    out = torch.zeros((angles, *grid), dtype=torch.float64)
    for l, axis in enumerate(orientations.axes(dims, angles)):
        at_zero = [sum(float(gauss(w, axis, c).sum()) for _, w in origin) for c in (xi, 0.0)]
        k = at_zero[0] / at_zero[1]
        for box, w in folded:
            out[l][box] += gauss(w, axis, xi) - k * gauss(w, axis, 0.0)
    return out


def gaussian_low_pass(shape: Sequence[int], grid: Sequence[int], sigma: float) -> Tensor:
    r"""Gaussian :math:`\hat\phi(w) = \exp(-\sigma^2 |w|^2 / 2)`, periodised, value 1 at w = 0.

    Parameters
    ----------
    sigma : float
        Standard deviation in space, pixels.

    Returns
    -------
    Tensor, (*grid,) float64
    """
    most = math.ceil(9.0 / sigma / (2 * math.pi)) + 1  # beyond nine deviations: under 1e-17
    folds = 2 * math.pi * torch.arange(-most, most + 1, dtype=torch.float64)
    out = torch.ones(tuple(grid), dtype=torch.float64)
    for w in grids.frequencies(shape, grid):
        periodised = torch.exp(-0.5 * (sigma * (w.unsqueeze(-1) + folds)) ** 2).sum(-1)
        out *= periodised / torch.exp(-0.5 * (sigma * folds) ** 2).sum()
    return out


#: Name -> (filters, oversampling of the own-scale grid, sigma of phi_J over 2^(J-1)).
WAVELETS = {
    "bump": (bump_steerable, 2.0, 1 / (0.702 * 2**-0.55 * math.sqrt(2.0) * XI)),
    "morlet": (morlet, 3.0, 0.8),
}
