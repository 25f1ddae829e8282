"""Bring real and synthetic fields into one frame: same size, units, boundary and blocks.

The fields are only cropped, cut and rescaled, never resampled. What was done is said in `notes`,
which the report repeats.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from synth.errors import InputError
from synth.estimation.boundary import detect_boundary
from synth.evaluation.statistics import Frame
from synth.field import Field
from synth.vectors import vector_components

MOST_BYTES = 2**30  # of the fields of one set; a larger set is thinned evenly
SMALLEST = 16
COPIED = 0.1  # share of equal neighbours that is worth a note
MANY_VALUES = 1000  # a field of fewer has equal neighbours by rounding


@dataclass(frozen=True)
class Pairing:
    """Real and synthetic fields ready to be measured, in units of the real mean and sd."""

    frame: Frame
    real: Tensor  # (n, channel, *space)
    synthetic: tuple[Tensor, ...]  # one (n, channel, *space) for each synthetic set
    mean: np.ndarray  # (channel,)
    sd: np.ndarray  # (channel,)
    counts: tuple[int, ...]  # fields of each synthetic set
    blocks: bool  # one real field only; all fields are cut into blocks, block b of field b mod n
    notes: tuple[str, ...]
    whole: Tensor | None = None  # that field uncut (1, channel, *space)
    around: Frame | None = None  # and its frame


def pair(real: Field, synthetic: Sequence[Field]) -> Pairing:
    """Crop, cut and standardise; raise InputError where the fields cannot be compared."""
    notes: list[str] = []
    for other in synthetic:
        _check(real, other)
    shape = tuple(min(sizes) for sizes in zip(*(f.shape for f in (real, *synthetic)), strict=True))
    if min(shape) < SMALLEST:
        raise InputError(
            f"The fields are {_size(shape)} where they overlap, which is too small to compare; "
            f"every side needs at least {SMALLEST} pixels."
        )
    arrays = [_load(f, notes) for f in (real, *synthetic)]
    _note_copied_pixels(arrays[0], notes)
    _mask_alike(real, arrays, notes)
    periodic = [_is_periodic(f) for f in (real, *synthetic)]
    cropped = any(f.shape != shape for f in (real, *synthetic))
    blocks = real.n_samples == 1
    if blocks:
        shape = _block_shape(real.shape, shape)
    boundary = "periodic" if all(periodic) and not cropped and not blocks else "open"
    uncut, counts = arrays[0], tuple(map(len, arrays[1:]))
    arrays = [cut(a, shape, every=blocks) for a in arrays]
    if blocks:
        notes.append(
            f"There is one real field: all fields are cut into blocks of {_size(shape)}, and how "
            "far each synthetic field is from the others tells what chance does."
        )
    elif cropped:
        notes.append(f"The fields differ in size: one crop of {_size(shape)} of each is compared.")
    if boundary == "open" and all(periodic):
        notes.append("Crops of periodic fields are not periodic, and are treated as open.")
    components = vector_components(real)
    mean, sd = _moments(arrays[0], bool(components), real)
    view = (-1, *[1] * len(shape))
    scaled = [
        torch.from_numpy(((a - mean.reshape(view)) / sd.reshape(view)).astype(np.float32))
        for a in (*arrays, *([uncut] if blocks else []))
    ]
    channels = tuple(real.channels)
    if components and all(name.isdigit() for name in channels):
        channels = tuple(real.dims[axis] for axis in components)
    frame = Frame(shape, boundary, channels, components)
    sets = scaled[0], tuple(scaled[1 : len(arrays)])
    if not blocks:
        return Pairing(frame, *sets, mean, sd, counts, False, tuple(notes))
    around = replace(frame, shape=real.shape, boundary="periodic" if periodic[0] else "open")
    return Pairing(frame, *sets, mean, sd, counts, True, tuple(notes), scaled[-1], around)


def _check(real: Field, other: Field) -> None:
    if real.ndim != other.ndim or real.n_channels != other.n_channels:
        raise InputError(
            f"The real fields are {real.ndim}-D with {real.n_channels} channel(s) and the "
            f"synthetic ones {other.ndim}-D with {other.n_channels}; they must be alike."
        )
    for a, b in zip(real.spacing, other.spacing, strict=True):
        if not math.isclose(a, b, rel_tol=1e-3):
            raise InputError(
                f"The real grid has spacing {real.spacing} and the synthetic one {other.spacing}; "
                "bring both to the same grid, since resampling would change their statistics."
            )


def _load(field: Field, notes: list[str]) -> np.ndarray:
    """All fields of a set, or an even selection of a set that is too large."""
    per_field = field.values.dtype.itemsize * field.n_channels * field.n_pixels
    most = max(1, MOST_BYTES // per_field)
    if field.n_samples <= most:
        return field.load()
    chosen = np.linspace(0, field.n_samples - 1, most).round().astype(int)
    notes.append(f"{most} of the {field.n_samples} fields of {field.source} are compared.")
    return np.concatenate([np.asarray(field.values[i : i + 1]) for i in chosen])


def _note_copied_pixels(values: np.ndarray, notes: list[str]) -> None:
    """Say where a field of many values has pixels equal to their neighbours.

    The commonest value does not count: it may fill gaps, or be the zero of a dry day.
    """
    plane = values[0, 0, 0] if values.ndim == 5 else values[0, 0]
    found, counts = np.unique(plane, return_counts=True)
    rare = plane != found[counts.argmax()]
    equal = max(
        np.mean((np.diff(plane, axis=axis) == 0) & rare.take(range(1, size), axis))
        for axis, size in enumerate(plane.shape)
    )
    if equal > COPIED and len(found) > MANY_VALUES:
        notes.append(
            f"{100 * equal:.0f}% of the neighbouring pixels of a real field are equal, as where "
            "pixels were copied onto a finer grid; contours and increments of one pixel show it."
        )


def _mask_alike(real: Field, arrays: list[np.ndarray], notes: list[str]) -> None:
    """Blank in the synthetic fields what is blank in all real ones, so that gaps compare equal."""
    if real.mask is None:
        return
    valid: np.ndarray = np.any(real.mask[:], axis=0)
    notes.append("Gaps hold the mean of their channel.")
    if valid.all() or any(a.shape[2:] != valid.shape[1:] for a in arrays):
        return
    for i, values in enumerate(arrays[1:], 1):
        mean = values.mean((0, *range(2, values.ndim)), keepdims=True, where=valid[None])
        arrays[i] = np.where(valid[None], values, mean)
    notes.append("What is blank in every real field is blank in the synthetic ones too.")


def _is_periodic(field: Field) -> bool:
    """As declared; where nothing is declared, as the jump across the border tells."""
    declared = field.boundary
    return (detect_boundary(field)[0] if declared == "unknown" else declared) == "periodic"


def _block_shape(real: tuple[int, ...], common: tuple[int, ...]) -> tuple[int, ...]:
    """Blocks of half the real side (an eighth in 1-D), or the common size where that is less."""
    parts = 8 if len(real) == 1 else 2
    return tuple(
        max(min(SMALLEST, n), min(n, full // parts)) for n, full in zip(common, real, strict=True)
    )


def cut(values: np.ndarray, shape: tuple[int, ...], every: bool = True) -> np.ndarray:
    """Every block of each of n fields that fits side by side (block b is of field b mod n), or
    the first crop of each."""
    for axis, size in enumerate(shape):
        count = values.shape[2 + axis] // size if every else 1
        parts = np.split(values.take(range(count * size), 2 + axis), count, axis=2 + axis)
        values = np.concatenate(parts)
    return values


def _moments(values: np.ndarray, vector: bool, field: Field) -> tuple[np.ndarray, np.ndarray]:
    """Pooled mean and sd of each channel; the components of a vector share one sd."""
    axes = (0, *range(2, values.ndim))
    mean = values.mean(axes, dtype=np.float64)
    sd = values.std(axes, dtype=np.float64)
    if not (sd > 0).all():
        raise InputError(f"The real field {field.source or field.name} is constant.")
    return mean, np.full_like(sd, np.sqrt(np.mean(sd**2))) if vector else sd


def _size(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape))
