"""The commands on real files, as a user runs them: a whole run, merging, kills and resuming."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import h5py
import numpy as np
import pytest
from click.testing import CliRunner
from conftest import ROOT

import cli


def run(*arguments: object) -> dict:
    """The JSON that a command prints; it must succeed."""
    result = CliRunner().invoke(cli.main, [*map(str, arguments), "--json"])
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


def lognormal(n: int, size: int, seed: int) -> np.ndarray:
    """Periodic fields (n, size, size), skewed, with the spectrum k^-3."""
    noise = np.random.default_rng(seed).standard_normal((n, size, size))
    k = np.hypot(np.fft.fftfreq(size)[:, None], np.fft.fftfreq(size)) * size
    gaussian = np.fft.ifft2(np.fft.fft2(noise) / np.maximum(k, 1) ** 1.5).real
    return np.exp(0.5 * gaussian / gaussian.std()).astype(np.float32)


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with field.h5, six fields of 32x32, and the model that `synth fit` makes of it."""
    folder = tmp_path_factory.mktemp("fitted")
    with h5py.File(folder / "field.h5", "w") as file:
        data = file.create_dataset("density", data=lognormal(6, 32, seed=1))
        data.attrs.update({"dims": "sample,y,x", "periodic": True, "units": "kg/m3"})
    fit = run("fit", folder / "field.h5", "--scales", 3)
    assert (fit["fields"], fit["pixels"]) == (6, 32 * 32)
    return folder


@pytest.fixture
def folder(fitted: Path, tmp_path: Path) -> Path:
    """A copy of `fitted` that a test may write to."""
    return Path(shutil.copytree(fitted, tmp_path / "work"))


def test_three_commands_make_fields_of_the_same_kind(folder: Path) -> None:
    sampled = run("sample", folder / "field.model.h5", "-n", 5)
    assert [s["status"] for s in sampled["samples"]] == ["converged"] * 5
    assert max(s["mismatch_sigma"] for s in sampled["samples"]) <= 0.1
    with h5py.File(folder / "field.h5") as real, h5py.File(sampled["file"]) as synthetic:
        assert synthetic["density"].shape == (5, 32, 32)
        assert synthetic["density"].attrs["units"] == "kg/m3"
        assert synthetic["density"][:].mean() == pytest.approx(real["density"][:].mean(), rel=0.05)
        assert synthetic["density"][:].std() == pytest.approx(real["density"][:].std(), rel=0.2)

    card = run("compare", folder / "field.h5", sampled["file"])
    assert Path(card["report"]).parent == folder / "field.report"
    assert json.loads((folder / "field.report" / "card.json").read_text()) == card
    assert card["fit"]["converged"] == 5
    spectrum = next(s for s in card["statistics"] if s["name"] == "spectrum")
    assert spectrum["matched"] and spectrum["verdict"] != "different"
    assert run("inspect", sampled["file"])["kind"] == "samples"


@pytest.mark.parametrize("n", [1, 6])
def test_copies_are_warned_of_and_fail(folder: Path, n: int) -> None:
    real = lognormal(n, 64, seed=3)
    made = lognormal(6, 64, seed=4)
    made[2] = np.rot90(np.roll(real[0], (13, 40), (0, 1)))
    for name, fields in (("real", real), ("made", made)):
        np.save(folder / f"{name}.npy", fields)
    files = [str(folder / f"{name}.npy") for name in ("real", "made")]
    asked = ("--dims", "sample,y,x", "--boundary", "periodic", "--fail-on", "different")
    result = CliRunner().invoke(cli.main, ["compare", *files, *asked, "-o", str(folder / "out")])
    assert result.exit_code == 6, result.stderr
    said = "copies a real one" if n > 1 else "4 of the 24 synthetic blocks copy a part of the real"
    assert result.stderr.startswith("Warning: ") and said in result.stderr
    assert said in (folder / "out" / "report.html").read_text()
    memorisation = json.loads((folder / "out" / "card.json").read_text())["memorisation"]
    assert memorisation["verdict"] == "copied"


def test_too_few_steps_are_written_with_exit_4(folder: Path) -> None:
    result = CliRunner().invoke(
        cli.main, ["sample", str(folder / "field.model.h5"), "--steps", "2", "-n", "2"]
    )
    assert result.exit_code == 4
    assert "2 of 2 fields did not converge (2 max_steps)" in result.stderr
    with h5py.File(folder / "field.samples.h5") as file:
        assert file["status"].asstr()[:].tolist() == ["max_steps"] * 2


def test_models_fitted_alike_merge_to_the_model_of_all_fields(folder: Path) -> None:
    with h5py.File(folder / "field.h5") as file:
        fields = file["density"][:]
    for part, values in (("a", fields[:3]), ("b", fields[3:])):
        np.save(folder / f"{part}.npy", values)
    like = ("--like", folder / "field.model.h5", "--dims", "sample,y,x", "--boundary", "periodic")
    parts = [run("fit", folder / f"{part}.npy", *like)["file"] for part in ("a", "b")]
    run("merge", *parts, "-o", folder / "merged.h5")
    with h5py.File(folder / "merged.h5") as merged, h5py.File(folder / "field.model.h5") as whole:
        mean, whole_mean = (file["arrays/moments/mean"][:] for file in (merged, whole))
        np.testing.assert_allclose(mean, whole_mean, atol=1e-6)


def test_a_killed_run_resumes_to_the_same_fields(folder: Path) -> None:
    model = folder / "field.model.h5"
    # Few steps a field, and so many fields that the signal finds the run at work.
    arguments = ["sample", str(model), "-n", "60", "--steps", "8", "--batch", "1", "--seed", "7"]
    script = "import cli; cli.main()"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(
        [sys.executable, "-c", script, *arguments],
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
    )
    checkpoint = folder / "field.samples.checkpoint"
    deadline = time.monotonic() + 60
    while not (checkpoint / "sample-000002.npz").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 130 and "--resume" in said
    assert not (folder / "field.samples.h5").exists()

    short = ["sample", str(model), "-n", "4", "--steps", "8", "--seed", "7"]
    output = ["-o", str(folder / "whole.h5")]
    assert CliRunner().invoke(cli.main, [*short, *output]).exit_code == 4
    resumed = CliRunner().invoke(cli.main, [*arguments, "--resume", "-q"])
    assert resumed.exit_code == 4, resumed.stderr
    assert not checkpoint.exists()
    with h5py.File(folder / "whole.h5") as whole, h5py.File(folder / "field.samples.h5") as file:
        assert file["density"].shape == (60, 32, 32)
        np.testing.assert_array_equal(file["density"][:4], whole["density"][:])


def test_a_run_killed_outright_leaves_no_broken_file(folder: Path) -> None:
    before = {path.name for path in folder.iterdir()}
    script = (
        "import cli, os, signal\n"
        "os.fsync = lambda _: os.kill(os.getpid(), signal.SIGKILL)\n"
        f"cli.main(['fit', {str(folder / 'field.h5')!r}, '--scales', '2', '--overwrite'])"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    ended = subprocess.run([sys.executable, "-c", script], env=environment, check=False)
    assert ended.returncode == -signal.SIGKILL
    left = {path.name for path in folder.iterdir()} - before
    assert len(left) == 1 and left.pop().startswith(".field.model.h5.")
    assert run("inspect", folder / "field.model.h5")["settings"]["scales"] == 3


def test_sample_writes_an_xdmf_file_on_request(folder: Path) -> None:
    sampled = run("sample", folder / "field.model.h5", "-n", 2, "--xdmf")
    sidecar = Path(sampled["file"]).with_suffix(".xdmf")
    assert sidecar.read_text().count("field.samples.h5:/density") == 2
    Path(sampled["file"]).unlink()
    again = ["sample", str(folder / "field.model.h5"), "--xdmf"]
    refused = CliRunner().invoke(cli.main, again)
    assert refused.exit_code == 2 and f"{sidecar} exists" in refused.stderr
    assert not Path(sampled["file"]).exists()
