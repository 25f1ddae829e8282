"""The fast path agrees with the reference, values and gradients, in every precision and device.

The reference is float64 at full resolution on a CPU; that this one is the definition, to 1e-10, is
shown by the direct sums of `test_moments_direct.py` and, its gradient, by `test_moments_contract`.
On own-scale grids a modulus aliases a little: this error is the grids', not the arithmetic's, and
is bounded in units of the sampling spread, of which a converged sample is a tenth away.
"""

from __future__ import annotations

from functools import cache

import pytest
import torch
from moment_fields import skewed_fields, spread
from torch import Tensor

import moments

GRIDS = {
    "2-D": {"shape": (64, 64), "angles": 2},
    "3-D": {"shape": (16, 18, 20), "angles": 3, "scales": 3},
}
#: By working precision: largest error of a moment, and of a gradient over its norm.
ARITHMETIC = {torch.float64: (1e-11, 1e-10), torch.float32: (1e-4, 2e-4)}
#: Of the own-scale grids: rms error in sampling spreads, and of a gradient over its norm.
ALIASING = (0.08, 0.1)
gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
SINGLE = pytest.param("cpu", torch.float32, id="float32 on a CPU")
DOUBLE = pytest.param("cpu", torch.float64, id="float64 on a CPU")
ON_GPU = [
    pytest.param("cuda", torch.float32, id="float32 on a GPU", marks=gpu),
    pytest.param("cuda", torch.float64, id="float64 on a GPU", marks=gpu),
]


@cache
def reference(name: str, grid: str):
    """Constants, sampling spread and target of the full-resolution family, and a field."""
    settings = GRIDS[grid]
    op = moments.build(name, full_resolution=True, dtype=torch.float64, **settings)
    x = skewed_fields(settings["shape"], 6)
    constants = op.constants(x)
    op.freeze(constants)
    with torch.no_grad():
        values = op(x)
    unit = torch.as_tensor(spread(op, values.numpy()))
    return constants, unit, values[1:].mean(0), x[:1]


@cache
def computed(
    name: str, grid: str, full: bool, dtype: torch.dtype = torch.float64, device: str = "cpu"
) -> tuple[Tensor, Tensor]:
    """Moments, and the gradient of their mean squared mismatch in spreads, as float64 on a CPU."""
    constants, unit, target, x = reference(name, grid)
    op = moments.build(name, full_resolution=full, dtype=dtype, **GRIDS[grid])
    op.freeze(constants).to(device)
    field = x.to(device, dtype).requires_grad_(True)
    values = op(field)
    energy = ((values - target.to(values)) / unit.to(values)).double().square().mean()
    (gradient,) = torch.autograd.grad(energy, field)
    assert values.dtype == gradient.dtype == dtype
    return values.detach().double().cpu()[0], gradient.double().cpu()


def apart(found: Tensor, expected: Tensor) -> float:
    return float((found - expected).norm() / expected.norm())


@pytest.mark.parametrize("name", moments.families())
@pytest.mark.parametrize("grid", GRIDS)
@pytest.mark.parametrize("full", [True, False], ids=["full resolution", "own-scale grids"])
@pytest.mark.parametrize(("device", "dtype"), [SINGLE, *ON_GPU])
def test_arithmetic(name, grid, full, device, dtype):
    expected = computed(name, grid, full)
    values, gradient = computed(name, grid, full, dtype, device)
    value_error, gradient_error = ARITHMETIC[dtype]
    assert (values - expected[0]).abs().max() < value_error
    assert apart(gradient, expected[1]) < gradient_error


@pytest.mark.parametrize("name", moments.families())
@pytest.mark.parametrize("grid", GRIDS)
@pytest.mark.parametrize(("device", "dtype"), [DOUBLE, SINGLE, *ON_GPU])
def test_own_scale_grids(name, grid, device, dtype):
    expected = computed(name, grid, full=True)
    values, gradient = computed(name, grid, False, dtype, device)
    error = (values - expected[0]) / reference(name, grid)[1]
    assert error.square().mean().sqrt() < ALIASING[0]
    assert apart(gradient, expected[1]) < ALIASING[1]
