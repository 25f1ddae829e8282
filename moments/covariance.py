"""Wavelet covariance: the moments of a Gaussian model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from moments.autocorrelations import AutoCorrelations
from moments.bank import FilterBank
from moments.composed import ComposedFamily
from moments.low_pass import LowPass


class Covariance(ComposedFamily):
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
    lags : str
        Their form, "rings" or "square".
    """

    name = "covariance"
    carry: ClassVar[bool] = False

    def __init__(
        self,
        shape: Sequence[int],
        channels: int,
        bank: FilterBank,
        *,
        shells: int = 2,
        lags: str = "rings",
    ) -> None:
        super().__init__(shape, channels, bank)
        low = LowPass(self, shells, one_point=False, form=lags)
        self.compose([AutoCorrelations(self, ["S11"], shells, lags), low])

    @property
    def low(self) -> LowPass:
        """The low pass."""
        return self.parts[LowPass.__name__]  # type: ignore[return-value]
