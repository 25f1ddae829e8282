"""Where the commands read and write: default names, and refusals before any work is done."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from synth.errors import InputError, UsageError

PACKAGE = Path(__file__).parent
STATES = "*.npz"  # what a checkpoint holds once there is something to resume


def _file(source: str | Path) -> Path:
    """The file of `file.h5:/path`."""
    return Path(str(source).partition(":/")[0])


def _stem(path: str | Path) -> str:
    """field.h5, field.model.h5 and field.samples.h5 -> field"""
    return _file(path).stem.removesuffix(".model").removesuffix(".samples")


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
    origin = _file(source)
    if not origin.name:
        raise UsageError(f"{str(source)!r} names no file; give the path of one.")
    path = output or origin.with_name(_stem(origin) + ending)
    if path.resolve() == origin.resolve():
        raise UsageError(f"{path} is the input itself; name another output with -o.")
    if path.exists() and not overwrite:
        raise UsageError(f"{path} exists; give --overwrite to replace it or -o to write elsewhere.")
    if not path.parent.is_dir():
        raise UsageError(f"The folder {path.parent} does not exist; create it or change -o.")
    return path


def report_path(
    output: Path | None, real: str, synthetic: Sequence[str], overwrite: bool = False
) -> Path:
    """Where a report goes: named after the synthetic file, or after the real one for several."""
    source = synthetic[0] if len(synthetic) == 1 else real
    return output_path(output, source, ".report", overwrite)


def set_names(
    files: Sequence[str], names: Sequence[str] | None, models: Sequence[str] = ()
) -> tuple[str, ...] | None:
    """What to call the synthetic sets in `files`: as asked, or after the files where several.

    Raises
    ------
    UsageError
        A file is there twice, or names or models are not as many as the files, or names repeat.
    """
    count = len(files)
    keys = [(_file(file).resolve(), file.partition(":/")[2]) for file in files]
    for number, key in enumerate(keys):
        if key in keys[:number]:
            raise UsageError(f"{files[number]} is there twice; give each synthetic file once.")
    if models and len(models) != count:
        raise UsageError(
            f"--model is given {len(models)} time(s) for {count} synthetic files; give it once for "
            "each of them, in their order, or not at all: our own samples name their model."
        )
    if names is None and count == 1:
        return None
    found = tuple(names or (_stem(file) for file in files))
    if len(found) != count:
        raise UsageError(
            f"--names has {len(found)} name(s) for {count} synthetic files: {', '.join(found)}."
        )
    if len(set(found)) < count or not all(found):
        raise UsageError(
            f"The synthetic sets would be called {', '.join(found)}; tell them apart with --names."
        )
    return found


def samples_path(output: Path | None, model: str, overwrite: bool, xdmf: bool) -> Path:
    """The path of the samples of a model, refused too where their .xdmf file is in the way."""
    path = output_path(output, model, ".samples.h5", overwrite)
    if xdmf:
        output_path(path.with_suffix(".xdmf"), model, "", overwrite)
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


def demo_outputs(folder: Path, field: str, overwrite: bool) -> list[Path]:
    """Paths of model, samples and report of the demo, in a folder that is made if absent."""
    folder.mkdir(parents=True, exist_ok=True)
    names = ("model.h5", "samples.h5", "report")
    return [output_path(folder / name, field, "", overwrite) for name in names]
