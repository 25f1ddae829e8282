"""Fields, samples and models keep their numbers on the way through files; writing is atomic."""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

import h5py
import numpy as np
import pytest
import torch
from conftest import ROOT

import moments
import synth
from synth import cost
from synth.errors import InputError, SynthError, UsageError
from synth.estimation.boundary import detect_boundary
from synth.estimation.spread import SURROGATES
from synth.estimation.transforms import KINDS, Standardisation
from synth.field import Ensemble, Field
from synth.files import hdf5
from synth.files.pixels import PixelStatistics
from synth.files.xdmf import write_xdmf

RNG = np.random.default_rng(11)


def ensemble(n: int = 3, channels: int = 1, shape: tuple[int, ...] = (8, 10)) -> Ensemble:
    field = Field.from_array(
        RNG.normal(size=(n, channels, *shape)),
        name="vorticity",
        channels=("u", "v", "w")[:channels] if channels > 1 else ("vorticity",),
        spacing=(0.5,) * len(shape),
        units="1/s",
        boundary="periodic",
        attributes={"source_code": "none", "viscosity": 1e-3},
    )
    outcomes = [
        {
            "status": "converged" if i else "max_steps",
            "steps": 10 + i,
            "loss": 0.5**i,
            "mismatch_rms": 0.1,
            "mismatch_max": 0.4,
            "mismatch_sigma": 0.05,
        }
        for i in range(n)
    ]
    provenance = {"command": "synth sample m.h5", "model_hash": "ab12", "device": None, "list": [1]}
    return Ensemble(field, outcomes, 7, provenance)


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


def smooth(size: int) -> np.ndarray:
    """A periodic field with power at low wavenumbers only."""
    k = np.hypot(*np.meshgrid(np.fft.fftfreq(size, 1 / size), np.fft.rfftfreq(size, 1 / size)))
    white = np.fft.rfft2(RNG.normal(size=(2, 1, size, size)))
    return np.fft.irfft2(white * np.exp(-k.T / 3), s=(size, size))


def test_boundary_is_told_from_the_jump_across_the_border() -> None:
    values = smooth(64)
    assert detect_boundary(Field.from_array(values))[0] == "periodic"
    crop = Field.from_array(values[..., :48, :48])
    half = Field.from_array(values[..., :48])
    found, evidence = detect_boundary(crop)
    assert found == "open" and "along y" in evidence and "along x" in evidence
    assert detect_boundary(half)[0] == "open"
    noise, evidence = detect_boundary(Field.from_array(RNG.normal(size=(1, 1, 64, 64))))
    assert noise == "open" and "too rough" in evidence
    line = Field.from_array(np.sin(np.linspace(0, 6, 100))[None, None])
    assert "too few pixels" in detect_boundary(line)[1]


def test_boundary_of_the_shared_files(shared_data: Path) -> None:
    for path in sorted(shared_data.glob("*.h5")):
        field = synth.read(path)
        assert detect_boundary(field)[0] == field.boundary, path.name


def test_inspect_tells_what_each_kind_of_file_holds(tmp_path: Path) -> None:
    synth.write_samples(tmp_path / "s.h5", ensemble(3, 2, (32, 32)))
    found = synth.inspect(tmp_path / "s.h5")
    assert found["kind"] == "samples" and found["outcomes"] == {"max_steps": 1, "converged": 2}
    assert found["shape"] == [32, 32] and list(found["statistics"]) == ["u", "v"]
    hdf5.write_model(tmp_path / "m.h5", {"attributes": {"family": "wph"}, "arrays": {}})
    found = synth.inspect(tmp_path / "m.h5")
    assert (found["kind"], found["family"]) == ("model", "wph")
    np.save(tmp_path / "f.npy", RNG.normal(3, 2, size=(32, 32)))
    found = synth.inspect(tmp_path / "f.npy")
    assert found["kind"] == "field" and found["boundary_from"] == "the jump across the border"
    assert found["statistics"]["field"]["mean"] == pytest.approx(3, abs=0.3)
    with pytest.warns(UserWarning, match="above 10%"):
        assert found["fit"]["moments"] == synth.fit(synth.read(tmp_path / "f.npy")).n_moments
    assert "consider" not in found["fit"]
    np.save(tmp_path / "f.npy", np.exp(RNG.normal(size=(32, 32))))
    assert "--transform log" in synth.inspect(tmp_path / "f.npy")["fit"]["consider"]
    np.save(tmp_path / "tiny.npy", RNG.normal(size=(2, 3)))
    assert "refused" in synth.inspect(tmp_path / "tiny.npy")["fit"]


def test_inspect_understands_every_shared_file(
    shared_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # How long a fit of 128^3 takes is long to tell; how the files are understood is the point here.
    monkeypatch.setattr("synth.inspection._fit", lambda *_: {})
    paths = [*shared_data.glob("*.h5"), shared_data / "foreign" / "belgium_radar_odim.h5"]
    for path in paths:
        found = synth.inspect(path)
        assert found["kind"] == "field" and found["boundary_from"] == "the file", path
        assert all(np.isfinite(row["std"]) for row in found["statistics"].values()), path
    assert len(paths) == 15


def test_cost_of_a_fit_counts_its_evaluations(monkeypatch: pytest.MonkeyPatch) -> None:
    def build(shape: Sequence[int]) -> moments.MomentFamily:
        return moments.build("wph", shape, scales=3)

    monkeypatch.setattr("time.perf_counter", itertools.count().__next__)
    assert cost.fit_cost(build, (64, 64), 1, samples=8)[0] == 16
    single, memory = cost.fit_cost(build, (64, 64), 1, samples=1)
    assert single == 2 + 2 * SURROGATES
    assert memory >= 2**20 * 50  # at least the interpreter and torch
    monkeypatch.setattr(cost, "LARGEST", 2**12)
    assert cost.fit_cost(build, (256, 128), 1, samples=8)[0] == 4 * 16


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


# Atomic writing.


def tree(megabytes: float = 0.01) -> dict:
    return {"attributes": {}, "arrays": {"a": np.zeros(int(megabytes * 2**17))}}


def test_an_existing_file_is_kept_unless_told_otherwise(tmp_path: Path) -> None:
    path = tmp_path / "m.h5"
    path.write_text("precious")
    with pytest.raises(UsageError, match="exists"):
        hdf5.write_model(path, tree())
    assert path.read_text() == "precious"
    hdf5.write_model(path, tree(), overwrite=True)
    assert hdf5.kind(path) == "model"
    assert os.listdir(tmp_path) == ["m.h5"]


@pytest.mark.parametrize(
    "error", [KeyboardInterrupt, MemoryError, OSError, RuntimeError, ValueError]
)
def test_a_failure_while_writing_leaves_nothing_behind(
    tmp_path: Path, error: type[BaseException]
) -> None:
    path = tmp_path / "m.h5"
    path.write_text("precious")
    expected = SynthError if error in (OSError, RuntimeError) else error
    with pytest.raises(expected), hdf5.written(path, overwrite=True) as file:
        file["a"] = np.zeros(1000)
        raise error("stop")
    assert path.read_text() == "precious"
    assert os.listdir(tmp_path) == ["m.h5"]


def test_samples_that_are_not_finite_are_not_written(tmp_path: Path) -> None:
    broken = ensemble()
    broken.field.values[1, 0, 2, 3] = np.nan
    with pytest.raises(SynthError, match="not finite"):
        synth.write_samples(tmp_path / "s.h5", broken)
    assert os.listdir(tmp_path) == []


LIMITED = """
import resource, signal, sys
import numpy as np
from synth.files import hdf5
from synth.errors import SynthError
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (2**20, 2**20))
tree = {"attributes": {}, "arrays": {"a": np.random.default_rng(0).random(2**20)}}
try:
    hdf5.write_model(sys.argv[1], tree, overwrite=True)
except SynthError as error:
    print(error, error.exit_code)
"""


def test_a_full_disk(tmp_path: Path) -> None:
    path = tmp_path / "m.h5"
    path.write_text("precious")
    shown = subprocess.run(
        [sys.executable, "-c", LIMITED, path], capture_output=True, text=True, cwd=ROOT, timeout=60
    )
    assert shown.stdout == f"No space is left to write {path}; free some or write elsewhere. 1\n"
    assert shown.stderr == "" and shown.returncode == 0
    assert path.read_text() == "precious"
    assert os.listdir(tmp_path) == ["m.h5"]


KILLED = """
import sys
import numpy as np
from synth.files import hdf5
with hdf5.written(sys.argv[1], overwrite=True) as file:
    data = file.create_dataset("a", (2**20,), "f8")
    data[:1000] = 1
    file.flush()
    print("writing", flush=True)
    sys.stdin.read()
"""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_killed_run_leaves_the_old_file(tmp_path: Path, how: signal.Signals) -> None:
    path = tmp_path / "m.h5"
    path.write_text("precious")
    with subprocess.Popen(
        [sys.executable, "-c", KILLED, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL, cwd=ROOT,
        # Where the tests run in the background, children inherit that interrupts are ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as process:  # fmt: skip
        assert process.stdout is not None
        assert process.stdout.readline() == b"writing\n"
        process.send_signal(how)
        process.wait(30)
    assert path.read_text() == "precious"
    left = {name for name in os.listdir(tmp_path) if name != "m.h5"}
    # Nobody can clean up after SIGKILL, but what is left is hidden and not taken for a result.
    assert not left if how is signal.SIGINT else all(name.endswith(".tmp") for name in left)


def test_a_file_open_for_writing_elsewhere(tmp_path: Path) -> None:
    path = tmp_path / "f.h5"
    script = f"""
import h5py, sys
with h5py.File({str(path)!r}, "w") as file:
    file["a"] = [[1.0, 2.0]]
    file.flush()
    print("open", flush=True)
    sys.stdin.read()
"""
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None and process.stdin is not None
        process.stdout.readline()
        try:
            with pytest.raises(InputError, match="being written by another program"):
                synth.read(path)
        finally:
            process.stdin.close()
            process.wait(30)


def test_no_permission_to_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.access", lambda *_: False)
    with pytest.raises(UsageError, match="no permission to write in"):
        hdf5.write_model(tmp_path / "m.h5", tree())


def test_a_field_is_found_among_thousands_of_groups(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "f.h5", "w") as file:
        for i in range(2000):
            file[f"group{i}/scalar"] = i
        file["field"] = RNG.normal(size=(64, 64))
    assert synth.read(tmp_path / "f.h5").name == "field"
