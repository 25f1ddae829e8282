"""What inspect says of a file: its kind, its borders, what a fit of it would cost."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from written_samples import ensemble

import moments
import synth
from synth import cost
from synth.estimation.boundary import detect_boundary
from synth.estimation.spread import SURROGATES
from synth.field import Field
from synth.files import hdf5

RNG = np.random.default_rng(11)


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
