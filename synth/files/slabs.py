"""Which datasets a field is made of, and how any run of its samples is read from them.

A source has `shape` (sample, channel, *space), `dtype`, and `read(root, start, stop)`, which gives
the samples start to stop as floats with NaN at gaps. `root` maps paths to arrays: an open file.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from synth.numbers import as_floats, float_type

ROLES = ("sample", "channel")


class Source(Protocol):
    @property
    def shape(self) -> tuple[int, ...]: ...

    @property
    def dtype(self) -> np.dtype: ...

    def read(self, root: Mapping[str, Any], start: int, stop: int) -> np.ndarray: ...


@dataclass(frozen=True)
class Coding:
    """How stored numbers stand for physical ones: value = scale * stored + offset.

    Attributes
    ----------
    scale, offset : float
    special : mapping
        Stored numbers that mean another value: NaN for a gap.
    valid : (float, float)
        Stored numbers outside are gaps.
    """

    scale: float = 1.0
    offset: float = 0.0
    special: Mapping[float, float] = field(default_factory=dict)
    valid: tuple[float, float] = (-math.inf, math.inf)

    @property
    def scaled(self) -> bool:
        return (self.scale, self.offset) != (1.0, 0.0)

    def dtype(self, stored: np.dtype) -> np.dtype:
        return np.dtype(np.float64) if self.scaled else float_type(stored)

    def decode(self, stored: np.ndarray) -> np.ndarray:
        values = as_floats(stored)
        if self.scaled:
            values = values.astype(np.float64) * self.scale + self.offset
        outside = np.zeros(stored.shape, bool)
        for bound, beyond in zip(self.valid, (np.less, np.greater), strict=True):
            if math.isfinite(bound):
                outside |= beyond(stored, bound)
        if outside.any():
            values = np.where(outside, values.dtype.type(np.nan), values)
        for code, meaning in self.special.items():
            values = np.where(stored == code, values.dtype.type(meaning), values)
        return values


@dataclass(frozen=True)
class Cut:
    """One dataset, and the role of each of its axes.

    Attributes
    ----------
    path : str
        Of the dataset in its file.
    roles : tuple of str
        One an axis: "sample" or "channel", which may repeat and are then merged in C order, or
        the name of a space axis. Complex numbers have one role more, a last channel axis (re, im).
    stored : tuple of int
        Shape of the dataset.
    stored_type : dtype
    coding : Coding
    """

    path: str
    roles: tuple[str, ...]
    stored: tuple[int, ...]
    stored_type: np.dtype
    coding: Coding = Coding()

    @property
    def dtype(self) -> np.dtype:
        if self.stored_type.kind == "c":
            return np.dtype(f"f{max(4, self.stored_type.itemsize // 2)}")
        return self.coding.dtype(self.stored_type)

    @property
    def space(self) -> tuple[str, ...]:
        return tuple(role for role in self.roles if role not in ROLES)

    @property
    def shape(self) -> tuple[int, ...]:
        sizes = (*self.stored, 2)[: len(self.roles)]
        merged = (math.prod(sizes[i] for i in self._axes(role)) for role in ROLES)
        return (*merged, *(sizes[self.roles.index(name)] for name in self.space))

    def _axes(self, role: str) -> list[int]:
        return [i for i, own in enumerate(self.roles) if own == role]

    def read(self, root: Mapping[str, Any], start: int, stop: int) -> np.ndarray:
        node = root[self.path]
        runs = [self._arrange(node[index]) for index in self._indices(start, stop)]
        return runs[0] if len(runs) == 1 else np.concatenate(runs)

    def _indices(self, start: int, stop: int) -> list[tuple[slice, ...]]:
        """Boxes of the dataset that hold the samples in order: runs along the last sample axis."""
        axes = self._axes("sample")
        everything = [slice(None)] * len(self.stored)
        if not axes:
            return [tuple(everything)]
        outer, inner = [self.stored[i] for i in axes[:-1]], self.stored[axes[-1]]
        boxes = []
        while start < stop:
            place, first = divmod(start, inner)
            last = min(inner, first + stop - start)
            box = list(everything)
            for axis, i in zip(axes, (*np.unravel_index(place, outer), None), strict=True):
                box[axis] = slice(first, last) if i is None else slice(int(i), int(i) + 1)
            boxes.append(tuple(box))
            start += last - first
        return boxes

    def _arrange(self, raw: np.ndarray) -> np.ndarray:
        if raw.dtype.kind == "c":
            values = np.stack([raw.real, raw.imag], -1).astype(self.dtype, copy=False)
        else:
            values = self.coding.decode(raw)
        samples, channels = self._axes("sample"), self._axes("channel")
        space = [self.roles.index(name) for name in self.space]
        n = math.prod(values.shape[i] for i in samples)
        sizes = [values.shape[i] for i in space]
        return values.transpose(*samples, *channels, *space).reshape(n, self.shape[1], *sizes)


@dataclass(frozen=True)
class Stack:
    """Sources joined along the sample axis (0) or the channel axis (1)."""

    parts: Sequence[Source]
    axis: int

    @property
    def dtype(self) -> np.dtype:
        return np.result_type(*(part.dtype for part in self.parts))

    @property
    def shape(self) -> tuple[int, ...]:
        shape = list(self.parts[0].shape)
        shape[self.axis] = sum(part.shape[self.axis] for part in self.parts)
        return tuple(shape)

    def read(self, root: Mapping[str, Any], start: int, stop: int) -> np.ndarray:
        if self.axis == 1:
            return np.concatenate([part.read(root, start, stop) for part in self.parts], 1)
        found, first = [], 0
        for part in self.parts:
            low, high = max(start - first, 0), min(stop - first, part.shape[0])
            if low < high:
                found.append(part.read(root, low, high))
            first += part.shape[0]
        return np.concatenate(found)


class Lazy:
    """What looks like an array of samples, and is read slice by slice."""

    def __init__(
        self, shape: tuple[int, ...], dtype: np.dtype, get: Callable[[int, int], np.ndarray]
    ) -> None:
        self.shape, self.dtype, self._get = shape, dtype, get

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, key: Any) -> np.ndarray:
        if isinstance(key, tuple):
            rest = key[1:] if isinstance(key[0], int | np.integer) else (slice(None), *key[1:])
            return self[key[0]][rest]
        if isinstance(key, int | np.integer):
            if not -len(self) <= key < len(self):
                raise IndexError(f"sample {key} of {len(self)}")
            first = int(key) % len(self)
            return self._get(first, first + 1)[0]
        start, stop, step = key.indices(len(self))
        if step < 1:
            raise IndexError("samples are read forwards")
        if stop <= start:
            return np.empty((0, *self.shape[1:]), self.dtype)
        return self._get(start, stop)[::step]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.asarray(self[:], dtype)
