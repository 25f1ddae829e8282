"""Sums of families: each part as it is alone, through fit, a file and a sample."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import moments
import synth
from synth.field import Field


def fields(n: int = 2) -> torch.Tensor:
    x = np.random.default_rng(0).normal(size=(n, 2, 32, 24)).cumsum(-1).cumsum(-2)
    x -= x.mean((2, 3), keepdims=True)
    return torch.from_numpy(x / x.std())


def test_a_sum_is_its_parts_one_after_the_other():
    x = fields()
    names = ("wph", "marginal", "rectifier")
    shared = {"scales": 3, "channels": 2, "dtype": torch.float64}
    whole = moments.build("+".join(names), (32, 24), shells=1, quantiles=5, **shared)
    own = {"wph": {"shells": 1}, "marginal": {"quantiles": 5}, "rectifier": {"shells": 1}}
    parts = [moments.build(name, (32, 24), **own[name], **shared) for name in names]
    for op in (whole, *parts):
        op.freeze(op.constants(x))
    assert torch.equal(whole(x), torch.cat([part(x) for part in parts], dim=1))
    assert whole.labels == moments.Labels.join(part.labels for part in parts)
    assert torch.equal(whole.band_power(), parts[0].band_power())
    assert set(whole.labels["family"]) == set(names)


def test_the_constants_are_the_state():
    op = moments.build("scattering+marginal", (16, 16), scales=2)
    assert set(op.constants(fields()[:, :1, :16, :16].float())) == set(op.state_dict())


@pytest.mark.parametrize(
    ("name", "options", "sentence"),
    [
        ("wph+nothing", {}, "joined by"),
        ("wph+wph", {}, "each family once"),
        ("marginal+scattering", {"shells": 1}, "its options are: quantiles"),
        ("scattering", {"shells": 1}, "its options are: isotropic, mirror"),
    ],
)
def test_what_does_not_add_up_is_refused(name, options, sentence):
    with pytest.raises(ValueError, match=sentence):
        moments.build(name, (16, 16), **options)


def test_a_sum_is_fitted_stored_and_sampled(tmp_path):
    dims = ("sample", "channel", "y", "x")
    field = Field.from_array(fields().numpy(), dims=dims, boundary="periodic")
    model = synth.fit(field, "scattering+marginal", scales=3, quantiles=5)
    path = tmp_path / "model.h5"
    synth.write_model(path, model)
    again = synth.read_model(path)
    first, second = (synth.sample(m, seed=3, steps=5).field.load() for m in (model, again))
    assert np.array_equal(first, second)
    assert np.isfinite(first).all()
