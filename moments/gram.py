r"""Weighted sums of products of spectra, all pairs at once: how a second wavelet is applied.

For half spectra a_1 .. a_N of real fields and weights of L second wavelets,

.. math:: G_l[i, j] = \sum_w |\hat\psi_l(w)|^2\, \overline{a_i(w)}\, a_j(w)
                    = \langle (a_i\star\psi_l)^*\, (a_j\star\psi_l)\rangle.

With the weights folded onto the half spectrum the real part is a real matrix product of the rows
``even_l a_i`` with the rows ``a``, the imaginary part one of ``i odd_l a_i``.  The weighted rows
are up to 2 L times the size of the spectra: they are made piece by piece, in pieces that stay in
the processor's cache, and made again for the gradient, which is one product with the same rows.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from moments import grids

#: Bytes of a piece of weighted rows: half of the second-level cache of a core, or a GPU's fill.
PIECE = {"cpu": 2**20, "cuda": 2**28}


def piece(spectra: Tensor) -> int:
    """Bytes of a piece for one field of a batch.

    On a CPU they do not depend on the batch, so that a sum over pieces does not either.
    """
    batch = 1 if spectra.device.type == "cpu" else len(spectra)
    return PIECE[spectra.device.type] // batch


class SecondWavelets(nn.Module):
    """The weights |psi_l|^2, on the smallest grid that holds them.

    Parameters
    ----------
    psi : Tensor, (L, *grid) real
    """

    even: Tensor
    odd: Tensor

    def __init__(self, psi: Tensor) -> None:
        super().__init__()
        self.grid = tuple(psi.shape[1:])
        weights = grids.fold_to_half(psi.square(), self.grid)
        self.reached = grids.support(weights[0], self.grid)
        even, odd = (grids.regrid(w, self.grid, self.reached, half=True) for w in weights)
        none = torch.zeros_like(even)
        self.register_buffer("even", torch.stack([even, none], -1).flatten(1, -2), False)
        self.register_buffer("odd", torch.stack([none, odd], -1).flatten(1, -2), False)

    def forward(self, spectra: Tensor, leading: int) -> tuple[Tensor, Tensor]:
        """Real and imaginary parts of the Gram matrices.

        Parameters
        ----------
        spectra : Tensor, (batch, N, *half grid) complex
        leading : int
            Number of first rows i whose imaginary parts are wanted.

        Returns
        -------
        Tensor, (batch, L, N, N)
            Re G_l[i, j].
        Tensor, (batch, L, leading, N)
            Im G_l[i, j], i < leading.
        """
        weights = torch.view_as_complex(self.even), torch.view_as_complex(self.odd)
        within = grids.regrid(spectra, self.grid, self.reached, half=True)
        return _WeightedGram.apply(within.flatten(2), *weights, leading)


def _reals(spectra: Tensor) -> Tensor:
    return torch.view_as_real(spectra).flatten(-2)


def _pieces(
    spectra: Tensor, even: Tensor, odd: Tensor, leading: int
) -> Iterator[tuple[slice, Tensor, Tensor]]:
    """A span of wavenumbers, the spectra there, and the weighted rows, (batch, L (N + leading), K).

    First those of ``even``, in the order (l, i), then those of ``odd``.
    """
    batch, count, points = spectra.shape
    angles = len(even)
    rows = angles * (count + leading)
    step = max(64, piece(spectra) // (spectra.element_size() * rows))
    room = spectra.new_empty((batch, rows, min(step, points)))
    for start in range(0, points, step):
        span = slice(start, min(start + step, points))
        part = spectra[..., span]
        if part.shape[-1] < room.shape[-1]:
            room = spectra.new_empty((batch, rows, part.shape[-1]))
        real, imaginary = room.split([angles * count, angles * leading], dim=1)
        wanted = part[:, None, :leading]
        torch.mul(part[:, None], even[:, None, span], out=real.unflatten(1, (angles, count)))
        torch.mul(wanted, odd[:, None, span], out=imaginary.unflatten(1, (angles, leading)))
        yield span, part, room


class _WeightedGram(torch.autograd.Function):
    @staticmethod
    def forward(ctx, spectra, even, odd, leading):  # type: ignore[no-untyped-def]
        ctx.leading = leading
        ctx.save_for_backward(spectra, even, odd)
        batch, count, _ = spectra.shape
        angles = len(even)
        gram = spectra.real.new_zeros((batch, angles * (count + leading), count))
        for _, part, rows in _pieces(spectra, even, odd, leading):
            gram.baddbmm_(_reals(rows), _reals(part).mT)
        real, imaginary = gram.split([angles * count, angles * leading], dim=1)
        return real.unflatten(1, (angles, count)), imaginary.unflatten(1, (angles, leading))

    @staticmethod
    @once_differentiable
    def backward(ctx, of_real, of_imaginary):  # type: ignore[no-untyped-def]
        spectra, even, odd = ctx.saved_tensors
        leading = ctx.leading
        # A weighted row i meets a_j, and a_i meets the weighted row j: of the same sign in the real
        # parts, opposite in the imaginary ones.  Odd rows beyond the leading ones are not made.
        real = of_real + of_real.mT
        imaginary = of_imaginary.clone()
        imaginary[..., :leading] -= of_imaginary[..., :leading].mT
        turned = torch.cat([part.flatten(1, 2) for part in (real, imaginary)], dim=1).mT
        others = of_imaginary[..., leading:].flatten(1, 2)  # (batch, L leading, j)
        out = torch.empty_like(spectra)
        for span, part, rows in _pieces(spectra, even, odd, leading):
            _reals(out[..., span]).copy_(turned @ _reals(rows))
            if others.numel():
                met = (others @ _reals(part[:, leading:])).unflatten(-1, (-1, 2))
                met = torch.view_as_complex(met).unflatten(1, (len(odd), leading))
                out[:, :leading, span] -= (met * odd[:, None, span]).sum(1)
        return out, None, None, None
