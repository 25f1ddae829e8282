"""Samples whose mean moments are the target's: energy, gradient, and what is kept of each field."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats
import torch
from known_fields import lognormal_fields
from torch import Tensor

import moments
import synth
from synth.errors import UsageError
from synth.model import Model
from synth.synthesis import checkpoint, energy
from synth.synthesis.energy import MomentEnergy
from synth.synthesis.mean_field import MeanFieldEnergy
from synth.synthesis.mismatch import shares
from synth.synthesis.preconditioner import Preconditioner

#: Fields this small have many moments for their pixels; that they say so is tested with `fit`.
pytestmark = pytest.mark.filterwarnings("ignore:.*a model starts to store its example")

SHAPE = (16, 16)
FIELDS = 5


@pytest.fixture
def points() -> Tensor:
    return lognormal_fields(FIELDS, SHAPE, -3.0, seed=1).float()


def energy_of(kind: type[MomentEnergy]) -> MomentEnergy:
    op = moments.build("wph", SHAPE, scales=2, angles=2)
    op.freeze(op.constants(lognormal_fields(4, SHAPE, -3.0, seed=0).float()))
    count = op.n_moments
    power = torch.linspace(1, 2, 256, dtype=torch.float64).reshape(1, *SHAPE)
    target = torch.linspace(-1, 1, count)[None]
    return kind(op, target, torch.linspace(0.5, 2, count), Preconditioner(power))


def fitted(family: str = "wph") -> Model:
    values = lognormal_fields(4, (32, 32), -3.0).numpy()
    field = synth.Field.from_array(values, boundary="periodic")
    return synth.fit(field, family, scales=3, angles=2)


@pytest.fixture(scope="module")
def small() -> Model:
    return fitted()


@pytest.mark.parametrize("at_once", [1, 2, FIELDS])
def test_value_and_gradient_are_those_of_the_formula(points, at_once, monkeypatch):
    monkeypatch.setattr(energy, "AT_ONCE", at_once * 256)
    ours = energy_of(MeanFieldEnergy)
    value, gradient = ours(points[None], torch.tensor([0]))
    y = points.clone().requires_grad_(True)
    x = torch.cat([ours.preconditioner.to_field(one[None]) for one in y])
    mean = torch.cat([ours.op(one[None]) for one in x]).double().mean(0)
    spread = torch.linspace(0.5, 2, ours.op.n_moments)
    counts = torch.from_numpy(shares(ours.op))
    expected = (((mean - ours.targets[0]) / spread).square() * counts).sum() / counts.sum()
    torch.testing.assert_close(value[0], expected.detach(), rtol=1e-5, atol=0)
    (slope,) = torch.autograd.grad(expected, y)
    assert gradient.shape == (1, *points.shape)
    torch.testing.assert_close(gradient[0], slope, rtol=1e-4, atol=1e-6 * slope.abs().max())


def test_of_one_field_it_is_the_energy_of_a_sample(points):
    index = torch.tensor([0])
    value, gradient = energy_of(MomentEnergy)(points[:1], index)
    ours = energy_of(MeanFieldEnergy)(points[None, :1], index)
    assert torch.equal(ours[0], value) and torch.equal(ours[1][0], gradient)


def test_an_ensemble_of_one_is_the_sample_of_the_mean(small):
    alone, mean = (synth.sample(small, 1, seed=4, target=t) for t in ("ensemble", "mean"))
    np.testing.assert_array_equal(alone.field.values, mean.field.values)
    assert alone.outcomes == mean.outcomes


def test_it_has_converged_when_the_mean_of_the_fields_is_within_the_tolerance(small):
    ensemble = synth.sample(small, 6, target="ensemble")
    op = small.operator()
    x = torch.from_numpy(small.standardisation.forward(ensemble.field.load()))
    apart = (op(x).detach().double().numpy() - small.mean) / small.spread
    of_mean = np.sqrt(np.square(apart.mean(0)).mean())
    own = np.sqrt(np.square(apart).mean(1))
    assert of_mean <= 0.11
    assert ensemble.provenance["mean_mismatch_sigma"] == pytest.approx(of_mean, rel=0.02)
    assert ensemble.provenance["target"] == "ensemble"
    for outcome, mismatch in zip(ensemble.outcomes, own, strict=True):
        assert outcome["status"] == "converged"
        assert outcome["loss"] == pytest.approx(of_mean**2, rel=0.04)
        assert outcome["mismatch_sigma"] == pytest.approx(mismatch, rel=0.02)
        assert mismatch > 0.2


def test_fields_vary_more_than_with_the_mean_as_the_target_of_each(small):
    n = 12

    def variance(target: str) -> np.ndarray:
        values = synth.sample(small, n, seed=1, target=target).field.values
        x = (values - values.mean()) / values.std()
        features = [(x**power).mean((1, 2, 3)) for power in (2, 3)]
        return np.var(features, axis=1, ddof=1)

    beyond_chance = scipy.stats.f.ppf(0.9999, n - 1, n - 1)
    assert (variance("ensemble") > beyond_chance * variance("mean")).all()


def test_an_interrupted_run_goes_on_to_the_same_bits(small, tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoint, "STATE_EVERY", 0.0)
    settings = {"n": 3, "seed": 2, "steps": 14, "target": "ensemble"}
    whole = synth.sample(small, **settings)
    assert whole.outcomes[0]["steps"] > 9

    def stop(state: dict) -> None:
        if state.get("iteration") == 9 and state["scale"] == 0:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        synth.sample(small, **settings, checkpoint=tmp_path, progress=stop)
    seen: list[dict] = []
    resumed = synth.sample(small, **settings, checkpoint=tmp_path, progress=seen.append)
    assert (seen[0]["scale"], seen[0]["done"]) == (0, 0) and seen[0]["iteration"] >= 8
    np.testing.assert_array_equal(resumed.field.values, whole.field.values)
    assert resumed.outcomes == whole.outcomes
    assert resumed.provenance == whole.provenance


def test_a_run_killed_while_it_kept_its_samples_makes_all_of_them(small, tmp_path):
    settings = {"n": 3, "seed": 2, "steps": 6, "target": "ensemble"}
    whole = synth.sample(small, **settings, checkpoint=tmp_path)
    (tmp_path / "sample-000001.npz").unlink()
    resumed = synth.sample(small, **settings, checkpoint=tmp_path)
    np.testing.assert_array_equal(resumed.field.values, whole.field.values)
    assert synth.sample(small, **settings, checkpoint=tmp_path, progress=pytest.fail).outcomes


def test_a_number_of_fields_at_once_is_refused(small):
    sentence = "batch=2 was asked for with target='ensemble', whose samples descend together; auto"
    with pytest.raises(UsageError, match=sentence):
        synth.sample(small, 4, target="ensemble", batch=2)


def test_samples_of_a_gaussian_law_scatter_around_the_mean_already():
    model = fitted("covariance")
    both = [synth.sample(model, 2, target=target) for target in ("ensemble", "mean")]
    np.testing.assert_array_equal(*(ensemble.field.values for ensemble in both))
    assert both[0].outcomes == both[1].outcomes
