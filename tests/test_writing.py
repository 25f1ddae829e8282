"""Writing is atomic: the whole file or none, whatever happens."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT
from written_samples import ensemble

import synth
from synth.errors import InputError, SynthError, UsageError
from synth.files import hdf5


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
