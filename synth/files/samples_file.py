"""Samples files: an ensemble as any HDF5 or netCDF-4 reader understands it.

/<name>      (sample[, channel], [z,] y, x), float32 unless that loses digits, one chunk a sample
/sample /channel /z /y /x                    dimension scales, attached to the axes of /<name>
/loss /mismatch /mismatch_max /mismatch_sigma /steps /status              one value a sample
attributes   synth_kind, schema_version, synth_version, field, seed, and the provenance
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np

from synth.errors import InputError, SynthError, UsageError
from synth.field import Ensemble, Field
from synth.files.contents import text
from synth.files.hdf5 import TEXT, file_kind, opened, stamp, written
from synth.files.reading import read
from synth.numbers import digits_lost

# Name in the file, key of an outcome, type, meaning.
OUTCOMES = (
    ("loss", "loss", "f8", "final energy of the descent"),
    ("mismatch", "mismatch_rms", "f8", "root mean square moment mismatch"),
    ("mismatch_max", "mismatch_max", "f8", "largest moment mismatch"),
    ("mismatch_sigma", "mismatch_sigma", "f8", "rms mismatch over the moments' sampling spread"),
    ("steps", "steps", "i8", "iterations"),
    ("status", "status", "str", "how the minimisation ended"),
)
RESERVED = {"sample", "channel", *(name for name, *_ in OUTCOMES)}
# HDF5 limits a chunk to 4 GiB.
CHUNK = 2**31


def write_samples(
    path: str | Path, ensemble: Ensemble, overwrite: bool = False, xdmf: bool = False
) -> None:
    """Write an ensemble; the file appears once it is complete.

    With ``xdmf``, so does a file beside it that describes it to ParaView
    (:func:`synth.write_xdmf`).

    Raises
    ------
    UsageError
        The path exists (without `overwrite`) or cannot be written to, or there are not as many
        outcomes as samples.
    SynthError
        The disk is full, or a value is not finite.
    """
    field, outcomes = ensemble.field, ensemble.outcomes
    if len(outcomes) != field.n_samples:
        raise UsageError(f"{field.n_samples} samples come with {len(outcomes)} outcomes.")
    name = dataset_name(field)
    with written(path, overwrite) as file:
        stamp(file, "samples")
        file.attrs.update({"field": name, "seed": int(ensemble.seed), "Conventions": "CF-1.8"})
        for key, value in ensemble.provenance.items():
            if key not in file.attrs:
                file.attrs[key] = _attribute(value)
        file.attrs["provenance"] = json.dumps(ensemble.provenance, default=str)
        _write_field(file, name, field)
        for own, key, kind, meaning in OUTCOMES:
            values = [outcome.get(key, "" if kind == "str" else math.nan) for outcome in outcomes]
            data = np.array(values, object if kind == "str" else kind)
            dataset = file.create_dataset(own, data=data, dtype=TEXT if kind == "str" else kind)
            dataset.attrs["long_name"] = meaning
            dataset.dims[0].attach_scale(file["sample"])
    if xdmf:
        from synth.files.xdmf import write_xdmf

        write_xdmf(path, overwrite)


def dataset_name(field: Field) -> str:
    """The field's name as the name of a dataset beside those of the outcomes and the axes."""
    name = field.name.strip("/").replace("/", "_") or "field"
    return f"{name}_field" if name in RESERVED | set(field.dims) else name


def _write_field(file: Any, name: str, field: Field) -> None:
    single = field.n_channels == 1
    axes = ("sample", *(() if single else ("channel",)), *field.dims)
    sizes = (field.n_samples, *(() if single else (field.n_channels,)), *field.shape)
    dtype = _type(field)
    dataset = file.create_dataset(name, sizes, dtype, chunks=_chunk(sizes, dtype))
    first = 0
    for block in field.blocks():
        if not np.isfinite(block).all():
            raise SynthError(f"Some values of the samples of {name} are not finite; not written.")
        last = first + len(block)
        dataset[first:last] = block[:, 0] if single else block
        first = last
    scales: dict[str, Any] = {"sample": np.arange(field.n_samples)}
    if not single:
        scales["channel"] = np.array(field.channels, object)
    for axis, size, step in zip(field.dims, field.shape, field.spacing, strict=True):
        scales[axis] = np.arange(size) * float(step)
    for i, axis in enumerate(axes):
        file.create_dataset(axis, data=scales[axis], dtype=TEXT if axis == "channel" else None)
        file[axis].make_scale(axis)
        dataset.dims[i].attach_scale(file[axis])
        dataset.dims[i].label = axis
    known = {key: value for key, value in field.attributes.items() if key not in dataset.attrs}
    dataset.attrs.update({key: _attribute(value) for key, value in known.items()})
    dataset.attrs.update({"spacing": list(map(float, field.spacing)), "dims": ",".join(axes)})
    if field.units:
        dataset.attrs["units"] = field.units
    if field.boundary != "unknown":
        dataset.attrs["periodic"] = field.boundary == "periodic"


def _type(field: Field) -> np.dtype:
    """Float32, except for float64 values whose variation it cannot resolve."""
    if field.values.dtype == np.float32:
        return np.dtype(np.float32)
    sample = np.asarray(field.values[:1], np.float64)
    flat = sample.swapaxes(0, 1).reshape(field.n_channels, -1)
    pairs = zip(np.abs(flat).max(1), flat.std(1), strict=True)
    return np.dtype(np.float64 if any(digits_lost(*pair) for pair in pairs) else np.float32)


def _chunk(sizes: tuple[int, ...], dtype: np.dtype) -> tuple[int, ...]:
    """One sample, unless that exceeds what HDF5 allows."""
    chunk = [1, *sizes[1:]]
    while math.prod(chunk) * dtype.itemsize > CHUNK:
        largest = int(np.argmax(chunk))
        chunk[largest] = -(-chunk[largest] // 2)
    return tuple(chunk)


def _attribute(value: Any) -> Any:
    """What an HDF5 attribute holds as it is; JSON text for the rest."""
    if isinstance(value, str | bool | int | float | np.generic):
        return value
    return json.dumps(value, default=str)


def read_samples(path: str | Path) -> Ensemble:
    """The ensemble in a file that `write_samples` wrote.

    Raises
    ------
    InputError
        The file is not a samples file, damaged, or of a newer schema.
    """
    with opened(path) as file:
        found = file_kind(file)
        if found != "samples":
            raise InputError(f"{path} holds a {found}, not samples; make some with synth sample.")
        columns = {}
        for name, key, kind, _ in OUTCOMES:
            stored = file[name]
            columns[key] = stored.asstr()[()].tolist() if kind == "str" else stored[()].tolist()
        provenance = json.loads(text(file.attrs["provenance"]))
        seed = int(file.attrs["seed"])
    rows = zip(*columns.values(), strict=True)
    outcomes = [dict(zip(columns, row, strict=True)) for row in rows]
    return Ensemble(read(path), outcomes, seed, provenance)


def read_synthetic(path: str | Path, like: Field) -> Ensemble | Field:
    """Our own samples with their outcomes, or the fields of any other generator.

    Where nothing names the axes of the latter, they are those of `like` after one of samples.
    """
    try:
        return read_samples(path)
    except InputError:
        try:
            return read(path)
        except InputError as unnamed:
            channel = ["channel"] if like.n_channels > 1 else []
            try:
                return read(path, dims=("sample", *channel, *like.dims))
            except (InputError, UsageError):
                raise unnamed from None
