"""What is timed: one loss and gradient, as a function of no arguments.

Ours are the families of `moments`.  The peers are released packages: pywph (Regaldo-Saint Blancard
et al. 2021) with its default classes, L = 4 and dn = 2, and the Portilla-Simoncelli statistics of
plenoptic.  Two floors: the least that a wavelet energy can do, one automatic-differentiation pass
of |ifft(crop(x^) psi^)|^2 over the own-scale grids; and the Fourier transforms in it alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch

import moments
from moments.pyramid import climb
from synth.devices import choose
from synth.synthesis.energy import AT_ONCE

Evaluation = Callable[[], float]


def noise(shape: tuple[int, ...], batch: int, device: str = "cpu") -> torch.Tensor:
    """White noise, (batch, 1, *shape)."""
    generator = torch.Generator().manual_seed(0)
    return torch.randn((batch, 1, *shape), generator=generator).to(choose(device))


def ours(family: str, shape: tuple[int, ...], batch: int = 1, device: str = "cpu") -> Evaluation:
    """Loss and gradient of a family, of as many fields at once as sampling takes."""
    x = noise(shape, batch, device)
    op = moments.build(family, shape).to(x.device)
    with torch.no_grad():
        op.freeze(op.constants(x[:1]))
        target = op(x[:1]) + 0.1
    at_once = max(1, AT_ONCE // math.prod(shape)) if x.device.type == "cpu" else batch

    def evaluate() -> float:
        total = 0.0
        for rows in x.split(at_once):
            field = rows.detach().requires_grad_(True)
            loss = (op(field) - target).double().square().sum()
            torch.autograd.grad(loss, field)
            total += float(loss.detach())
        return total

    return evaluate


def floor(shape: tuple[int, ...], batch: int = 1, device: str = "cpu") -> Evaluation:
    """Power of every band and its gradient."""
    x = noise(shape, batch, device)
    bank = moments.FilterBank(shape).to(x.device, torch.float32)

    def evaluate() -> float:
        field = x.detach().requires_grad_(True)
        levels = climb(field, bank)
        loss = torch.stack([level.coefficients.abs().square().mean() for level in levels]).sum()
        torch.autograd.grad(loss, field)
        return float(loss.detach())

    return evaluate


def transforms(shape: tuple[int, ...], batch: int = 1, device: str = "cpu") -> Evaluation:
    """The Fourier transforms of :func:`floor`, there and back."""
    x = noise(shape, batch, device)
    bank = moments.FilterBank(shape)
    axes = tuple(range(-len(shape), 0))
    bands = [
        torch.randn((batch, bank.angles, *grid), dtype=torch.complex64, device=x.device)
        for grid in bank.grids
    ]

    def evaluate() -> float:
        whole = torch.fft.ifftn(torch.fft.fftn(x, dim=axes), dim=axes)
        for band in bands:
            torch.fft.fftn(torch.fft.ifftn(band, dim=axes), dim=axes)
        return float(whole.real.flatten()[0])

    return evaluate


def pywph(shape: tuple[int, ...], device: str = "cpu") -> Evaluation:
    """Loss and gradient of pywph's default model, in its own chunks."""
    x = noise(shape, 1, device)[0, 0]
    loss_and_gradient = pywph_loss(x)
    field = 1.1 * x
    return lambda: loss_and_gradient(field)[0]


def pywph_operator(x: torch.Tensor) -> tuple[Any, torch.Tensor]:
    """pywph's default model, normalised by the target x (ny, nx), and the target's moments."""
    import pywph as pw

    shape = tuple(x.shape)
    op = pw.WPHOp(*shape, moments.default_scales(shape), L=4, dn=2, device=str(x.device))
    op.load_model()
    return op, op.apply(x, norm="auto")


def pywph_loss(x: torch.Tensor) -> Callable[[torch.Tensor], tuple[float, torch.Tensor]]:
    """pywph's loss of a field (ny, nx) with the target x, and its gradient."""
    op, target = pywph_operator(x)

    def loss_and_gradient(y: torch.Tensor) -> tuple[float, torch.Tensor]:
        field, chunks = op.preconfigure(y.clone(), requires_grad=True)
        total = 0.0
        for number in range(chunks):
            values, index = op.apply(field, number, norm="auto", ret_indices=True)
            loss = (values - target[index]).abs().square().sum()
            loss.backward(retain_graph=True)
            total += float(loss.detach())
        return total, field.grad

    return loss_and_gradient


def plenoptic(shape: tuple[int, ...], device: str = "cpu") -> Evaluation:
    """Loss and gradient of plenoptic's Portilla-Simoncelli statistics, its default sizes."""
    import plenoptic as po

    x = noise(shape, 1, device)
    op = po.models.PortillaSimoncelli(shape).to(x.device)
    with torch.no_grad():
        target = op(x) + 0.1

    def evaluate() -> float:
        field = x.detach().requires_grad_(True)
        loss = (op(field) - target).square().sum()
        torch.autograd.grad(loss, field)
        return float(loss.detach())

    return evaluate
