"""Moments of a field as a labelled file of features."""

from __future__ import annotations

import json
from pathlib import Path

import h5py
import numpy as np
import pytest
from click.testing import CliRunner

import cli
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


def test_the_figure_shows_what_each_kind_measures(field):
    from synth.report.moment_figures import moment_figure

    measured = synth.measure(field, "scattering", scales=3)
    figure = moment_figure({"real": measured, "again": measured})
    above = [ax for ax in figure.axes if ax.get_title()]
    assert [ax.get_title().split(":")[0] for ax in above] == ["S1", "P", "S2"]
    rows = measured.labels.where(kind="S1", j1=2)
    rms = np.sqrt((measured.values[:, rows].astype(float) ** 2).mean(1))
    scale, height = above[0].lines[0].get_data()
    assert scale.tolist() == [0, 1, 2]
    assert height[2] == pytest.approx(np.median(rms))
    pairs = measured.labels.where(kind="S2", j1=0, j2=2)
    maps = [ax.images[0].get_array() for ax in figure.axes if ax.images]
    expected = np.median(np.sqrt((measured.values[:, pairs].astype(float) ** 2).mean(1)))
    assert maps[2][0, 2] == pytest.approx(expected)


def test_quantiles_are_drawn_as_the_law_of_the_pixels(field):
    from synth.report.moment_figures import moment_figure

    measured = synth.measure(field, "marginal", scales=2)
    figure = moment_figure({"real": measured})
    (panel,) = (ax for ax in figure.axes if ax.get_title().startswith("quantile"))
    rows = measured.labels.where(kind="quantile", j1=-1)
    level, value = panel.lines[0].get_data()
    assert np.array_equal(level, measured.labels["level"][rows])
    assert value == pytest.approx(np.median(measured.values[:, rows], axis=0))
    assert all(ax.get_visible() for ax in figure.axes)  # no empty row of maps


def test_the_command_writes_and_draws(field, tmp_path):
    np.save(tmp_path / "field.npy", field.load())
    options = "--dims sample,channel,y,x --boundary periodic --model marginal --scales 2"
    arguments = ["moments", f"{tmp_path}/field.npy", *options.split(), "--figure", "--json"]
    done = CliRunner().invoke(cli.main, arguments)
    assert done.exit_code == 0, done.stderr
    result = json.loads(done.stdout)
    assert (result["fields"], result["model"]) == (3, "marginal")
    assert Path(result["file"]) == tmp_path / "field.moments.h5"
    assert result["figure"] == f"{tmp_path}/field.moments.png"
    assert (tmp_path / "field.moments.png").read_bytes().startswith(b"\x89PNG")
    assert CliRunner().invoke(cli.main, arguments).exit_code == 2
