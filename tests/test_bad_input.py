"""Every kind of wrong input gets one sentence that says what is wrong and what to do."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from click.testing import CliRunner
from test_layouts import odim, the_well

import cli
import synth
from synth.errors import InputError, MemoryLimitError, SynthError, UsageError
from synth.estimation.transforms import Standardisation, Transform
from synth.field import Ensemble, Field
from synth.files import hdf5

RNG = np.random.default_rng(3)
MAP = RNG.normal(size=(12, 10)).astype(np.float32)
SCALED = np.vstack([MAP, MAP])
Write = Callable[[h5py.File], object]


def raw(content: bytes) -> Callable[[Path], None]:
    return lambda path: path.write_bytes(content) and None


def hdf(write: Write) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        with h5py.File(path, "w") as file:
            write(file)

    return make


def one(data: Any, **attributes: Any) -> Callable[[Path], None]:
    def write(file: h5py.File) -> None:
        file["a"] = data
        file["a"].attrs.update(attributes)

    return hdf(write)


def npy(data: Any) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        with open(path, "wb") as file:
            np.save(file, data, allow_pickle=True)

    return make


def cut(make: Callable[[Path], None], share: float) -> Callable[[Path], None]:
    """What `make` writes, cut short."""

    def short(path: Path) -> None:
        make(path)
        os.truncate(path, int(os.path.getsize(path) * share))

    return short


def scaled(file: h5py.File, positions: Any = None) -> None:
    file["a"], file["b"] = SCALED, SCALED
    for i, (name, size) in enumerate([("y", 24), ("x", 10)]):
        file[name] = np.arange(size) if positions is None else positions(np.arange(size))
        file[name].make_scale(name)
        for node in ("a", "b"):
            file[node].dims[i].attach_scale(file[name])


def with_hole(value: float) -> np.ndarray:
    data = MAP.copy()
    data[3, 4] = value
    return data


def model(path: Path) -> None:
    hdf5.write_model(path, {"attributes": {}, "arrays": {}})


def ensemble(n: int = 2) -> Ensemble:
    outcome = {"status": "converged", "steps": 1, "loss": 0.1, "mismatch_rms": 0.1}
    outcome |= {"mismatch_max": 0.1, "mismatch_sigma": 0.1}
    return Ensemble(Field.from_array(RNG.normal(size=(2, 1, 8, 8))), [outcome] * n)


def samples(path: Path) -> None:
    synth.write_samples(path, ensemble())


def newer(path: Path) -> None:
    samples(path)
    with h5py.File(path, "a") as file:
        file.attrs["schema_version"] = 9


def huge(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file.create_dataset("a", (10**6, 10**6), "f8", chunks=(1000, 1000))


def several_images(file: h5py.File) -> None:
    odim(file)
    file["dataset1/data2/data"] = np.ones((12, 10))


def polar(file: h5py.File) -> None:
    odim(file)
    file["dataset1/where"].attrs["nrays"] = 12


def spherical(file: h5py.File) -> None:
    the_well(file)
    file.attrs["grid_type"] = "spherical"


def coordinates(file: h5py.File) -> None:
    file["tensor"] = RNG.normal(size=(3, 4, 5, 6, 7))
    file["x-coordinate"] = np.arange(7.0)


def channels(file: h5py.File) -> None:
    file["u"] = np.stack([MAP, 0 * MAP])
    file["u"].attrs["dims"] = "channel,y,x"


def masked(mask: Any) -> Callable[[Path], None]:
    return hdf(lambda file: file.update({"a": MAP, "m": mask}))


def nothing(_: Path) -> None:
    pass


A = {"dataset": "a"}
READING: dict[str, tuple[Callable[[Path], object], dict[str, Any], str]] = {
    # the file
    "missing": (nothing, {}, "There is no file .*; check the path"),
    "folder": (Path.mkdir, {}, "is a folder; name one HDF5 or .npy file"),
    "empty": (raw(b""), {}, "is empty"),
    "pipe": (os.mkfifo, {}, "is a pipe or device"),
    "text": (raw(b"x,y\n1,2\n"), {}, "neither an HDF5 nor a .npy file; save"),
    "netcdf-3": (raw(b"CDF\x01" + bytes(40)), {}, "netCDF-3 file; convert it with: nccopy"),
    "fits": (raw(b"SIMPLE  =                    T"), {}, "a FITS file; save its image"),
    "npz": (raw(b"PK\x03\x04" + bytes(40)), {}, "zip archive .*save one array as .npy"),
    "gzip": (raw(b"\x1f\x8b\x08" + bytes(40)), {}, "compressed with gzip; decompress"),
    "png": (raw(b"\x89PNG\r\n\x1a\n"), {}, "a PNG picture; save its pixels"),
    "jpeg": (raw(b"\xff\xd8\xff\xe0" + bytes(9)), {}, "a JPEG picture"),
    "tiff": (raw(b"II*\x00" + bytes(9)), {}, "a TIFF picture"),
    "hdf4": (raw(b"\x0e\x03\x13\x01" + bytes(9)), {}, "an HDF4 file; convert it with h4toh5"),
    "matlab-5": (raw(b"MATLAB 5.0 MAT-file"), {}, "old MATLAB file; save it .* -v7.3"),
    "grib": (raw(b"GRIB" + bytes(40)), {}, "a GRIB file; convert it"),
    "truncated": (cut(one(RNG.normal(size=(64, 64))), 0.7), {}, "is truncated; copy or download"),
    "headless": (cut(one(MAP), 0.01), {}, "is (damaged|truncated)"),
    # the dataset
    "nothing in it": (hdf(lambda f: None), {}, "no dataset of numbers; it has nothing in it"),
    "only text": (one("hello"), {}, "holds no dataset of numbers; it has a"),
    "only a number": (one(3.0), {}, "holds no dataset of numbers"),
    "one value": (one([3.0]), A, "has the shape .1,., which leaves nothing to model"),
    "no values": (one(np.zeros((0, 4))), A, "has the shape .0, 4., which leaves nothing"),
    "not an array": (one(3.0), A, "is not an array"),
    "wrong name": (one(MAP), {"dataset": "b"}, "has no dataset b; it has a .12, 10."),
    "several": (
        hdf(lambda f: f.update({"u": MAP, "v": MAP, "w": MAP[0]})), {},
        "several datasets; pick one with -d: u .12, 10., v .12, 10..",
    ),
    "many": (
        hdf(lambda f: f.update({f"v{i:02d}": MAP for i in range(20)})), {}, "v07 .*, 12 more",
    ),
    "several variables": (hdf(scaled), {}, "several fields; pick one with -d: a .24, 10., b"),
    "several in the group": (
        hdf(lambda f: f.update({"g/u": MAP, "g/v": MAP, "w": MAP})), {"dataset": "g"},
        "several datasets; pick one with -d: g/u .12, 10., g/v",
    ),
    "the same name twice": (
        hdf(lambda f: f.update({"g/u": MAP, "h/u": MAP})), {"dataset": "u"},
        "several datasets; pick one with -d: g/u .12, 10., h/u",
    ),
    "records": (
        one(np.zeros(5, [("re", "f4"), ("im", "f4")])), A, "holds records .re, im.; store each",
    ),
    "text wanted": (one(["a", "b"]), A, "holds text, not numbers; choose another"),
    "bytes wanted": (one(np.array([b"a", b"b"])), A, "holds text, not numbers"),
    "broken link": (
        hdf(lambda f: f.update({"a": h5py.ExternalLink("gone.h5", "/a")})), A, "has no dataset a",
    ),
    "complex": (one(MAP + 1j), {}, "is complex.*--dims y,x,channel"),
    "too large for memory": (huge, {}, "One sample .* GiB, more than a quarter"),
    # the axes
    "maps or a cube": (
        one(np.zeros((8, 9, 10))), {}, "nothing names its axes.*--dims sample,y,x or --dims z,y,x",
    ),
    "four axes": (one(np.zeros((4, 8, 9, 10))), {}, "nothing names its axes.*--dims channel,z,y,x"),
    "six axes": (one(np.zeros((2, 2, 2, 2, 2, 2))), {}, "nothing names its axes"),
    "series or a map": (one(np.zeros((2, 400))), {}, "--dims y,x or --dims sample,x"),
    "too few names": (one(MAP), {"dims": ("x",)}, "2 axes .12, 10., but 1 were named"),
    "too many names": (one(MAP), {"dims": ("z", "y", "x")}, "2 axes .*, but 3 were named"),
    "a name twice": (one(MAP), {"dims": ("x", "x")}, "space axes x,x, but a field has 1 to 3 with"),
    "no space": (one(MAP), {"dims": ("sample", "channel")}, "space axes none"),
    "four of space": (
        one(np.zeros((2, 3, 4, 5))), {"dims": ("a", "b", "d", "e")}, "space axes a,b,d,e",
    ),
    "a nameless axis": (one(MAP), {"dims": ("", "x")}, "1 to 3 with different names"),
    "attribute dims": (one(MAP, dims="sample,y,x"), {}, "2 axes .*, but 3 were named"),
    "attribute spacing": (one(MAP, spacing=[1.0, 2, 3]), {}, "attribute spacing .*one positive"),
    "negative spacing": (one(MAP, spacing=-1.0), {}, "attribute spacing .* correct it"),
    "stretched grid": (
        hdf(lambda f: scaled(f, lambda i: i**2)), A, "axis y .* is not uniform.*interpolate",
    ),
    # the values
    "infinite": (one(with_hole(np.inf)), {}, "values are infinite; replace them with NaN"),
    "minus infinite": (one(with_hole(-np.inf)), {}, "values are infinite"),
    "all NaN": (one(np.full((12, 10), np.nan)), {}, "No pixel is valid"),
    "constant": (one(np.full((12, 10), 7.0)), {}, "is constant .a is 7 everywhere."),
    "constant integer": (one(np.full((12, 10), 7)), {}, "is constant"),
    "constant but for gaps": (one(np.where(MAP > 0, 1.0, np.nan)), {}, "a is 1 everywhere"),
    "a constant channel": (hdf(channels), {}, "is constant .1 is 0 everywhere"),
    # the mask
    "no mask": (masked(MAP > 0), {**A, "mask": "n"}, "has no dataset n; it has a .12, 10., m"),
    "mask of another shape": (
        masked(MAP[1:] > 0), {**A, "mask": "m"}, "mask .* has the shape .11, 10., but the field",
    ),
    "mask of another kind": (
        masked(np.arange(120).reshape(12, 10)), {**A, "mask": "m"},
        "holds values other than true and false",
    ),
    "mask of nothing": (masked(MAP > 99), {**A, "mask": "m"}, "No pixel is valid"),
    # .npy
    "npy cut": (cut(npy(RNG.normal(size=(64, 64))), 0.5), {}, "is damaged or holds no plain"),
    "npy of objects": (npy(np.array([{}, []], object)), {}, "is damaged or holds no plain"),
    "npy header": (raw(b"\x93NUMPY\x01\x00\x10\x00{'descr': broken"), {}, "is damaged"),
    "npy of one number": (npy(np.float64(3)), {}, "leaves nothing to model"),
    "npy of text": (npy(np.array(["a", "b"])), {}, "not numbers"),
    "npy of records": (npy(np.zeros(5, [("a", "f4"), ("b", "f4")])), {}, "not numbers"),
    "npy of dates": (npy(np.arange(5).astype("M8[s]")), {}, "not numbers"),
    "npy unlabelled": (npy(np.zeros((8, 9, 10))), {}, "--dims sample,y,x or --dims z,y,x"),
    "npy has no datasets": (npy(MAP), A, "is a .npy file with one array; leave the dataset a out"),
    "npy has no mask": (npy(MAP), {"mask": "m"}, "without a mask; mark its gaps with NaN"),
    # the communities' files
    "our model": (model, {}, "holds a model, not a field; draw fields from it: synth sample"),
    "newer schema": (newer, {}, "schema 9 .* reads up to 1; upgrade"),
    "the well, spherical": (hdf(spherical), {}, "The Well on a spherical grid; interpolate"),
    "the well, wrong name": (
        hdf(the_well), {"dataset": "heat"}, "no field heat; it has pressure, velocity, stress",
    ),
    "pdebench, odd shape": (hdf(coordinates), {}, "PDEBench's coordinates x do not explain"),
    "radar, several images": (hdf(several_images), {}, "several images; pick one with -d"),
    "radar, polar": (hdf(polar), {}, "polar scan, rays by range bins, not a map; grid it"),
}  # fmt: skip


@pytest.mark.parametrize(("make", "asked", "sentence"), READING.values(), ids=READING)
def test_reading(
    tmp_path: Path, make: Callable[[Path], object], asked: dict[str, Any], sentence: str
) -> None:
    path = tmp_path / "field.h5"
    make(path)
    expected = MemoryLimitError if "memory" in sentence or "GiB" in sentence else InputError
    with pytest.raises(expected) as caught:
        synth.read(path, **asked)
    text = str(caught.value)
    assert re.search(sentence, text), text
    assert text.count("\n") == 0 and text.endswith(".") and len(text) < 600
    assert str(path) in text or "No pixel" in text


@pytest.mark.parametrize(("make", "asked", "sentence"), READING.values(), ids=READING)
def test_the_command_says_the_same_and_exits_with_its_code(
    tmp_path: Path, make: Callable[[Path], object], asked: dict[str, Any], sentence: str
) -> None:
    path = tmp_path / "field.h5"
    make(path)
    options = {"dataset": "-d", "dims": "--dims", "mask": "--mask"}
    words = [
        word
        for key, value in asked.items()
        for word in (options[key], value if isinstance(value, str) else ",".join(value))
    ]
    result = CliRunner().invoke(cli.main, ["fit", str(path), *words])
    assert result.exit_code == (5 if "GiB" in sentence else 3), result.output
    assert result.stdout == ""
    assert result.stderr.startswith("Error: ") and result.stderr.count("\n") == 1
    assert re.search(sentence, result.stderr), result.stderr
    assert os.listdir(tmp_path) in (["field.h5"], [])


def write_over(path: Path) -> None:
    path.write_text("precious")
    synth.write_samples(path, ensemble())


def damaged_samples(path: Path) -> None:
    samples(path)
    with h5py.File(path, "a") as file:
        del file["status"]
    synth.read_samples(path)


def read_after(make: Callable[[Path], object], read: Callable[[Path], object]) -> Any:
    return lambda path: (make(path), read(path))


OTHER: dict[str, tuple[Callable[[Path], object], type[SynthError], str]] = {
    "null in a path": (lambda p: synth.read(f"{p}\0"), InputError, "cannot be read"),
    "long path": (lambda p: synth.read(f"{p}{'x' * 5000}"), InputError, "cannot be read"),
    "boundary": (lambda p: synth.read(p, boundary="wall"), UsageError, "periodic or open, not"),
    "two datasets": (
        lambda p: synth.read(f"{p}:/u", dataset="v"), UsageError, "Two datasets are asked for",
    ),
    "in a path": (
        read_after(one(MAP), lambda p: synth.read(f"{p}:/b")), InputError, "has no dataset b",
    ),
    "model wanted, field": (
        read_after(one(MAP), hdf5.read_model), InputError, "holds a field, not a model",
    ),
    "model wanted, samples": (
        read_after(samples, hdf5.read_model), InputError, "holds a samples, not a model",
    ),
    "samples wanted, model": (
        read_after(model, synth.read_samples), InputError, "holds a model, not samples",
    ),
    "samples wanted, field": (
        read_after(one(MAP), synth.read_samples), InputError, "holds a field, not samples",
    ),
    "samples damaged": (damaged_samples, InputError, "is damaged"),
    "output exists": (write_over, UsageError, "exists; ask for it to be overwritten"),
    "output is a folder": (
        lambda p: synth.write_samples(p.parent, ensemble()), UsageError, "is a folder",
    ),
    "no folder": (
        lambda p: synth.write_samples(p / "s.h5", ensemble()), UsageError, "folder .* not exist",
    ),
    "null in the output": (
        lambda p: synth.write_samples(f"{p}\0", ensemble()), UsageError, "a null character",
    ),
    "long output": (
        lambda p: synth.write_samples(p.with_name("x" * 300), ensemble()), SynthError, "Writing",
    ),
    "outcomes": (
        lambda p: synth.write_samples(p, ensemble(5)), UsageError, "2 samples come with 5 outcomes",
    ),
    "transform": (lambda p: Transform("sqrt"), InputError, "one of none, log, asinh, not 'sqrt'"),
    "constant array": (
        lambda p: Standardisation.measure(Field.from_array(np.ones((1, 1, 4, 4)))), InputError,
        "is constant .channel field: every value is 1.",
    ),
    "log of negative": (
        lambda p: Standardisation.measure(Field.from_array(MAP[None, None]), "log"), InputError,
        "logarithm needs positive values",
    ),
    "array of text": (
        lambda p: Field.from_array(np.array([["a", "b"]]), ("y", "x")), InputError, "not numbers",
    ),
    "array of complex": (
        lambda p: Field.from_array(MAP + 1j, ("y", "x")), InputError, "complex .*two channels",
    ),
    "array with inf": (
        lambda p: Field.from_array(with_hole(np.inf), ("y", "x")), InputError, "infinite",
    ),
    "array, two axes": (
        lambda p: Field.from_array(MAP), InputError, "do not fit the shape .12, 10.",
    ),
    "array, wrong names": (
        lambda p: Field.from_array(MAP, ("x",)), InputError, "name each of its 2 axes once",
    ),
    "channel names": (
        lambda p: Field.from_array(MAP[None, None], channels=("u", "v")), InputError,
        "1 channels need as many names; got 2",
    ),
    "grid spacings": (
        lambda p: Field.from_array(MAP[None, None], spacing=(1.0,)), InputError, "1 grid spacings",
    ),
    "field boundary": (
        lambda p: Field.from_array(MAP[None, None], boundary="wall"), InputError, "not 'wall'",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("call", "kind", "sentence"), OTHER.values(), ids=OTHER)
def test_other_calls(
    tmp_path: Path, call: Callable[[Path], object], kind: type[SynthError], sentence: str
) -> None:
    with pytest.raises(kind) as caught:
        call(tmp_path / "file.h5")
    assert type(caught.value) is kind
    text = str(caught.value)
    assert re.search(sentence, text), text
    assert text.count("\n") == 0 and text.endswith(".")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_no_permission_to_read(tmp_path: Path) -> None:
    one(MAP)(tmp_path / "field.h5")
    (tmp_path / "field.h5").chmod(0)
    with pytest.raises(InputError, match=r"no permission to read .*; ask its owner"):
        synth.read(tmp_path / "field.h5")


def test_a_hole_in_the_heap_of_strings_does_not_hang(tmp_path: Path) -> None:
    path = tmp_path / "s.h5"
    samples(path)
    content = bytearray(path.read_bytes())
    heap = content.index(b"GCOL")
    content[heap + 16 : heap + 512] = bytes(496)
    path.write_bytes(content)
    with pytest.raises(InputError, match="is damaged, a heap of it is blank; copy it again"):
        synth.read(path)
