r"""Products of the moduli of all scales with a level's own features, in one pass over the spectra.

For half spectra f_n of the features of a level and R right features r made from its own fields and
moduli by weights on the half spectrum,

.. math:: G[r, n] = \mathrm{Re}\sum_w f_n(w)\,\overline{r(w)},\qquad
          H[r, \tau, m] = \mathrm{Re}\sum_w f_m(w)\,\overline{r(w)}\,e^{iw\cdot\tau},

H for the moduli m of finer scales with the channel and the orientation of r.  As in
:mod:`moments.gram` right features live in pieces that stay in the processor's cache.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from moments.gram import piece


@dataclass(frozen=True)
class Right:
    """How right features follow from the features (fields, finer moduli, own moduli) of a level.

    Attributes
    ----------
    channels, angles : int
    own : Tensor, (*half grid) complex, or None
        Weight of the own moduli.
    fields : Tensor, (2, L, *half grid) complex, or None
        Weights that make two times L right features of each field, real and imaginary.
    lags : list of Tensor, (n, T) complex each
        exp(-i w_a tau_a) along every axis a of the half grid; empty for no lags.
    first : int
        Finest scale whose moduli meet the right features at lags.
    """

    channels: int
    angles: int
    own: Tensor | None
    fields: Tensor | None
    lags: list[Tensor]
    first: int

    @property
    def bands(self) -> int:
        """Channels times orientations: moduli of a scale, and right features of a kind."""
        return self.channels * self.angles

    @property
    def kinds(self) -> int:
        return (self.own is not None) + (0 if self.fields is None else 2)

    def spans(self, features: Tensor) -> list[slice]:
        """Pieces of the first axis of the grid."""
        count, size = features.shape[1:3]
        scales = (count - self.channels) // self.bands - 1 - self.first if self.lags else 0
        room = features[0, 0, 0].numel() * self.bands * self.kinds * (1 + 2 * scales)
        step = max(1, piece(features) // (room * features.element_size()))
        return [slice(start, min(start + step, size)) for start in range(0, size, step)]

    def rows(self, part: Tensor, span: slice) -> Tensor:
        """Right features, (batch, kind, channel x L, *piece)."""
        batch, _, *piece = part.shape
        rows = part.new_empty((batch, self.kinds, self.bands, *piece))
        if self.own is not None:
            torch.mul(part[:, -self.bands :], self.own[span], out=rows[:, 0])
        if self.fields is not None:
            made = rows[:, self.kinds - 2 :].unflatten(2, (self.channels, -1))
            fields = part[:, None, : self.channels, None]
            torch.mul(fields, self.fields[:, None, :, span], out=made)
        return rows

    def add_rows(self, given: Tensor, of_rows: Tensor, span: slice) -> None:
        """Adjoint of :meth:`rows`, added to the gradient ``given`` of the part."""
        if self.own is not None:
            given[:, -self.bands :] += of_rows[:, 0] * self.own[span]
        if self.fields is not None:
            kinds = of_rows[:, self.kinds - 2 :].unflatten(2, (self.channels, -1))
            real, imaginary = self.fields[:, :, span].unbind(0)
            of_fields = kinds[:, 0] * real - kinds[:, 1] * imaginary
            given[:, : self.channels] += of_fields.sum(2)

    def finer(self, part: Tensor) -> Tensor:
        """Moduli that meet the right features at lags, (batch, 1, scale, channel x L, *piece)."""
        start = self.channels + self.first * self.bands
        return part[:, start : -self.bands].unflatten(1, (1, -1, self.bands))

    def summed(self, cross: Tensor, span: slice) -> Tensor:
        """Re sum_w S(w) exp(-iw.tau) of a piece, (..., T)."""
        tables = [self.lags[0][span], *self.lags[1:]]
        sums = cross @ tables[-1]
        for table in reversed(tables[:-1]):
            sums = (sums * table).sum(-2)
        return sums.real

    def spread(self, of_sums: Tensor, span: slice) -> Tensor:
        """sum_tau g(tau) exp(-iw.tau) on a piece, (..., *piece)."""
        tables = [self.lags[0][span], *self.lags[1:]]
        for table in tables[:-1]:
            of_sums = of_sums.unsqueeze(-2) * table
        return of_sums.to(tables[-1]) @ tables[-1].mT


def products(features: Tensor, right: Right) -> tuple[Tensor, Tensor]:
    """G, (batch, kind, channel x L, feature), and H, (batch, kind, finer scale, channel x L, T).

    Parameters
    ----------
    features : Tensor, (batch, channel + moduli, *half grid) complex
        As :attr:`moments.pyramid.Level.features`.
    right : Right
        Its kinds are the own moduli, if any, then each of the fields' weights.
    """
    return _Products.apply(features, right)


def _reals(spectra: Tensor) -> Tensor:
    """Spectra (batch, .., *piece) as rows of real numbers, (batch, row, 2 K)."""
    return torch.view_as_real(spectra).flatten(-2)


class _Products(torch.autograd.Function):
    @staticmethod
    def forward(ctx, features, right):  # type: ignore[no-untyped-def]
        ctx.save_for_backward(features)
        ctx.right = right
        grams, lagged = [], []
        for span in right.spans(features):
            part = features[:, :, span]
            rows = right.rows(part, span)
            grams.append(_reals(rows.flatten(3)).flatten(1, 2) @ _reals(part.flatten(2)).mT)
            if right.lags:
                cross = right.finer(part).conj() * rows.unsqueeze(2)
                lagged.append(right.summed(cross, span))
        gram = sum(grams[1:], grams[0]).unflatten(1, (right.kinds, right.bands))
        return gram, sum(lagged[1:], lagged[0]) if right.lags else gram.new_zeros(0)

    @staticmethod
    @once_differentiable
    def backward(ctx, of_gram, of_lagged):  # type: ignore[no-untyped-def]
        (features,) = ctx.saved_tensors
        right = ctx.right
        of_gram = of_gram.flatten(1, 2)
        out = torch.empty_like(features)
        for span in right.spans(features):
            part, given = features[:, :, span], out[:, :, span]
            rows = right.rows(part, span)
            back = of_gram.mT @ _reals(rows.flatten(3)).flatten(1, 2)
            given.copy_(torch.view_as_complex(back.view(*part.shape, 2)))
            back = of_gram @ _reals(part.flatten(2))
            of_rows = torch.view_as_complex(back.view(*rows.shape, 2))
            if right.lags:
                phases = right.spread(of_lagged, span)
                right.finer(given).add_((phases * rows.unsqueeze(2)).sum(1, keepdim=True))
                of_rows += (phases.conj() * right.finer(part)).sum(2)
            right.add_rows(given, of_rows, span)
        return out, None
