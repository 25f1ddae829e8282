"""Wavelet covariance: the moments of a Gaussian model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor

from moments.autocorrelations import AutoCorrelations
from moments.bank import FilterBank
from moments.family import WaveletFamily
from moments.labels import Labels
from moments.low_pass import LowPass
from moments.pyramid import climb


class Covariance(WaveletFamily):
    r"""Covariance of wavelet coefficients at lags, and of the low pass.

    .. math:: C(\lambda,\tau) = \frac{1}{P_\lambda}\,
              \langle W_\lambda x(u+\tau)\, W_\lambda x(u)^*\rangle_u, \qquad \tau = 2^j n,

    between channels too (model A of Zhang & Mallat 2021, arXiv 1911.10017).  All of them are linear
    in the power spectrum, so the law of maximum entropy is Gaussian.

    Parameters
    ----------
    shape : sequence of int
    channels : int
    bank : FilterBank
    shells : int
        Shells of lags; see :func:`moments.shifts.shells`.
    """

    name: ClassVar[str] = "covariance"

    def __init__(
        self, shape: Sequence[int], channels: int, bank: FilterBank, *, shells: int = 2
    ) -> None:
        super().__init__(shape, channels, bank)
        self.auto = AutoCorrelations(self, ["S11"], shells)
        self.low = LowPass(self, shells, one_point=False)
        blocks = [part.labels(j) for j in range(bank.scales) for part in (self.auto, self.low)]
        self.labels = Labels.join(blocks)

    def constants(self, x: Tensor) -> dict[str, Tensor]:
        """Power and mean modulus of the bands, power of the low pass."""
        return {**super().constants(x), "low.power": self.low.powers(climb(x, self.bank))}

    def forward(self, x: Tensor) -> Tensor:
        """Covariances, (batch, M); see :class:`Covariance`."""
        frozen = self.frozen()
        blocks = []
        for level in climb(self.checked(x), self.bank):
            blocks += [*self.auto(level, frozen), *self.low(level, frozen)]
        return torch.cat(blocks, dim=1)
