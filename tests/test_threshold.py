"""Thresholding: what is kept, and that a model of fewer moments does all that a model does."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from known_fields import gaussian_fields
from moment_fields import skewed_fields

import cli
import moments
import synth
from synth.errors import InputError, UsageError
from synth.estimation.threshold import standing_out
from synth.field import Field

DIMS = ("sample", "channel", "y", "x")
OPTIONS = {"scales": 3, "angles": 2}


def field(x: torch.Tensor) -> Field:
    return Field.from_array(x.numpy(), dims=DIMS, boundary="periodic")


@pytest.fixture(scope="module")
def pair() -> tuple[synth.Model, synth.Model]:
    """A model of eight skewed fields with all moments, and one above two spreads."""
    real = field(skewed_fields((32, 32), 8))
    return synth.fit(real, "wph", **OPTIONS), synth.fit(real, "wph", threshold=2.0, **OPTIONS)


def test_what_is_kept_are_the_moments_above_the_threshold(pair):
    full, reduced = pair
    stands = np.abs(full.mean) >= 2 * full.spread
    one_feature = np.isin(full.labels["kind"], ("Lmean", "L|y|", "Ly|y|"))
    for kind in ("S11", "S00", "Lyy"):
        one_feature |= full.labels.where(kind=kind, shift=(0, 0, 0))
    wanted = np.flatnonzero(stands | one_feature)
    assert 0 < len(wanted) < full.n_moments
    assert np.array_equal(reduced.kept, wanted)
    assert reduced.labels == moments.Labels(full.labels.table[wanted])
    assert np.array_equal(reduced.mean, full.mean[wanted])
    assert np.array_equal(reduced.targets, full.targets[:, wanted])
    assert reduced.provenance["dropped"] == full.n_moments - len(wanted)
    with torch.no_grad():
        again = reduced.operator()(torch.zeros(1, 1, 32, 32))[0].numpy()
        whole = full.operator()(torch.zeros(1, 1, 32, 32))[0].numpy()
    assert np.array_equal(again, whole[wanted])


def test_of_a_gaussian_field_chance_is_left_and_the_spectrum_stays():
    """Correlations of moduli and phases scatter about 0: 3 spreads keep few of them, all of P."""
    x = gaussian_fields(6, (64, 64), -2.0, 0).double()
    full = synth.fit(field(x), "scattering-covariance", angles=3)
    kept = standing_out(full.labels, full.mean, full.spread, 3.0)
    third = full.labels["kind"][kept] == "S3"
    # 3 spreads are 7 standard errors of a mean of six: what is left is bias of coarse scales.
    assert third.sum() < 0.02 * (full.labels["kind"] == "S3").sum()
    for kind in ("S1", "P", "Lmean"):
        assert (full.labels["kind"][kept] == kind).sum() == (full.labels["kind"] == kind).sum()


def test_such_a_model_is_stored_merged_and_sampled(pair, tmp_path):
    _, model = pair
    path = tmp_path / "model.h5"
    synth.write_model(path, model)
    again = synth.read_model(path)
    assert np.array_equal(again.kept, model.kept)
    other = synth.fit(field(skewed_fields((32, 32), 4, seed=5)), like=again)
    merged = synth.merge([again, other])
    assert (merged.n_fields, merged.n_moments) == (12, model.n_moments)
    assert merged.operator().labels == model.labels
    samples = synth.sample(merged, 2, seed=1)
    assert {o["status"] for o in samples.outcomes} == {"converged"}
    assert synth.sample(model, 1, size=(48, 40), steps=3).field.shape == (48, 40)


def test_models_that_keep_different_moments_do_not_merge(pair):
    with pytest.raises(InputError, match="share settings"):
        synth.merge(pair)


def test_refusals(pair):
    real = field(skewed_fields((32, 32), 2))
    with pytest.raises(UsageError, match="a positive number would work"):
        synth.fit(real, threshold=0.0, **OPTIONS)
    with pytest.raises(UsageError, match="drop threshold"):
        synth.fit(real, like=pair[1], threshold=1.0)


def test_the_command_says_how_many_were_dropped(tmp_path):
    np.save(tmp_path / "field.npy", skewed_fields((32, 32), 3).numpy()[:, 0])
    arguments = ["fit", f"{tmp_path}/field.npy", "--dims", "sample,y,x", "--boundary", "periodic",
                 "--scales", "3", "--isotropic", "--threshold", "2", "--json"]  # fmt: skip
    done = CliRunner().invoke(cli.main, arguments)
    assert done.exit_code == 0, done.stderr
    result = json.loads(done.stdout)
    model = synth.read_model(result["file"])
    assert model.settings["isotropic"]
    assert result["moments"] == model.n_moments
    assert result["dropped"] > 0
    assert result["share"] == round(model.n_moments / 1024, 4)
