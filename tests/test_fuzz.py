"""Damaged files and odd arguments: an answer or one sentence, never a traceback, hang or crash.

SYNTH_FUZZ=2000 pytest tests/test_fuzz.py runs as many cases; the default is 200.
"""

from __future__ import annotations

import contextlib
import faulthandler
import json
import os
import random
import shutil
import subprocess
import sys
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
from click.testing import CliRunner

import cli
import synth
from synth.errors import SynthError
from synth.field import Ensemble, Field
from synth.files import hdf5

CASES = int(os.environ.get("SYNTH_FUZZ", "200"))
PER_PROCESS = 250
# A damaged length can make libhdf5 fill gigabytes before it notices: slow, but it returns.
SECONDS = 120


def seeds(folder: Path) -> list[Path]:
    """Valid files of several layouts, small so that a random byte often matters."""
    from test_layouts import athdf, make, odim, the_well

    rng = np.random.default_rng(0)
    maps = rng.normal(size=(3, 8, 8)).astype(np.float32)

    def chunked(file: h5py.File) -> None:
        data = file.create_dataset("u", data=maps, chunks=(1, 4, 8), compression="gzip")
        data.attrs.update(dims="sample,y,x", periodic=True, spacing=[1.0, 2.0], units="m")

    def scaled(file: h5py.File) -> None:
        file["t"] = (100 * maps[0]).astype(">i2")
        file["t"].attrs.update(scale_factor=0.01, add_offset=270.0, _FillValue=np.int16(-1))
        for i, name in enumerate("yx"):
            file[name] = np.arange(8.0)
            file[name].make_scale(name)
            file["t"].dims[i].attach_scale(file[name])

    writers: list[Callable[[h5py.File], object]] = [chunked, scaled, the_well, odim, athdf]
    files = [make(folder / f"{write.__name__}.h5", write) for write in writers]
    np.save(folder / "plain.npy", maps[0])
    outcome = {key: 0.1 for key in ("loss", "mismatch_rms", "mismatch_max", "mismatch_sigma")}
    outcomes = [{**outcome, "status": "converged", "steps": 3}] * 3
    synth.write_samples(folder / "s.h5", Ensemble(Field.from_array(maps[:, None]), outcomes))
    tree = {"attributes": {"family": "wph"}, "arrays": {"mean": maps[0], "labels/a": ["x", "y"]}}
    hdf5.write_model(folder / "m.h5", tree)
    return [*files, folder / "plain.npy", folder / "s.h5", folder / "m.h5"]


def mutate(content: bytes, rng: random.Random) -> bytes:
    """Flip, overwrite, cut, repeat or insert some bytes; a tenth stays whole."""
    data = bytearray(content)
    how = rng.random()
    if how < 0.6:
        # Half of the damage falls in the first kilobyte, where the structure is.
        for _ in range(rng.choice([1, 2, 4, 16, 64])):
            top = min(len(data), 1024) if rng.random() < 0.5 else len(data)
            data[rng.randrange(top)] = rng.choice([0, 1, 255, rng.randrange(256)])
    elif how < 0.7:
        del data[rng.randrange(len(data)) :]
    elif how < 0.9:
        a, b = sorted(rng.randrange(len(data)) for _ in range(2))
        place = rng.randrange(len(data))
        data[place : place + rng.choice([0, b - a])] = data[a:b]
    return bytes(data)


def arguments(rng: random.Random) -> dict[str, object]:
    names = ["u", "t", "t0_fields", "velocity", "/", "", "nö", "a/b", "rho", "status", "mean"]
    axes = ["sample", "channel", "z", "y", "x", "", "time", "ÿ"]
    asked: dict[str, object] = {}
    if rng.random() < 0.3:
        asked["dataset"] = rng.choice(names)
    if rng.random() < 0.3:
        asked["dims"] = tuple(rng.choices(axes, k=rng.randrange(6)))
    if rng.random() < 0.1:
        asked["mask"] = rng.choice(names)
    if rng.random() < 0.1:
        asked["boundary"] = rng.choice(["open", "periodic", "wall", ""])
    return asked


def case(number: int, files: list[Path], folder: Path) -> str:
    """One damaged file through one reader; the name of what came of it."""
    rng = random.Random(number)
    origin = rng.choice(files)
    content = origin.read_bytes()
    path = folder / f"case{origin.suffix}"
    damaged = mutate(content, rng)
    path.write_bytes(damaged)
    calls: list[Callable[[], object]] = [
        lambda: synth.read(path, **arguments(rng)).load(),  # type: ignore[arg-type]
        lambda: synth.read_samples(path),
        lambda: hdf5.read_model(path),
        lambda: hdf5.kind(path),
        lambda: hdf5.write_model(path, {"attributes": {}, "arrays": {}}),
    ]
    call = rng.choices(calls, weights=[12, 3, 3, 1, 1])[0]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            call()
        answer = "read"
    except SynthError as error:
        assert "\n" not in str(error) and str(error).endswith("."), str(error)
        answer = type(error).__name__
    assert path.read_bytes() == damaged
    assert set(os.listdir(folder)) <= {"case.h5", "case.npy"}
    return answer


def run(first: int, last: int, folder: Path) -> None:
    """Cases first to last, each named before it starts, so that a crash can be traced."""
    files = seeds(folder)
    own = folder / "own"
    own.mkdir()
    answers: Counter[str] = Counter()
    for number in range(first, last):
        faulthandler.dump_traceback_later(SECONDS, exit=True)
        (folder / "number").write_text(str(number))
        answers[case(number, files, own)] += 1
    faulthandler.cancel_dump_traceback_later()
    sys.stdout.write(json.dumps(answers))


@pytest.mark.parametrize("first", range(0, CASES, PER_PROCESS))
def test_damage_is_answered(tmp_path: Path, first: int) -> None:
    last = min(CASES, first + PER_PROCESS)
    shown = subprocess.run(
        [sys.executable, __file__, str(first), str(last), str(tmp_path)],
        capture_output=True, text=True, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip
    reached = ""
    with contextlib.suppress(OSError):
        reached = (tmp_path / "number").read_text()
    assert shown.returncode == 0, f"case {reached}: {shown.stderr[-2000:]}"
    answers = json.loads(shown.stdout)
    assert sum(answers.values()) == last - first
    assert answers["read"] > 0 and answers["InputError"] > 0


# Arguments of the commands.

WORDS = [
    "field.h5", "field.h5:/u", "field.h5:/nö", "model.h5", "samples.h5", "junk.h5", "gone.h5", ".",
    "", "plain.npy", "--dims", "sample,y,x", "y,x", "x", ",", "-d", "u", "--mask", "--boundary",
    "open", "periodic", "auto", "--model", "covariance", "wph", "marginal", "scattering",
    "--scales", "1", "2", "9", "0", "-1", "--angles", "--transform", "log", "none", "--device",
    "cpu", "tpu", "-n", "--size", "16x16", "8", "8x8x8", "axb", "--seed", "--steps", "--init",
    "white", "--target", "each", "--batch", "nan", "--resume", "--fail-on", "different", "-o",
    "out.h5", "field.h5", "no/folder.h5", "--overwrite", "--json", "-v", "-q", "--help",
    "--unknown",
]  # fmt: skip
COMMANDS = {
    "fit": ["field.h5", "--scales", "2"],
    "sample": ["model.h5", "--steps", "1"],
    "inspect": ["field.h5"],
    "merge": ["model.h5", "model.h5", "-o", "out.h5"],
}


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("workplace")
    values = np.random.default_rng(0).normal(size=(3, 16, 16))
    with h5py.File(folder / "field.h5", "w") as file:
        file["u"] = values
        file["u"].attrs.update(dims="sample,y,x", periodic=True)
    np.save(folder / "plain.npy", values)
    (folder / "junk.h5").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(100))
    field = synth.read(folder / "field.h5")
    model = synth.fit(field, "covariance", scales=2)
    synth.write_model(folder / "model.h5", model)
    synth.write_samples(folder / "samples.h5", synth.sample(model, steps=1))
    return folder


@pytest.mark.parametrize("number", range(max(40, CASES // 5)))
def test_odd_arguments_are_answered(
    workplace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    rng = random.Random(number)
    command = rng.choice(list(COMMANDS))
    words = COMMANDS[command] if rng.random() < 0.7 else []
    for _ in range(rng.choice([0, 1, 1, 2, 3, 6])):
        place = rng.randrange(len(words) + 1)
        words = [*words[:place], rng.choice(WORDS), *words[place + rng.randrange(2) :]]
    for path in workplace.iterdir():
        shutil.copy(path, tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    monkeypatch.chdir(tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        result = CliRunner().invoke(cli.main, [command, *words])
    shown = f"synth {command} {words}: {result.exit_code}\n{result.output}"
    assert result.exit_code in (0, 2, 3, 4, 5), shown
    if result.exit_code in (3, 5):
        assert "Error: " in result.stderr, shown
    for name, content in before.items():
        if "--overwrite" not in words:
            assert Path(name).read_bytes() == content, shown
    for name in {path.name for path in tmp_path.iterdir()} - set(before):
        assert not name.endswith(".tmp"), shown
        assert not name.endswith(".h5") or synth.inspect(name), shown


if __name__ == "__main__":
    run(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]))
