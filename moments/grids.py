"""Own-scale grids: where in Fourier a band-limited field is kept, and how to move between grids.

A field whose spectrum vanishes beyond ``|k_i| < n_i / 2`` is known on ``n_i`` points per axis,
however many points the field it came from has.  Spectra are crossed between grids by keeping the
low wavenumbers (:func:`crop`) or by padding with zeros (:func:`pad`); each is the adjoint of the
other.

Conventions: spectra follow ``torch.fft`` with ``norm="forward"``, so the value at wavenumber k does
not depend on the grid.  A *half* spectrum (``rfftn``) keeps only ``k_last >= 0`` on its last axis.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from functools import cache

import torch
from torch import Tensor

SMALLEST_GRID = 8


@cache
def fast_length(least: int) -> int:
    """Smallest even 2^a 3^b 5^c that is at least ``least``."""
    n = max(2, least + least % 2)
    while True:
        rest = n
        for prime in (2, 3, 5):
            while rest % prime == 0:
                rest //= prime
        if rest == 1:
            return n
        n += 2


def own_scale_shape(shape: Sequence[int], j: int, oversampling: float = 2.0) -> tuple[int, ...]:
    """Grid on which a field of scale ``2^j`` is sampled: about ``oversampling * N / 2^j`` points
    per axis.

    Parameters
    ----------
    shape : sequence of int
        Sizes N of the field's grid.
    j : int
        Dyadic scale, 0 the finest.
    oversampling : float
        2 holds the whole support of a bump-steerable wavelet (1.7 pi / 2^j) and leaves the margin
        that keeps its modulus from aliasing.
    """
    return tuple(
        min(n, fast_length(max(SMALLEST_GRID, math.ceil(oversampling * n / 2**j)))) for n in shape
    )


def wavenumbers(n: int, half: bool = False) -> Tensor:
    """Integer wavenumbers of an axis in the order of ``torch.fft``, (n,) float64."""
    if half:
        return torch.arange(n // 2 + 1, dtype=torch.float64)
    return torch.fft.fftfreq(n, 1.0 / n, dtype=torch.float64)


def frequencies(
    shape: Sequence[int], grid: Sequence[int] | None = None, half: bool = False
) -> list[Tensor]:
    """Angular frequencies ``2 pi k_i / N_i``, radians per pixel, a broadcastable tensor an axis."""
    grid = shape if grid is None else grid
    axes = []
    for axis, (size, points) in enumerate(zip(shape, grid, strict=True)):
        last = axis == len(grid) - 1
        w = 2 * math.pi / size * wavenumbers(points, half=half and last)
        axes.append(w.reshape([-1 if a == axis else 1 for a in range(len(grid))]))
    return axes


def _blocks(
    source: Sequence[int], target: Sequence[int], half: bool
) -> list[list[tuple[int, int, int]]]:
    """Per axis the common wavenumbers, Nyquist left out: (start in source, in target, count)."""
    per_axis = []
    for axis, (a, b) in enumerate(zip(source, target, strict=True)):
        halved = half and axis == len(source) - 1
        if a == b:
            per_axis.append([(0, 0, a // 2 + 1 if halved else a)])
            continue
        top = (min(a, b) - 1) // 2
        pairs = [(0, 0, top + 1)]
        if top > 0 and not halved:
            pairs.append((a - top, b - top, top))
        per_axis.append(pairs)
    return per_axis


def _transfer(spectrum: Tensor, source: Sequence[int], target: Sequence[int], half: bool) -> Tensor:
    dims = len(source)
    stored = (*target[:-1], target[-1] // 2 + 1) if half else tuple(target)
    out = spectrum.new_zeros((*spectrum.shape[:-dims], *stored))
    for block in itertools.product(*_blocks(source, target, half)):
        taken, given = spectrum, out
        for axis, (take, give, count) in enumerate(block, start=-dims):
            taken, given = taken.narrow(axis, take, count), given.narrow(axis, give, count)
        given.copy_(taken)
    return out


class _Transfer(torch.autograd.Function):
    """Copy of the common wavenumbers; the gradient travels the same way back."""

    @staticmethod
    def forward(ctx, spectrum, source, target, half):  # type: ignore[no-untyped-def]
        ctx.way = (target, source, half)
        return _transfer(spectrum, source, target, half)

    @staticmethod
    def backward(ctx, grad):  # type: ignore[no-untyped-def]
        return _transfer(grad, *ctx.way), None, None, None


def regrid(
    spectrum: Tensor, source: Sequence[int], target: Sequence[int], half: bool = False
) -> Tensor:
    """Move a spectrum from one grid to another: crop to the common wavenumbers, zeros elsewhere.

    Parameters
    ----------
    spectrum : Tensor, (..., *source) complex
        With ``half``, the last axis holds ``source[-1] // 2 + 1`` wavenumbers.
    source, target : sequence of int
        Points per axis of both grids.  Where they differ the Nyquist wavenumber, which stands for
        two frequencies at once, is left out.

    Returns
    -------
    Tensor, (..., *target)
    """
    source, target = tuple(source), tuple(target)
    if source == target:
        return spectrum
    return _Transfer.apply(spectrum, source, target, half)


def support(weights: Tensor, grid: Sequence[int]) -> tuple[int, ...]:
    """Smallest grid that :func:`regrid` moves weights to without losing one that is not 0.

    Parameters
    ----------
    weights : Tensor, (n, *half grid)

    Returns
    -------
    tuple of int
        Odd sizes 2 k + 1, or that of ``grid`` on axes where it is reached to the end.
    """
    found = []
    for axis, n in enumerate(grid):
        last = axis == len(grid) - 1
        others = [a for a in range(weights.ndim) if a != axis + 1]
        reached = weights.abs().amax(others).nonzero().flatten()
        largest = int(wavenumbers(n, half=last)[reached].abs().max())
        found.append(min(n, 2 * largest + 1))
    return tuple(found)


def half_weights(grid: Sequence[int]) -> Tensor:
    """Multiplicity of each wavenumber of a half spectrum, (1, ..., n//2+1) float64.

    Parseval over a half spectrum reads ``mean x y = sum_k weight_k Re(x^_k conj(y^_k))``: 2 where
    the mirrored wavenumber is not stored, 1 at ``k_last = 0`` and at Nyquist.
    """
    n = grid[-1]
    weight = torch.full((n // 2 + 1,), 2.0, dtype=torch.float64)
    weight[0] = 1.0
    if n % 2 == 0:
        weight[-1] = 1.0
    return weight.reshape([1] * (len(grid) - 1) + [-1])


def at_zero(spectrum: Tensor, dims: int) -> Tensor:
    """Value at w = 0 of spectra on the last ``dims`` axes: the mean of the field, (...)."""
    return spectrum.flatten(-dims)[..., 0]


def mirrored(values: Tensor, dims: int) -> Tensor:
    """Values at ``-k``, on a full spectrum's last ``dims`` axes."""
    grid = values.shape[-dims:]
    return values.flatten(-dims)[..., _opposite(grid, grid[-1]).to(values.device)]


def _opposite(grid: Sequence[int], stored: int) -> Tensor:
    """Where ``-k`` stands in a flat spectrum, for every k with ``stored`` of the last axis."""
    place = torch.zeros((), dtype=torch.long)
    for axis, n in enumerate(grid):
        line = -torch.arange(stored if axis == len(grid) - 1 else n) % n
        place = n * place.unsqueeze(-1) + line
    return place


def fold_to_half(weight: Tensor, grid: Sequence[int]) -> tuple[Tensor, Tensor]:
    """Even and odd weights that carry a sum over all wavenumbers onto the half spectrum.

    For spectra A with ``A(-k) = conj(A(k))``::

        sum_all weight(k) A(k) = sum_half even(k) Re A(k) + i sum_half odd(k) Im A(k)

    Parameters
    ----------
    weight : Tensor, (..., *grid) real
        Weights over the full spectrum.

    Returns
    -------
    even, odd : Tensor, (..., *half grid) real
    """
    stored = grid[-1] // 2 + 1
    positive = weight[..., :stored]
    negative = weight.flatten(-len(grid))[..., _opposite(grid, stored).to(weight.device)]
    even, odd = positive + negative, positive - negative
    # The self-mirrored planes hold both k and -k already.
    planes = [0] + ([stored - 1] if grid[-1] % 2 == 0 else [])
    even[..., planes] = positive[..., planes]
    odd[..., planes] = positive[..., planes]
    return even, odd
