"""Moments of a field as a labelled file of features."""

from __future__ import annotations

import h5py
import numpy as np
import pytest

import synth
from synth.errors import UsageError
from synth.field import Field


@pytest.fixture
def field() -> Field:
    x = np.random.default_rng(0).normal(size=(3, 1, 32, 24)).cumsum(-1)
    dims = ("sample", "channel", "y", "x")
    return Field.from_array(x.astype(np.float32), dims=dims, boundary="periodic")


def test_the_moments_are_those_a_fit_averages(field):
    measured = synth.measure(field, "scattering", scales=3)
    model = synth.fit(field, "scattering", scales=3)
    assert measured.labels == model.labels
    assert np.array_equal(measured.values, model.targets)
    assert measured.values.mean(0) == pytest.approx(model.mean, abs=1e-6)


def test_fields_measured_like_a_model_are_comparable(field):
    model = synth.fit(field, "scattering", scales=3)
    one = Field.from_array(
        2 * field.load()[:1] + 1, dims=("sample", "channel", "y", "x"), boundary="periodic"
    )
    own, shared = synth.measure(one, "scattering", scales=3), synth.measure(one, like=model)
    assert np.abs(own.values - model.targets[0]).max() > 0.01
    power = shared.labels.where(kind="P", j1=0)
    assert shared.values[0, power] == pytest.approx(4 * model.targets[0, power], rel=1e-3)


def test_the_file_can_be_filtered_by_its_labels(field, tmp_path):
    measured = synth.measure(field, "wph+marginal", scales=2, angles=2)
    path = tmp_path / "moments.h5"
    measured.write(path)
    with h5py.File(path) as file:
        labels, values = file["labels"][:], file["moments"][:]
        assert file.attrs["family"] == "wph+marginal"
    assert values.dtype == np.float32
    rows = (labels["kind"] == b"skewness") & (labels["j1"] == -1)
    assert rows.sum() == 1
    assert np.array_equal(values[:, rows], measured.values[:, rows])
    with pytest.raises(UsageError, match="exists"):
        measured.write(path)
