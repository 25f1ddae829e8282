r"""The Gaussian law of maximum entropy given wavelet covariances: its spectrum, entropy and fields.

The covariances are linear in the spectral density matrix P(w) = d E[x^(w) x^(w)*],
:math:`c_m = \frac1d\sum_w \mathrm{tr}\,F_m(w)P(w)`.  Of all laws with these covariances the one of
largest entropy is Gaussian with

.. math:: P_\beta(w) = \Big(\sum_m\beta_m F_m(w)\Big)^{-1},\qquad
          \beta = \arg\min\; -\tfrac12\sum_w\log\det\sum_m\beta_mF_m(w) + \tfrac d2\,\beta\cdot c,

a convex problem (model A of Zhang & Mallat 2021, arXiv 1911.10017; Burg 1975 for the principle).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from moments.covariance import Covariance
from moments.dual import Dual

#: Most Newton steps.
ITERATIONS = 60


@dataclass(frozen=True)
class GaussianLaw:
    """A stationary Gaussian law of real fields.

    Attributes
    ----------
    mean : Tensor, (channel,) float64
        Of every field: the law has no fluctuation at w = 0.
    root : Tensor, (*space, channel, channel) complex
        R(w) with P = R R^*, 0 at w = 0.
    mismatch : float
        Rms difference between the covariances of the law and those asked for, in their units.
    """

    mean: Tensor
    root: Tensor
    mismatch: float

    @property
    def spectrum(self) -> Tensor:
        """P(w), (channel, channel, *space) complex: the identity for white noise of variance 1."""
        return (self.root @ self.root.mH).movedim((-2, -1), (0, 1))

    @property
    def entropy(self) -> float:
        r"""Differential entropy in nats a value of the field (a pixel of a channel).

        :math:`\tfrac12\log 2\pi e + \tfrac12\,\mathrm{mean}_{w\ne0}\,\tfrac1C\log\det P(w)`.
        """
        diagonal = self.root.diagonal(dim1=-2, dim2=-1).abs().flatten(0, -2)[1:]
        return 0.5 * math.log(2 * math.pi * math.e) + float(diagonal.log().mean())

    def draw(self, noise: Tensor) -> Tensor:
        """Fields of the law from white noise of variance 1, (n, channel, *space)."""
        space = tuple(range(2, noise.ndim))
        white = torch.fft.fftn(noise.double(), dim=space, norm="ortho").movedim(1, -1)
        coloured = (self.root @ white.unsqueeze(-1)).squeeze(-1).movedim(-1, 1)
        fields = torch.fft.ifftn(coloured, dim=space, norm="ortho").real
        return (fields + self.mean.reshape(-1, *[1] * len(space))).to(noise)


def maximum_entropy(
    op: Covariance, values: Tensor, unit: Tensor | float = 1.0, tolerance: float = 1e-3
) -> GaussianLaw:
    """The Gaussian law of maximum entropy with given mean covariances.

    Solved by Newton's method with conjugate gradients; the dual is self-concordant, for which it
    converges from any start (Boyd & Vandenberghe 2004, Convex Optimization, 9.6).

    Parameters
    ----------
    op : Covariance
        With the constants with which ``values`` were measured.
    values : Tensor, (M,)
        Mean moments; those of a field, or the average over several, can always be had.
    unit : Tensor, (M,), or float
        In which differences of moments are counted, such as their sampling spread.
    tolerance : float
        Rms difference, in units, at which the iteration ends.  The coarsest bands of one field hold
        fewer wavenumbers than moments, and reaching those exactly makes the law degenerate.

    Returns
    -------
    GaussianLaw
    """
    dual = Dual(op, values.double())
    beta = dual.start()
    root = dual.root(beta)
    for _ in range(ITERATIONS):
        residual = dual.wanted - dual.moments(root)
        mismatch = float((residual / unit).square().mean().sqrt())
        if mismatch < tolerance:
            break
        beta, root = dual.descend(beta, root, dual.newton_step(root, residual), residual)
    return GaussianLaw(dual.mean, root, mismatch)
