"""What is timed: one loss and gradient, as a function of no arguments.

Ours are the families of `moments`; the peer is pywph (Regaldo-Saint Blancard et al. 2021, PyPI),
with its default classes, L = 4 and dn = 2; the floor is the least that a wavelet energy can do, one
automatic-differentiation pass of |ifft(crop(x^) psi^)|^2 over the own-scale grids.
"""

from __future__ import annotations

from collections.abc import Callable

import torch

import moments
from moments.pyramid import climb
from synth.devices import choose

Evaluation = Callable[[], float]


def noise(shape: tuple[int, ...], batch: int, device: str = "cpu") -> torch.Tensor:
    """White noise, (batch, 1, *shape)."""
    generator = torch.Generator().manual_seed(0)
    return torch.randn((batch, 1, *shape), generator=generator).to(choose(device))


def ours(family: str, shape: tuple[int, ...], batch: int = 1, device: str = "cpu") -> Evaluation:
    """Loss and gradient of a family, fields of a batch one by one on a CPU, as sampling does."""
    x = noise(shape, batch, device)
    op = moments.build(family, shape).to(x.device)
    with torch.no_grad():
        op.freeze(op.constants(x[:1]))
        target = op(x[:1]) + 0.1
    at_once = 1 if x.device.type == "cpu" else batch

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


def pywph(shape: tuple[int, ...], device: str = "cpu") -> Evaluation:
    """Loss and gradient of pywph's default model, in its own chunks."""
    import pywph as pw

    x = noise(shape, 1, device)[0, 0]
    scales = moments.default_scales(shape)
    op = pw.WPHOp(*shape, scales, L=4, dn=2, device=str(x.device))
    op.load_model()
    target = op.apply(x, norm="auto")

    def evaluate() -> float:
        field, chunks = op.preconfigure(1.1 * x, requires_grad=True)
        total = 0.0
        for number in range(chunks):
            values, index = op.apply(field, number, norm="auto", ret_indices=True)
            loss = (values - target[index]).abs().square().sum()
            loss.backward(retain_graph=True)
            total += float(loss.detach())
        return total

    return evaluate
