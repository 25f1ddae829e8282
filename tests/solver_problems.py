"""Energies with known minima, evaluated sample by sample: a batch cannot change their bits."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

Energy = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]


def separable(function: Callable[[Tensor], Tensor]) -> Energy:
    """Energy of a batch from the function of one sample, its gradient by autograd."""

    def energy(x: Tensor, index: Tensor) -> tuple[Tensor, Tensor]:
        values, gradients = [], []
        for sample in x:
            leaf = sample.detach().clone().requires_grad_()
            value = function(leaf)
            gradients.append(torch.autograd.grad(value, leaf)[0])
            values.append(value.detach().double())
        return torch.stack(values), torch.stack(gradients)

    return energy


def rosenbrock(x: Tensor) -> Tensor:
    """Chained Rosenbrock function; minimum 0 at ones."""
    a, b = x[:-1], x[1:]
    return (100 * (b - a * a) ** 2 + (1 - a) ** 2).sum()


def quadratic(curvatures: Tensor) -> Callable[[Tensor], Tensor]:
    """1/2 sum_i h_i x_i^2."""
    return lambda x: 0.5 * (curvatures.to(x.dtype) * x.flatten() ** 2).sum()


def phase_retrieval(d: int, seed: int) -> Callable[[Tensor], Tensor]:
    """Mean of (|A x| - |A x*|)^2 with 4 d complex measurements: zero at +-x*."""
    noise = torch.Generator().manual_seed(seed)
    A = torch.randn(2, 4 * d, d, generator=noise, dtype=torch.float64)
    truth = torch.randn(d, generator=noise, dtype=torch.float64)

    def modulus(x: Tensor) -> Tensor:
        re, im = A[0].to(x.dtype) @ x, A[1].to(x.dtype) @ x
        return torch.sqrt(re * re + im * im + 1e-12)

    target = modulus(truth)
    return lambda x: ((modulus(x) - target.to(x.dtype)) ** 2).mean() / (target**2).mean()


def normal(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> Tensor:
    """Standard normal numbers that depend on the seed alone."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)
