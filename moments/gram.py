r"""Weighted sums of products of spectra, all pairs at once: how a second wavelet is applied.

For half spectra a_1 .. a_N of real fields and weights of L second wavelets,

.. math:: G_l[i, j] = \sum_w |\hat\psi_l(w)|^2\, \overline{a_i(w)}\, a_j(w)
                    = \langle (a_i\star\psi_l)^*\, (a_j\star\psi_l)\rangle.

With the weights folded onto the half spectrum the real part is a real matrix product of the rows
``a`` with the rows ``even_l a``, the imaginary part with ``-i odd_l a``.  The weighted rows are
2 L times the size of the spectra: they are made piece by piece, in pieces that stay in the
processor's cache, and made again for the gradient, which is one product with the same rows.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

#: Bytes of a piece of weighted rows: half of the second-level cache of a core, or a GPU's fill.
PIECE = {"cpu": 2**20, "cuda": 2**28}


def piece(spectra: Tensor) -> int:
    """Bytes of a piece for one field of a batch.

    On a CPU they do not depend on the batch, so that a sum over pieces does not either.
    """
    batch = 1 if spectra.device.type == "cpu" else len(spectra)
    return PIECE[spectra.device.type] // batch


def second_wavelet(even: Tensor, odd: Tensor) -> Tensor:
    """Weights of :func:`weighted_gram` from those of :func:`grids.fold_to_half`.

    Parameters
    ----------
    even, odd : Tensor, (L, *half grid) real

    Returns
    -------
    Tensor, (2, L, 1, K, 2) real
        even and -i odd, as pairs of real numbers.
    """
    none = torch.zeros_like(even)
    pairs = torch.stack([torch.stack([even, none], -1), torch.stack([none, -odd], -1)])
    return pairs.flatten(2, -2).unsqueeze(2)


def weighted_gram(spectra: Tensor, weights: Tensor) -> Tensor:
    """Real and imaginary parts of G_l[i, j], (batch, 2, L, N, N) ordered (..., j, i).

    Parameters
    ----------
    spectra : Tensor, (batch, N, *half grid) complex
    weights : Tensor
        See :func:`second_wavelet`.
    """
    return _WeightedGram.apply(spectra.flatten(2), torch.view_as_complex(weights))


def _pieces(spectra: Tensor, weights: Tensor) -> Iterator[tuple[slice, Tensor, Tensor]]:
    """A span of wavenumbers, the spectra there and the weighted rows, both as real numbers."""
    batch, count, points = spectra.shape
    shape = (batch, *weights.shape[:2], count)
    each = spectra.element_size() * 2 * weights.shape[1] * count
    step = max(64, piece(spectra) // each)
    room = spectra.new_empty((*shape, min(step, points)))
    for start in range(0, points, step):
        span = slice(start, min(start + step, points))
        part = spectra[..., span]
        if part.shape[-1] < room.shape[-1]:
            room = spectra.new_empty((*shape, part.shape[-1]))
        torch.mul(part[:, None, None], weights[..., span], out=room)
        yield span, _reals(part), _reals(room).flatten(1, 3)


def _reals(spectra: Tensor) -> Tensor:
    return torch.view_as_real(spectra).flatten(-2)


class _WeightedGram(torch.autograd.Function):
    @staticmethod
    def forward(ctx, spectra, weights):  # type: ignore[no-untyped-def]
        ctx.save_for_backward(spectra, weights)
        batch, count, _ = spectra.shape
        shape = (batch, *weights.shape[:2], count, count)
        gram = spectra.real.new_zeros(shape).flatten(1, 3)
        for _, part, weighted in _pieces(spectra, weights):
            gram.baddbmm_(weighted, part.mT)
        return gram.view(shape)

    @staticmethod
    @once_differentiable
    def backward(ctx, grad):  # type: ignore[no-untyped-def]
        spectra, weights = ctx.saved_tensors
        # Re is symmetric in (i, j), Im antisymmetric: both factors of a product are one.
        turned = torch.stack([grad[:, 0].mT + grad[:, 0], grad[:, 1].mT - grad[:, 1]], 1)
        rows = turned.permute(0, 3, 1, 2, 4).flatten(2)  # (batch, i, (part, l, j))
        out = torch.empty_like(spectra)
        for span, _, weighted in _pieces(spectra, weights):
            _reals(out[..., span]).copy_(rows @ weighted)
        return out, None
