"""The one place where HDF5 files are opened, written whole or not at all, and told apart."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from synth.errors import InputError, MemoryLimitError, SynthError, UsageError
from synth.files.heaps import heaps_are_sound

SCHEMA = 1
KINDS = ("samples", "model")
TEXT = h5py.string_dtype()

# First bytes of files that people give by mistake, and what to do with each.
FOREIGN = {
    b"CDF": "a netCDF-3 file; convert it with: nccopy -k netCDF-4 in.nc out.nc",
    b"SIMPLE  =": "a FITS file; save its image as .npy or in an HDF5 file",
    b"PK\x03\x04": "a zip archive (perhaps .npz); save one array as .npy",
    b"\x1f\x8b": "compressed with gzip; decompress it first",
    b"\x89PNG": "a PNG picture; save its pixels as .npy",
    b"\xff\xd8\xff": "a JPEG picture; save its pixels as .npy",
    b"II*\x00": "a TIFF picture; save its pixels as .npy",
    b"MM\x00*": "a TIFF picture; save its pixels as .npy",
    b"\x0e\x03\x13\x01": "an HDF4 file; convert it with h4toh5",
    b"MATLAB 5.0": "an old MATLAB file; save it in MATLAB with -v7.3",
    b"GRIB": "a GRIB file; convert it to netCDF-4",
}


@contextmanager
def opened(path: str | Path) -> Iterator[h5py.File]:
    """An HDF5 file open for reading; whatever goes wrong meanwhile is one sentence.

    Raises
    ------
    InputError
        The file is missing, not readable, not HDF5, or damaged.
    MemoryLimitError
        What was read does not fit in memory.
    """
    check_readable(path)
    try:
        if not h5py.is_hdf5(path):
            raise InputError(f"{path} is {foreign(path)}.")
        if not heaps_are_sound(path):
            raise InputError(f"{path} is damaged, a heap of it is blank; copy it again.")
        with h5py.File(path, "r") as file:
            yield file
    except SynthError:
        raise
    except MemoryError as error:
        raise MemoryLimitError(
            f"Reading {path} needs more memory than there is; "
            "give a smaller part of it, or use a machine with more memory."
        ) from error
    # libhdf5 answers a damaged file with nearly any exception type.
    except Exception as error:
        raise InputError(_reading_failed(path, error)) from error


def check_readable(path: str | Path) -> None:
    """Raise InputError unless `path` is a file that can be read and is not empty."""
    try:
        if Path(path).is_dir():
            raise InputError(f"{path} is a folder; name one HDF5 or .npy file in it.")
        if Path(path).exists() and not Path(path).is_file():
            raise InputError(f"{path} is a pipe or device; copy what it holds to a file first.")
        with open(path, "rb") as file:
            if not file.read(1):
                raise InputError(f"{path} is empty; it was perhaps not written to the end.")
    except FileNotFoundError:
        raise InputError(f"There is no file {path}; check the path.") from None
    except PermissionError:
        raise InputError(f"You have no permission to read {path}; ask its owner.") from None
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read ({error}); check the path.") from None


def foreign(path: str | Path) -> str:
    """What a file that is not HDF5 seems to be, and the remedy."""
    with open(path, "rb") as file:
        start = file.read(16)
    known = next((what for magic, what in FOREIGN.items() if start.startswith(magic)), None)
    return known or "neither an HDF5 nor a .npy file; save the field in one of these formats"


def _reading_failed(path: str | Path, error: Exception) -> str:
    text = str(error)
    if "unable to lock" in text:
        return f"{path} is being written by another program; wait until it has finished."
    if "truncated" in text:
        return f"{path} is truncated; copy or download it again."
    if not Path(path).exists():
        return f"{path} vanished while it was being read; put it back and start again."
    if "filter" in text and ("registered" in text or "plugin" in text):
        return f"{path} is compressed with a filter that is not installed; repack it with gzip."
    return f"{path} is damaged and cannot be read ({' '.join(text.split())[:120]})."


@contextmanager
def written(path: str | Path, overwrite: bool = False) -> Iterator[h5py.File]:
    """An HDF5 file that appears under its name only once it is complete on the disk.

    It is written under a temporary name in the same folder, synchronised and renamed; on any
    failure, an interrupt included, the temporary file is removed and an existing file stays.

    Raises
    ------
    UsageError
        The path exists (without `overwrite`), or cannot be written to.
    SynthError
        The disk is full.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        _check_writable(path, overwrite)
        with h5py.File(temporary, "x") as file:
            yield file
        with open(temporary, "rb+") as plain:
            os.fsync(plain.fileno())
        _check_writable(path, overwrite)
        os.replace(temporary, path)
    except SynthError:
        raise
    except (OSError, RuntimeError) as error:
        raise _writing_failed(path, error) from error
    finally:
        with suppress(OSError, ValueError):
            temporary.unlink(missing_ok=True)


def _check_writable(path: Path, overwrite: bool) -> None:
    if "\0" in str(path):
        raise UsageError("The name of the output contains a null character; name another.")
    if path.is_dir():
        raise UsageError(f"{path} is a folder; name a file to write.")
    if not path.parent.is_dir():
        raise UsageError(f"The folder {path.parent} does not exist; create it or write elsewhere.")
    if path.exists() and not overwrite:
        raise UsageError(f"{path} exists; ask for it to be overwritten or write elsewhere.")
    if not os.access(path.parent, os.W_OK):
        raise UsageError(f"You have no permission to write in {path.parent}; write elsewhere.")


def _writing_failed(path: Path, error: Exception) -> SynthError:
    text = str(error)
    full = ("No space left", "File too large", "Disk quota exceeded", "errno = 28", "errno = 27")
    if any(sign in text for sign in full):
        return SynthError(f"No space is left to write {path}; free some or write elsewhere.")
    if "ermission denied" in text or "Read-only" in text:
        return UsageError(f"You have no permission to write {path}; write elsewhere.")
    return SynthError(f"Writing {path} failed ({' '.join(text.split())[:120]}); write elsewhere.")


def kind(path: str | Path) -> str:
    """What an HDF5 file holds: "model" or "samples" that synth wrote, or else a "field"."""
    with opened(path) as file:
        return file_kind(file)


def file_kind(file: h5py.File) -> str:
    """`kind` of an open file, once its schema is known to be readable.

    Raises
    ------
    InputError
        A newer version of synth wrote it in a newer schema.
    """
    name = file.attrs.get("synth_kind", "field")
    if name not in KINDS:
        return "field"
    schema = int(file.attrs.get("schema_version", 0))
    if not 1 <= schema <= SCHEMA:
        raise InputError(
            f"{file.filename} has schema {schema} of synth {file.attrs.get('synth_version', '?')}, "
            f"but this version reads up to {SCHEMA}; upgrade it: pip install -U synthfield."
        )
    return str(name)


def stamp(file: h5py.File, name: str) -> None:
    """Mark a file as ours: its kind, schema and the version that wrote it."""
    try:
        ours = version("synthfield")
    except PackageNotFoundError:
        ours = "unknown"
    file.attrs.update({"synth_kind": name, "schema_version": SCHEMA, "synth_version": ours})


def write_model(path: str | Path, tree: dict[str, Any], overwrite: bool = False) -> None:
    """Write a model: {"attributes": what JSON can hold, "arrays": {"path/name": ndarray}}.

    The attributes are one JSON document in the dataset `attributes` (an HDF5 attribute is
    limited to 64 KiB), each array is a dataset under the group `arrays`.
    """
    document = json.dumps(tree["attributes"])
    with written(path, overwrite) as file:
        stamp(file, "model")
        file["attributes"] = document
        arrays = file.create_group("arrays")
        for name, array in tree["arrays"].items():
            array = np.asarray(array)
            text = array.dtype.kind in "UO"
            arrays[name] = array.astype(TEXT) if text else array


def read_model(path: str | Path) -> dict[str, Any]:
    """The tree that `write_model` wrote.

    Raises
    ------
    InputError
        The file is not a model, or of a newer schema.
    """
    with opened(path) as file:
        found = file_kind(file)
        if found != "model":
            raise InputError(f"{path} holds a {found}, not a model; make one with synth fit.")
        arrays: dict[str, np.ndarray] = {}

        def keep(name: str, node: Any) -> None:
            if isinstance(node, h5py.Dataset):
                text = h5py.check_string_dtype(node.dtype) is not None
                arrays[name] = node.asstr()[()].astype(str) if text else node[()]

        file["arrays"].visititems(keep)
        return {"attributes": json.loads(file["attributes"].asstr()[()]), "arrays": arrays}


def write_tables(
    path: str | Path,
    tables: dict[str, np.ndarray],
    attributes: dict[str, Any],
    overwrite: bool = False,
) -> None:
    """Write arrays as datasets at the root, and attributes: strings as they are, others as JSON."""
    with written(path, overwrite) as file:
        stamp(file, "tables")
        for name, value in attributes.items():
            file.attrs[name] = value if isinstance(value, str) else json.dumps(value)
        for name, table in tables.items():
            file[name] = table
