"""The energy of samples: its value and gradient, and batches that change no bit."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from known_fields import lognormal_fields
from torch import Tensor, nn

import moments
from synth.synthesis import energy
from synth.synthesis.energy import MomentEnergy
from synth.synthesis.preconditioner import Preconditioner
from synth.synthesis.workers import torch_threads

SHAPE = (16, 16)
SAMPLES = 5


def flat() -> Preconditioner:
    """Coordinates that are the pixels."""
    radius = torch.fft.fftfreq(16, 1 / 16, dtype=torch.float64)
    square = radius[:, None] ** 2 + radius**2
    return Preconditioner((1 / square.clamp(min=1))[None])


def energy_of(op: nn.Module) -> MomentEnergy:
    count = len(op.finest_scales)
    targets = torch.arange(SAMPLES * count).reshape(SAMPLES, count) / (SAMPLES * count)
    return MomentEnergy(op, targets, spread_of(op), flat())


def spread_of(op: nn.Module) -> Tensor:
    return torch.linspace(0.5, 2, len(op.finest_scales))


@pytest.fixture
def points() -> Tensor:
    return lognormal_fields(SAMPLES, SHAPE, -3.0, seed=1).float()


def operator() -> moments.MomentFamily:
    op = moments.build("wph", SHAPE, scales=2, angles=2)
    op.freeze(op.constants(lognormal_fields(4, SHAPE, -3.0, seed=0).float()))
    return op


class Recorder(nn.Module):
    """A family that notes the sizes of its batches; its moments may depend on them."""

    def __init__(self, rounding: float) -> None:
        super().__init__()
        op = operator()
        self.op, self.rounding, self.batches = op, rounding, []
        self.finest_scales, self.coarsest_scales = op.finest_scales, op.coarsest_scales
        self.shape, self.dims, self.channels = op.shape, op.dims, op.channels

    def forward(self, x: Tensor, first: int) -> Tensor:
        self.batches.append(len(x))
        return self.op(x, first) * (1 + self.rounding * len(x))


def test_value_and_gradient_are_those_of_the_formula(points):
    energy = energy_of(operator())
    values, gradients = energy(points, torch.arange(SAMPLES))
    coarsest = energy.op.labels["j1"].clip(min=0)  # in every class of wph that of the coarser band
    coarsest = np.maximum(coarsest, energy.op.labels["j2"])
    at_coarse = int((coarsest == 1).sum())
    assert at_coarse > 64 > int((coarsest == 0).sum())
    counts = torch.from_numpy(np.where(coarsest == 1, 64 / at_coarse, 1.0)).float()
    for i, y in enumerate(points):
        y = y[None].clone().requires_grad_(True)
        x = energy.preconditioner.to_field(y)
        residual = (energy.op(x)[0] - energy.targets[i]) / spread_of(energy.op)
        expected = (residual.square() * counts).sum() / counts.sum()
        torch.testing.assert_close(values[i].float(), expected.detach(), rtol=1e-5, atol=0)
        (slope,) = torch.autograd.grad(expected, y)
        torch.testing.assert_close(gradients[i], slope[0], rtol=1e-4, atol=1e-6 * slope.abs().max())


@pytest.mark.parametrize("family", ["wph", "scattering-covariance"])
def test_fields_together_have_the_bits_of_fields_alone(points, family):
    op = moments.build(family, SHAPE, scales=2, angles=2)
    op.freeze(op.constants(points))
    energy = energy_of(op)
    index = torch.arange(SAMPLES)
    for _ in range(2):  # the first call compares, the second relies on what that found
        values, gradients = energy(points, index)
        for i in range(SAMPLES):
            value, gradient = energy(points[i : i + 1], index[i : i + 1])
            assert torch.equal(value[0], values[i]) and torch.equal(gradient[0], gradients[i])


@pytest.fixture
def seconds(request, monkeypatch) -> Iterator[None]:
    """What evaluations take: fields one by one, and together.  More threads have other bits."""
    one_by_one, together = request.param
    ticks = itertools.cycle((0, one_by_one, one_by_one + together))
    monkeypatch.setattr(energy, "time", SimpleNamespace(perf_counter=lambda: next(ticks)))
    with torch_threads(1):
        yield


QUICK = pytest.mark.parametrize("seconds", [(2, 1)], indirect=True)
SLOW = pytest.mark.parametrize("seconds", [(1, 2)], indirect=True)


def called(recorder: Recorder, energy: MomentEnergy, points: Tensor) -> list[int]:
    """Sizes of the batches in which fields were evaluated; values are those of fields alone."""
    index = torch.arange(len(points))
    expected = [energy(points[i : i + 1], index[i : i + 1]) for i in range(len(points))]
    recorder.batches.clear()
    values, gradients = energy(points, index)
    assert torch.equal(values, torch.cat([value for value, _ in expected]))
    assert torch.equal(gradients, torch.cat([gradient for _, gradient in expected]))
    return list(recorder.batches)


@QUICK
def test_fields_whose_batch_is_rounded_differently_are_evaluated_alone(points, seconds):
    op = Recorder(rounding=1e-6)
    energy = energy_of(op)
    assert called(op, energy, points) == [1] * SAMPLES + [SAMPLES]
    assert called(op, energy, points) == [1] * SAMPLES


@QUICK
def test_a_batch_that_has_lost_a_field_is_filled_up(points, seconds):
    op = Recorder(rounding=0.0)
    energy = energy_of(op)
    assert called(op, energy, points) == [1] * SAMPLES + [SAMPLES]
    assert called(op, energy, points) == [SAMPLES]
    assert called(op, energy, points[:4]) == [SAMPLES]
    assert called(op, energy, points[:3]) == [1, 1, 1, 3]


@SLOW
def test_a_batch_that_takes_longer_is_not_made(points, seconds):
    op = Recorder(rounding=0.0)
    slow = energy_of(op)
    assert called(op, slow, points) == [1] * SAMPLES + [SAMPLES]
    assert called(op, slow, points) == [1] * SAMPLES
