"""The energy of an ensemble: how far the mean of its fields' moments is from the target.

Mean-field microcanonical descent (Häggbom, Karlsmark & Andén 2025, arXiv 2403.08362).  A field that
matches a target by itself gives up the variation that its moments have between realizations; of n
fields that match it together only the mean is held, and each keeps its own way around it.
"""

from __future__ import annotations

import torch
from torch import Tensor

from synth.synthesis.energy import MomentEnergy


class MeanFieldEnergy(MomentEnergy):
    """The mean square mismatch E of mean_i Phi(x_i), of n fields x_1 .. x_n as one point.

    Its gradient in x_i is that of <r, Phi(x_i)> / n, r the derivative of E by the mean moments.  So
    the fields are evaluated a few at a time: first all moments, then the gradients.  The energy of
    one field is that of `MomentEnergy`, to the bit.
    """

    def __call__(self, y: Tensor, index: Tensor) -> tuple[Tensor, Tensor]:
        """Energy (1,) float64 of y (1, n, channel, *space), and the gradient, of y's shape."""
        pieces = y[0].split(self._at_once(y[0]))
        *others, last = [self.preconditioner.to_field(piece) for piece in pieces]
        with torch.no_grad():
            sums = [self.op(x, self.first).double().sum(0) for x in others]
        # The last piece is the first to be differentiated: its moments need no second evaluation.
        moments = self.op(last.requires_grad_(True), self.first)
        sums.append(moments.detach().double().sum(0))
        mean = (torch.stack(sums).sum(0) / y.shape[1]).to(y)[None].requires_grad_(True)
        energy = self.of_moments(mean, index)
        (slope,) = torch.autograd.grad(energy.sum(), mean)
        slope = slope / y.shape[1]

        def pulled_back(x: Tensor, moments: Tensor) -> Tensor:
            (gradient,) = torch.autograd.grad(moments, x, slope.expand_as(moments))
            return self.preconditioner.pulled_back(gradient)

        of_last = pulled_back(last, moments)
        of_others = [pulled_back(x, self.op(x.requires_grad_(True), self.first)) for x in others]
        return energy.detach(), torch.cat([*of_others, of_last])[None]
