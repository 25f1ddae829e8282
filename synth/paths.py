"""Where the commands read and write: default names, and refusals before any work is done."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from synth.errors import InputError, UsageError

PACKAGE = Path(__file__).parent
STATES = "*.npz"  # what a checkpoint holds once there is something to resume


def output_path(
    output: Path | None, source: str | Path, ending: str, overwrite: bool = False
) -> Path:
    """The path to write to: `output`, or the source's name with another ending, beside it.

    field.h5 -> field.model.h5 -> field.samples.h5 -> field.report

    Raises
    ------
    UsageError
        The path exists (without `overwrite`), is the source itself, or is in no folder.
    """
    origin = Path(str(source).split(":/")[0])
    if not origin.name:
        raise UsageError(f"{str(source)!r} names no file; give the path of one.")
    stem = origin.stem.removesuffix(".model").removesuffix(".samples")
    path = output or origin.with_name(stem + ending)
    if path.resolve() == origin.resolve():
        raise UsageError(f"{path} is the input itself; name another output with -o.")
    if path.exists() and not overwrite:
        raise UsageError(f"{path} exists; give --overwrite to replace it or -o to write elsewhere.")
    if not path.parent.is_dir():
        raise UsageError(f"The folder {path.parent} does not exist; create it or change -o.")
    return path


def checkpoint_path(samples: Path, resume: bool, overwrite: bool = False) -> Path:
    """The folder that keeps the state of a run, emptied unless it is to be resumed.

    Raises
    ------
    UsageError
        An interrupted run is there, and neither `resume` nor `overwrite` says what to do with it.
    """
    path = samples.with_suffix(".checkpoint")
    if any(path.glob(STATES)) and not resume and not overwrite:
        raise UsageError(
            f"An interrupted run left {path}; "
            "give --resume to continue it or --overwrite to start again."
        )
    if not resume:
        discard(path)
    return path


def interruption(checkpoint: Path) -> KeyboardInterrupt:
    """The interrupt again, saying how to resume; a checkpoint that holds nothing is removed."""
    if not any(checkpoint.glob(STATES)):
        discard(checkpoint)
        return KeyboardInterrupt()
    return KeyboardInterrupt(
        f"Interrupted; {checkpoint} holds the state: "
        "give the same command with --resume to continue."
    )


def discard(checkpoint: Path) -> None:
    """Remove a checkpoint that is not needed any more."""
    shutil.rmtree(checkpoint, ignore_errors=True)


def demo_field() -> Path:
    """The sample data: in samples/ of a checkout, inside the package once installed."""
    found = [PACKAGE.parent / "samples" / "vorticity_2d.h5", PACKAGE / "samples/vorticity_2d.h5"]
    for path in found:
        if path.exists():
            inside = path.is_relative_to(Path.cwd())
            return Path(os.path.relpath(path)) if inside else path
    raise InputError(f"The sample data are missing from this installation: no {found[0]}.")
