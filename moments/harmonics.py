r"""Phase harmonics :math:`[z]^k = |z| e^{ik\arg z}` with gradients that are finite everywhere.

k = 0 is the modulus, k = 1 the identity (Mallat, Zhang & Rochette 2020, arXiv 1810.12136).
In the direction of :math:`e^{i\arg z}` the derivative is :math:`e^{ik\arg z}`, across it k times
:math:`ie^{ik\arg z}`; at z = 0, where the phase is not defined, the gradient is taken as 0.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable


def square_of_modulus(z: Tensor) -> Tensor:
    """|z|^2 by the parts: with its root far faster than ``torch.abs``, for |z|^2 < inf.

    Autograd does not know it; :func:`squared` is the same with a gradient.
    """
    parts = torch.view_as_real(z.resolve_conj()).square()
    return parts[..., 0] + parts[..., 1]


def safe(modulus: Tensor) -> Tensor:
    """The modulus as a divisor: above the least float by enough that quotients of large gradients
    stay finite."""
    return modulus.clamp(min=torch.finfo(modulus.dtype).tiny ** 0.75)


def _power(unit: Tensor, n: int) -> Tensor:
    """unit^n by repeated squaring, n >= 1; past the cube a complex ``pow`` is far slower."""
    if n == 1:
        return unit
    half = _power(unit, n // 2)
    return half * half if n % 2 == 0 else half * half * unit


class _Squared(torch.autograd.Function):
    @staticmethod
    def forward(ctx, z):  # type: ignore[no-untyped-def]
        ctx.save_for_backward(z)
        return square_of_modulus(z)

    @staticmethod
    def backward(ctx, grad):  # type: ignore[no-untyped-def]
        (z,) = ctx.saved_tensors
        return z * (2 * grad)


class _MeanProduct(torch.autograd.Function):
    @staticmethod
    def forward(ctx, a, b):  # type: ignore[no-untyped-def]
        ctx.save_for_backward(a, b)
        return torch.linalg.vecdot(b.unsqueeze(1), a.unsqueeze(2)) / a.shape[-1]

    @staticmethod
    def backward(ctx, grad):  # type: ignore[no-untyped-def]
        a, b = ctx.saved_tensors
        grad = grad / a.shape[-1]
        return _mixed(grad, b), _mixed(grad.conj().transpose(1, 2), a)


def _mixed(weights: Tensor, z: Tensor) -> Tensor:
    """Sums over channels: weights (batch, c, d, L) of z (batch, d, L, positions)."""
    weights = weights.unsqueeze(-1)
    if z.shape[1] == 1:
        return weights.squeeze(2) * z
    return (weights * z.unsqueeze(1)).sum(2)


class _Modulus(torch.autograd.Function):
    @staticmethod
    def forward(ctx, z):  # type: ignore[no-untyped-def]
        modulus = square_of_modulus(z).sqrt_()
        ctx.save_for_backward(z, modulus)
        return modulus

    @staticmethod
    def backward(ctx, grad):  # type: ignore[no-untyped-def]
        z, modulus = ctx.saved_tensors
        return z * (grad / safe(modulus))


class _Harmonic(torch.autograd.Function):
    @staticmethod
    def forward(ctx, z, k):  # type: ignore[no-untyped-def]
        square = square_of_modulus(z)
        # z / |z|, 0 where z is 0 or so small that its square is.
        inverse = square.clamp(min=torch.finfo(square.dtype).tiny).rsqrt_()
        unit = z * inverse
        turned = _power(unit, k)
        ctx.save_for_backward(unit, turned)
        ctx.k = k
        return turned * square.mul_(inverse)

    @staticmethod
    @once_differentiable
    def backward(ctx, grad):  # type: ignore[no-untyped-def]
        unit, turned = ctx.saved_tensors
        # Along the phase a step is k times as long, along the modulus as long as it was.
        parts = turned.conj() * grad
        parts.imag.mul_(ctx.k)
        return parts.mul_(unit), None


def squared(z: Tensor) -> Tensor:
    """|z|^2, real."""
    return _Squared.apply(z)


def mean_product(a: Tensor, b: Tensor) -> Tensor:
    """Means of a b^* over positions, between all channels.

    Parameters
    ----------
    a, b : Tensor, (batch, channel, L, positions) complex

    Returns
    -------
    Tensor, (batch, channel of a, channel of b, L) complex
    """
    return _MeanProduct.apply(a, b)


def modulus(z: Tensor) -> Tensor:
    """|z|, with gradient g z / |z| and 0 at z = 0."""
    return _Modulus.apply(z)


def harmonic(z: Tensor, k: int) -> Tensor:
    """[z]^k for an integer k >= 0; real for k = 0, complex otherwise.

    Parameters
    ----------
    z : Tensor, complex
    k : int

    Raises
    ------
    ValueError
        If k is negative: [z]^-k is the conjugate of [z]^k.
    """
    if k < 0:
        raise ValueError(f"Phase harmonic k={k} was asked for; k >= 0 would work.")
    if k == 0:
        return modulus(z)
    return z if k == 1 else _Harmonic.apply(z, k)
