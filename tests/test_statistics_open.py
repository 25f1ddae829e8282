"""Open fields: no window makes a Gaussian field look intermittent, and no lag wraps around."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from known_fields import gaussian_fields

from synth.evaluation.statistics import Batch, Frame
from synth.evaluation.statistics.longrange import LongRange
from synth.evaluation.statistics.onepoint import OctaveHistogram
from synth.evaluation.statistics.scattering import HeldOutScattering, reduction


def crops(n: int, side: int, slope: float = -2.0) -> torch.Tensor:
    return gaussian_fields(n, (2 * side, 2 * side), slope, seed=1)[..., :side, :side].contiguous()


def test_an_open_gaussian_field_is_gaussian_at_every_scale():
    frame = Frame((128, 128), "open")
    batch = Batch(crops(8, 128), frame)
    features = HeldOutScattering().features(batch).mean(0)
    names = reduction(frame.shape).names
    sparsity = [f for f, name in zip(features, names, strict=True) if name.startswith("S1")]
    # Coarse wavelets see few waves; E|z| / rms = sqrt(pi) / 2 for a complex Gaussian z.
    assert [s.item() for s in sparsity[:3]] == pytest.approx([math.sqrt(math.pi) / 2] * 3, rel=0.02)
    quantiles = OctaveHistogram().features(batch).mean(0).reshape(-1, len(OctaveHistogram.levels))
    assert quantiles[-1, -2].item() == pytest.approx(2.326, rel=0.03)  # the 99% of a Gaussian


def test_long_range_of_an_open_field_is_the_direct_sum_over_its_pairs():
    side, frame = 32, Frame((32, 32), "open")
    x = crops(1, side)
    found = LongRange().features(Batch(x, frame))[0]
    y = x[0, 0].double().numpy()
    y = y - y.mean()
    values: dict[int, list[float]] = {0: [], 1: [], 2: []}
    for a in range(1 - side, side):
        for b in range(1 - side, side):
            lag = math.hypot(a, b)
            annulus = [
                i for i, part in enumerate((16, 8, 4)) if side / part <= lag < 2 * side / part
            ]
            if annulus:
                here = y[max(0, -a) : side - max(0, a), max(0, -b) : side - max(0, b)]
                there = y[max(0, a) : side + min(0, a), max(0, b) : side + min(0, b)]
                values[annulus[0]].append(np.mean(here * there) / y.var())
    expected = [np.mean(values[i]) for i in range(3)]
    expected += [0.5 * math.log(np.mean(np.square(values[i]))) for i in range(3)]
    np.testing.assert_allclose(found[:6].numpy(), expected, rtol=1e-4, atol=1e-5)
