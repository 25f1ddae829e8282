"""The flatness of the bands: what it is for known laws, and that samples keep it."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import moments
import synth
from synth.field import Field


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


def test_samples_keep_rare_loud_events():
    """Clicks on noise: without the flatness of the bands samples of `wph` lose most of them."""
    draw = np.random.default_rng(0)
    x = draw.normal(size=(4, 1, 2048))
    x += 12 * draw.normal(size=x.shape) * (draw.random(x.shape) < 0.004)
    field = Field(values=x.astype(np.float32), dims=("x",), spacing=(1.0,), boundary="periodic")

    def kurtosis(values: np.ndarray) -> float:
        return float(((values**4).mean(-1) / (values**2).mean(-1) ** 2).mean())

    lost = {}
    for name, kept in (("with", True), ("without", False)):
        classes = ["S11", "S00", "L", *(["F"] if kept else [])]
        model = synth.fit(field, "wph", scales=6, classes=classes)
        made = synth.sample(model, 4).field.load()
        lost[name] = kurtosis(x) - kurtosis(made)
    assert abs(lost["with"]) < 0.5 * lost["without"]
