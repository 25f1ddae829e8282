"""From a path to a Field: open, recognise, check the numbers, keep large files on the disk."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from synth.errors import InputError, MemoryLimitError, UsageError
from synth.field import Field, channel_names
from synth.files import labelled
from synth.files.contents import select
from synth.files.hdf5 import check_readable, opened
from synth.files.layouts import recognise
from synth.files.pixels import PixelStatistics
from synth.files.plan import Plan
from synth.files.sentinel import find_mark
from synth.files.slabs import Cut, Lazy, Source
from synth.numbers import close_gaps, digits_lost, narrow

# Up to this many bytes of floats a field is read at once, beyond it slab by slab.
EAGER = 2**27
SLAB = 2**26
# Bytes of the first samples in which marks of missing pixels are looked for.
LOOKED_AT = 2**24


def read(
    path: str | Path,
    dataset: str | None = None,
    dims: Sequence[str] | None = None,
    boundary: str | None = None,
    mask: str | None = None,
) -> Field:
    """Read a field from an HDF5 or .npy file.

    Parameters
    ----------
    path : path
        "file.h5", "file.h5:/dataset" or "file.npy".
    dataset : str, optional
        Path or name of the dataset, where the file has several.
    dims : sequence of str, optional
        Names of its axes: sample, channel, and z, y, x or others for space. Complex values are
        read as two channels if a last name `channel` is added.
    boundary : {"periodic", "open"}, optional
        Overrules what the file says.
    mask : str, optional
        Dataset of true/false or 1/0 with the axes of the field or of its space: true where valid.

    Returns
    -------
    Field
        `layout` says what was recognised. Values of a large file are read when used.

    Raises
    ------
    InputError
        The file or dataset cannot be read, is ambiguous, or holds values that cannot be modelled.
    """
    if boundary not in (None, "periodic", "open"):
        raise UsageError(f"A boundary is periodic or open, not {boundary!r}.")
    path, inner = split(path)
    if inner and dataset and inner.strip("/") != dataset.strip("/"):
        raise UsageError(f"Two datasets are asked for, {inner} and {dataset}; name one.")
    with _root(path) as root:
        plan = _plan(root, path, dataset or inner, dims)
        covered = None if mask is None else _mask(root, path, plan, mask)
        field = _field(root, path, plan, covered)
    if not _names_marks(plan.source):
        _tell_of_marks(field)
    return field if boundary is None else replace(field, boundary=boundary)


def _names_marks(source: Source) -> bool:
    """Whether the file itself says which of its numbers are no measurements."""
    return bool(getattr(getattr(source, "coding", None), "special", None))


def _tell_of_marks(field: Field) -> None:
    """Warn of a number in the first samples that may stand for missing pixels."""
    values, mask = next(field.masked_blocks(LOOKED_AT))
    for name, channel in zip(field.channels, values.swapaxes(0, 1), strict=True):
        known = channel if mask is None else channel[np.broadcast_to(mask[:, 0], channel.shape)]
        mark = find_mark(known.ravel()) if known.size else None
        if mark is not None:
            warnings.warn(
                f"{mark[1]:.1%} of the values of {name} in {field.source} are exactly "
                f"{mark[0]:g}, far from all others; if they mark missing pixels, make them NaN or "
                "leave them out with a mask.",
                stacklevel=3,
            )


def split(path: str | Path) -> tuple[str, str | None]:
    """A path and the dataset named after ":/" in it, if any."""
    name = str(path)
    if ":/" in name and not Path(name).exists():
        file, inner = name.split(":/", 1)
        return file, inner or None
    return name, None


def is_plain(path: str) -> bool:
    """Whether a file is a .npy array, by its first bytes."""
    check_readable(path)
    with open(path, "rb") as file:
        return file.read(6) == b"\x93NUMPY"


@contextmanager
def _root(path: str) -> Iterator[Any]:
    """The open HDF5 file, or a mapping of "/" to the memory-mapped array of a .npy file."""
    if not is_plain(path):
        with opened(path) as root:
            yield root
        return
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    # numpy parses the header as Python and answers damage with nearly any exception type.
    except Exception as error:
        text = " ".join(str(error).split())[:120]
        raise InputError(f"{path} is damaged or holds no plain numbers ({text}).") from error
    yield {"/": array}


def _plan(root: Any, path: str, dataset: str | None, dims: Sequence[str] | None) -> Plan:
    if not isinstance(root, dict):
        return recognise(root, path, dataset, dims)
    if dataset is not None:
        raise InputError(f"{path} is a .npy file with one array; leave the dataset {dataset} out.")
    array = root["/"]
    if array.dtype.kind not in "fiubc":
        raise InputError(f"{path} holds {array.dtype}, not numbers; save a plain array in it.")
    if array.size < 2:
        raise InputError(f"{path} has the shape {array.shape}, which leaves nothing to model.")
    return labelled.plain(array, path, dims)


def _mask(root: Any, path: str, plan: Plan, name: str) -> Cut:
    """The mask dataset, its axes matched with those of the field."""
    if isinstance(root, dict):
        raise InputError(f"{path} is a .npy file without a mask; mark its gaps with NaN.")
    node = select(root, path, name)
    shape = plan.source.shape
    space = tuple(node.shape)
    for roles in (
        getattr(plan.source, "roles", ()),
        tuple(role for role in getattr(plan.source, "roles", ()) if role != "channel"),
        plan.dims,
    ):
        if len(roles) == len(space):
            cut = Cut(node.name, roles, space, node.dtype)
            if cut.shape[2:] == shape[2:] and cut.shape[0] in (1, shape[0]):
                return cut
    raise InputError(
        f"The mask {path}:{node.name} has the shape {space}, but the field has {shape[0]} samples "
        f"of {'x'.join(map(str, shape[2:]))}; give it the axes of the field or of its space."
    )


class _Reader:
    """Blocks of a plan and of its mask, the former as floats with NaN in its gaps."""

    def __init__(self, path: str, plan: Plan, mask: Cut | None) -> None:
        self.path, self.source, self.mask = path, plan.source, mask
        self.where = f"{path}:{plan.path}" if plan.path else path

    def read(self, root: Any, start: int, stop: int) -> tuple[np.ndarray, np.ndarray | None]:
        values = self.source.read(root, start, stop)
        if self.mask is None:
            return values, None
        rows = (0, 1) if self.mask.shape[0] == 1 else (start, stop)
        mask = self.mask.read(root, *rows)
        if not np.isin(mask, (0, 1)).all():
            raise InputError(
                f"The mask {self.path}:{self.mask.path} holds values other than true and false, "
                "or 1 and 0; make it true where the field is valid."
            )
        return values, np.asarray(mask.astype(bool).all(1, keepdims=True))

    def close(
        self, block: tuple[np.ndarray, np.ndarray | None], fill: np.ndarray | None
    ) -> tuple[np.ndarray, np.ndarray | None]:
        try:
            return close_gaps(*block, fill)
        except InputError as error:
            raise InputError(f"{self.where}: {error}") from None


def _field(root: Any, path: str, plan: Plan, mask: Cut | None) -> Field:
    reader = _Reader(path, plan, mask)
    shape = plan.source.shape
    _check_size(plan.source, reader.where)
    found = PixelStatistics(shape[1])
    if np.prod(shape, dtype=float) * plan.source.dtype.itemsize <= EAGER:
        values, valid = _at_once(root, reader, found)
    else:
        values, valid = _lazily(root, reader, found)
    lost = found.missing.sum() / (found.missing.sum() + found.count.sum())
    channels = plan.channels or channel_names(plan.name, shape[1])
    _check_varies(found, channels, reader.where)
    return Field(
        values=values,
        name=plan.name,
        channels=channels,
        dims=plan.dims,
        spacing=plan.spacing or (1.0,) * len(plan.dims),
        units=plan.units,
        boundary=plan.boundary,
        mask=valid,
        source=reader.where,
        layout=f"{plan.layout} {lost:.1%} of the values are gaps." if lost else plan.layout,
        attributes=dict(plan.attributes),
    )


def _at_once(root: Any, reader: _Reader, found: PixelStatistics) -> tuple[Any, Any]:
    values, mask = reader.close(reader.read(root, 0, reader.source.shape[0]), None)
    found.update(values, mask)
    return narrow(values), mask


def _lazily(root: Any, reader: _Reader, found: PixelStatistics) -> tuple[Any, Any]:
    """Arrays that read from the disk, after one pass that checks every value."""
    shape, dtype = reader.source.shape, reader.source.dtype
    step = max(1, int(SLAB // (np.prod(shape[1:]) * dtype.itemsize)))
    gaps = False
    for start in range(0, shape[0], step):
        block = reader.read(root, start, min(start + step, shape[0]))
        values, mask = reader.close(block, np.zeros(shape[1]))
        found.update(values, mask)
        gaps |= mask is not None
    if not found.count.any():
        raise InputError(f"{reader.where}: No pixel is valid: every value is NaN or masked.")
    peak = np.maximum(np.abs(found.minimum), np.abs(found.maximum))
    if not any(digits_lost(*pair) for pair in zip(peak, found.std, strict=True)):
        dtype = np.dtype(np.float32)

    def block_at(start: int, stop: int) -> tuple[np.ndarray, np.ndarray | None]:
        with _root(reader.path) as again:
            return reader.close(reader.read(again, start, stop), found.mean)

    def values_at(start: int, stop: int) -> np.ndarray:
        return block_at(start, stop)[0].astype(dtype, copy=False)

    def mask_at(start: int, stop: int) -> np.ndarray:
        mask = block_at(start, stop)[1]
        whole = (stop - start, 1, *shape[2:])
        return np.ones(whole, bool) if mask is None else np.broadcast_to(mask, whole)

    one = (shape[0], 1, *shape[2:])
    return Lazy(shape, dtype, values_at), Lazy(one, np.dtype(bool), mask_at) if gaps else None


def _check_size(source: Source, where: str) -> None:
    """One sample must fit in memory a few times over."""
    need = float(np.prod(source.shape[1:], dtype=float)) * source.dtype.itemsize
    have = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if need > have / 4:
        raise MemoryLimitError(
            f"One sample of {where} takes {need / 2**30:,.0f} GiB, more than a quarter of this "
            "machine's memory; cut it in smaller fields."
        )


def _check_varies(found: PixelStatistics, channels: Sequence[str], where: str) -> None:
    constant = [
        f"{name} is {low + 0.0:g} everywhere"
        for name, low, high in zip(channels, found.minimum, found.maximum, strict=True)
        if low == high
    ]
    if constant:
        raise InputError(
            f"{where} is constant ({'; '.join(constant)}), so there is nothing to model; "
            "choose another dataset or leave that channel out."
        )
