"""Samples and models come back whole, and other programs open them."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from xml.etree import ElementTree

import h5py
import numpy as np
import pytest
from written_samples import ensemble

import synth
from synth.errors import InputError, UsageError
from synth.files import hdf5
from synth.files.xdmf import write_xdmf

RNG = np.random.default_rng(11)


@pytest.mark.parametrize(
    ("channels", "shape"), [(1, (8, 10)), (2, (5, 6)), (1, (16,)), (3, (4, 5, 6))]
)
def test_samples_come_back_whole(tmp_path: Path, channels: int, shape: tuple[int, ...]) -> None:
    written, path = ensemble(3, channels, shape), tmp_path / "s.h5"
    synth.write_samples(path, written)
    back = synth.read_samples(path)
    assert back.outcomes == written.outcomes
    assert (back.seed, back.provenance) == (7, written.provenance)
    for key in ("name", "channels", "dims", "spacing", "units", "boundary", "attributes"):
        assert getattr(back.field, key) == getattr(written.field, key), key
    np.testing.assert_array_equal(back.field.load(), written.field.load())
    assert hdf5.kind(path) == "samples"
    np.testing.assert_array_equal(synth.read(path).load(), written.field.load())


def test_samples_have_one_chunk_each_and_scales_on_every_axis(tmp_path: Path) -> None:
    synth.write_samples(tmp_path / "s.h5", ensemble(3, 2))
    with h5py.File(tmp_path / "s.h5") as file:
        dataset = file["vorticity"]
        assert dataset.dtype == np.float32 and dataset.chunks == (1, 2, 8, 10)
        names = [axis[0].name for axis in dataset.dims]
        assert names == ["/sample", "/channel", "/y", "/x"]
        assert file["status"].dims[0][0].name == "/sample"
        assert set(file) == {
            "vorticity", "sample", "channel", "y", "x", "loss", "mismatch", "mismatch_max",
            "mismatch_sigma", "steps", "status",
        }  # fmt: skip


@pytest.mark.parametrize("engine", ["h5netcdf", "netcdf4"])
def test_samples_open_in_xarray(tmp_path: Path, engine: str) -> None:
    xarray = pytest.importorskip("xarray")
    pytest.importorskip({"netcdf4": "netCDF4"}.get(engine, engine))
    written = ensemble(3, 2)
    synth.write_samples(tmp_path / "s.h5", written)
    with xarray.open_dataset(tmp_path / "s.h5", engine=engine) as data:
        assert data["vorticity"].dims == ("sample", "channel", "y", "x")
        assert data["vorticity"].attrs["units"] == "1/s"
        assert list(data["channel"].values) == ["u", "v"]
        np.testing.assert_allclose(data["x"], 0.5 * np.arange(10))
        np.testing.assert_array_equal(data["vorticity"], written.field.load())
        assert list(data["status"].values) == ["max_steps", "converged", "converged"]
        assert data.attrs["model_hash"] == "ab12"


@pytest.mark.skipif(shutil.which("h5ls") is None, reason="needs h5ls (hdf5-tools)")
def test_h5ls_lists_the_samples(tmp_path: Path) -> None:
    synth.write_samples(tmp_path / "s.h5", ensemble())
    shown = subprocess.run(
        ["h5ls", "-r", tmp_path / "s.h5"], capture_output=True, text=True, check=True
    )
    assert not shown.stderr
    assert "/vorticity               Dataset {3, 8, 10}" in shown.stdout


@pytest.mark.parametrize(("channels", "shape"), [(1, (8, 10)), (2, (4, 5, 6))])
def test_xdmf_points_at_each_sample_and_channel(
    tmp_path: Path, channels: int, shape: tuple[int, ...]
) -> None:
    path = tmp_path / "s.h5"
    written = ensemble(3, channels, shape)
    synth.write_samples(path, written)
    sidecar = write_xdmf(path)
    with pytest.raises(UsageError, match="exists"):
        write_xdmf(path)
    grids = ElementTree.parse(sidecar).findall(".//Grid[@GridType='Uniform']")
    assert len(grids) == 3
    for sample, grid in enumerate(grids):
        attributes = grid.findall("Attribute")
        assert len(attributes) == channels
        for channel, attribute in enumerate(attributes):
            box, data = attribute.findall("DataItem/DataItem")
            name, inner = (data.text or "").split(":")
            start, stride, count = np.array((box.text or "").split(), int).reshape(3, -1)
            assert (stride == 1).all()
            with h5py.File(tmp_path / name) as file:
                assert file[inner].shape == tuple(map(int, data.attrib["Dimensions"].split()))
                index = tuple(slice(a, a + n) for a, n in zip(start, count, strict=True))
                found = file[inner][index].reshape(shape)
            np.testing.assert_array_equal(found, written.field.load()[sample, channel])


def test_a_field_named_like_an_outcome_or_an_axis_is_written_under_another_name(
    tmp_path: Path,
) -> None:
    for name in ("loss", "x", "group/loss"):
        written = ensemble()
        object.__setattr__(written.field, "name", name)
        synth.write_samples(tmp_path / "s.h5", written, overwrite=True)
        back = synth.read_samples(tmp_path / "s.h5")
        np.testing.assert_array_equal(back.field.load(), written.field.load())


def test_models_come_back_whole(tmp_path: Path) -> None:
    tree = {
        "attributes": {
            "family": "wph",
            "J": 7,
            "eps": 1e-3,
            "none": None,
            "nested": {"é": [1, "a"]},
        },
        "arrays": {
            "mean": RNG.normal(size=5),
            "labels/family": np.array(["S11", "C01é"]),
            "labels/j1": np.arange(2, dtype=np.int16),
            "scalar": np.float32(3),
            "empty": np.zeros((0, 3), np.float32),
            "complex": np.array([1 + 2j]),
        },
    }
    hdf5.write_model(tmp_path / "m.h5", tree)
    back = hdf5.read_model(tmp_path / "m.h5")
    assert back["attributes"] == tree["attributes"]
    assert set(back["arrays"]) == set(tree["arrays"])
    for name, array in tree["arrays"].items():
        np.testing.assert_array_equal(back["arrays"][name], array)
        assert back["arrays"][name].dtype == np.asarray(array).dtype
    assert hdf5.kind(tmp_path / "m.h5") == "model"


@pytest.mark.parametrize("kind", ["samples", "model"])
def test_a_newer_schema_is_refused(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "f.h5"
    if kind == "samples":
        synth.write_samples(path, ensemble())
    else:
        hdf5.write_model(path, {"attributes": {}, "arrays": {}})
    with h5py.File(path, "a") as file:
        file.attrs.update(schema_version=2, synth_version="9.1")
    read = synth.read_samples if kind == "samples" else hdf5.read_model
    for call in (read, synth.read, hdf5.kind):
        with pytest.raises(InputError, match=r"schema 2 of synth 9\.1.*reads up to 1; upgrade"):
            call(path)
