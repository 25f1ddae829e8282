"""Fields keep their numbers on the way in, whatever their type and however large they are."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from written_samples import ensemble

import synth
from synth.errors import InputError
from synth.estimation.transforms import KINDS, Standardisation
from synth.field import Ensemble, Field
from synth.files.pixels import PixelStatistics

RNG = np.random.default_rng(11)


DTYPES = ["i1", "u1", "<i2", ">i2", ">u4", "i8", "f2", ">f4", "<f4", ">f8", "bool"]


@pytest.mark.parametrize("dtype", DTYPES)
def test_numbers_of_every_type_keep_their_values(tmp_path: Path, dtype: str) -> None:
    values = (RNG.integers(0, 2, (12, 10)) * 100).astype(dtype)
    with h5py.File(tmp_path / "f.h5", "w") as file:
        file["a"] = values
    field = synth.read(tmp_path / "f.h5")
    assert field.values.dtype == np.float32
    np.testing.assert_array_equal(field.load()[0, 0], values.astype(np.float32))


def test_complex_values_as_two_channels_when_asked(tmp_path: Path) -> None:
    values = RNG.normal(size=(12, 10)) + 1j * RNG.normal(size=(12, 10))
    with h5py.File(tmp_path / "f.h5", "w") as file:
        file["psi"] = values
    np.save(tmp_path / "f.npy", values)
    for name in ("f.h5", "f.npy"):
        with pytest.raises(InputError, match=r"complex.*--dims y,x,channel"):
            synth.read(tmp_path / name)
        field = synth.read(tmp_path / name, dims=("y", "x", "channel"))
        parts = np.stack([values.real, values.imag]).astype(np.float32)
        np.testing.assert_array_equal(field.load()[0], parts)


@pytest.mark.parametrize(
    ("offset", "spread"),
    [(1e8, 1.0), (1e30, 1e29), (0, 1e-30), (0, 1e-36), (0, 1e38), (-3e5, 1e-4)],
)
def test_offsets_and_extremes_survive_reading_standardising_and_writing(
    tmp_path: Path, offset: float, spread: float
) -> None:
    x = RNG.normal(size=(2, 1, 32, 32))
    with h5py.File(tmp_path / "f.h5", "w") as file:
        file["a"] = offset + spread * x[:, 0]
        file["a"].attrs["dims"] = "sample,y,x"
    field = synth.read(tmp_path / "f.h5")
    standard = Standardisation.measure(field)
    scaled = standard.forward(field.values)
    assert scaled.dtype == np.float32
    np.testing.assert_allclose(scaled, (x - x.mean()) / x.std(), atol=2e-4)
    back = standard.inverse(scaled)
    np.testing.assert_allclose((back - offset) / spread, x, atol=2e-4)
    outcomes = ensemble(2).outcomes
    written = Ensemble(Field.from_array(back), outcomes)
    synth.write_samples(tmp_path / "s.h5", written)
    again = standard.forward(synth.read(tmp_path / "s.h5").values)
    np.testing.assert_allclose(again, scaled, atol=2e-3)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("library", [np.asarray, torch.as_tensor])
def test_transforms_are_undone_exactly(kind: str, library: object) -> None:
    values = np.exp(RNG.normal(size=(3, 2, 16, 16))) * np.array([1.0, 1e6])[:, None, None]
    standard = Standardisation.measure(Field.from_array(values), kind)
    assert Standardisation.from_dict(standard.to_dict()) == standard
    forward = standard.forward(library(values))  # type: ignore[operator]
    as_array = np.asarray(forward)
    np.testing.assert_allclose(as_array.mean((0, 2, 3)), 0, atol=1e-5)
    np.testing.assert_allclose(as_array.std((0, 2, 3)), 1, atol=1e-5)
    np.testing.assert_allclose(np.asarray(standard.inverse(forward)), values, rtol=3e-5)


def test_log_of_what_is_not_positive_is_refused() -> None:
    field = Field.from_array(RNG.normal(size=(1, 1, 8, 8)))
    with pytest.raises(InputError, match=r"needs positive values.*asinh or none"):
        Standardisation.measure(field, "log")


def test_statistics_by_blocks_are_those_of_the_whole() -> None:
    from scipy import stats

    values = 1e4 + RNG.gamma(2, size=(7, 2, 9, 11))
    mask = RNG.random((7, 1, 9, 11)) > 0.3
    found = PixelStatistics(2)
    for start in (0, 1, 4):
        stop = {0: 1, 1: 4, 4: 7}[start]
        found.update(values[start:stop], mask[start:stop])
    for channel in range(2):
        pixels = values[:, channel][mask[:, 0]]
        assert found.mean[channel] == pytest.approx(pixels.mean(), rel=1e-14)
        assert found.std[channel] == pytest.approx(pixels.std(), rel=1e-10)
        assert found.skewness[channel] == pytest.approx(stats.skew(pixels), rel=1e-8)
        assert found.kurtosis[channel] == pytest.approx(stats.kurtosis(pixels, fisher=False))
        assert found.missing[channel] == (~mask).sum()


def test_gaps_from_nan_and_from_a_mask_dataset(tmp_path: Path) -> None:
    values = RNG.normal(size=(3, 8, 8)).astype(np.float32)
    holes = np.ones((8, 8), bool)
    holes[2, 3] = False
    values[1, 5, 5] = np.nan
    values[:, 2, 3] = np.inf
    with h5py.File(tmp_path / "f.h5", "w") as file:
        file["a"], file["valid"] = values, holes
        file["a"].attrs["dims"] = "sample,y,x"
    field = synth.read(tmp_path / "f.h5", "a", mask="valid")
    expected = np.isfinite(values)[:, None]
    assert field.mask is not None and field.layout.endswith(" 2.1% of the values are gaps.")
    np.testing.assert_array_equal(np.broadcast_to(field.mask, expected.shape), expected)
    np.testing.assert_array_equal(field.load()[expected], values[:, None][expected])
    np.testing.assert_allclose(field.load()[~expected], values[np.isfinite(values)].mean(), 1e-5)


def test_standardisation_leaves_gaps_out() -> None:
    values = RNG.normal(size=(2, 1, 16, 16))
    mask = RNG.random(values.shape) > 0.4
    standard = Standardisation.measure(Field.from_array(np.where(mask, values, np.nan)))
    assert standard.mean[0] == pytest.approx(values[mask].mean(), abs=1e-6)
    assert standard.std[0] == pytest.approx(values[mask].std(), rel=1e-6)


def test_lazy_values_are_those_read_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = RNG.normal(size=(5, 4, 2, 8, 8))
    values[1, 2, 0, 3, 3] = np.nan
    with h5py.File(tmp_path / "f.h5", "w") as file:
        file["a"] = np.moveaxis(values, 1, -1)
        file["a"].attrs["dims"] = "sample,channel,y,x,time"
        file["m"] = RNG.random((8, 8)) > 0.2
    whole = synth.read(tmp_path / "f.h5", "a", mask="m")
    monkeypatch.setattr("synth.files.reading.EAGER", 0)
    lazy = synth.read(tmp_path / "f.h5", "a", mask="m")
    assert not isinstance(lazy.values, np.ndarray)
    assert lazy.values.shape == whole.values.shape == (20, 2, 8, 8)
    assert lazy.mask is not None and whole.mask is not None
    for rows in (slice(None), slice(3, 9), slice(2, 20, 5), slice(7, 7)):
        np.testing.assert_allclose(lazy.values[rows], whole.values[rows], rtol=1e-6)
        np.testing.assert_array_equal(
            lazy.mask[rows], np.broadcast_to(whole.mask, (20, 1, 8, 8))[rows]
        )
    np.testing.assert_allclose(lazy.values[-1, 1, 2:4], whole.values[-1, 1, 2:4], rtol=1e-6)
    np.testing.assert_allclose(np.asarray(lazy.values), whole.values, rtol=1e-6)
    assert lazy.load().dtype == np.float32
    assert list(lazy.values) and len(lazy.values) == 20


def test_a_file_that_vanishes_or_changes_while_reading(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("synth.files.reading.EAGER", 0)
    with h5py.File(tmp_path / "f.h5", "w") as file:
        file["a"] = RNG.normal(size=(8, 8))
    field = synth.read(tmp_path / "f.h5")
    (tmp_path / "f.h5").unlink()
    with pytest.raises(InputError, match="no file"):
        field.load()


def test_a_field_is_found_among_thousands_of_groups(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "f.h5", "w") as file:
        for i in range(2000):
            file[f"group{i}/scalar"] = i
        file["field"] = RNG.normal(size=(64, 64))
    assert synth.read(tmp_path / "f.h5").name == "field"
