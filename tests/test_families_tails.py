"""The flatness of the bands: what it is for a known law, and its invariance."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import moments


def test_flatness_of_a_gaussian_field_is_two():
    """|W|^2 is then exponential: E|W|^4 = 2 (E|W|^2)^2; n values scatter by about 2 / sqrt(n)."""
    x = torch.randn(16, 1, 64, 64, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    op = moments.build("wph", (64, 64), scales=3, angles=2, dtype=torch.float64)
    values = op.freeze(op.constants(x))(x)[:, op.labels.where(kind="F", j1=1)].numpy()
    assert values.mean() == pytest.approx(2, abs=5 * 2 / np.sqrt(16 * 64**2 / 16))


def test_flatness_does_not_depend_on_units():
    x = torch.randn(1, 1, 32, 32, generator=torch.Generator().manual_seed(1)).exp()
    op = moments.build("wph", (32, 32), scales=3)
    op.freeze(op.constants(x))
    rows = op.labels.where(kind="F")
    assert torch.allclose(op(7 * x)[:, rows], op(x)[:, rows], rtol=1e-5)
