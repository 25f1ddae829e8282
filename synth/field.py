"""The two things that travel between the steps: a Field, and an Ensemble of synthetic ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from dataclasses import field as default
from typing import Any

import numpy as np

from synth.errors import InputError
from synth.numbers import as_floats, close_gaps, narrow

SPACE = ("z", "y", "x")


@dataclass(frozen=True)
class Field:
    """Realizations of a field on a uniform grid, with what its file says about it.

    Attributes
    ----------
    values : ndarray or lazy array, (sample, channel, *space)
        Float32, or float64 where the source is wider than float32. A lazy array has `shape` and
        `dtype` and reads the samples of a slice. Always finite: gaps hold the channel's mean.
    name : str
        Name of the dataset; samples files reuse it.
    channels : tuple of str
        One name a channel.
    dims : tuple of str
        Names of the space axes, such as ("y", "x").
    spacing : tuple of float
        Grid step along each space axis, 1 where the file says nothing.
    units : str
    boundary : {"periodic", "open", "unknown"}
        As declared by the file or the caller.
    mask : ndarray or lazy array of bool, (sample or 1, 1, *space), or None
        True where all channels are valid; None where every pixel is.
    source : str
        "path:/dataset".
    layout : str
        A sentence: what was recognised.
    attributes : dict
        Other attributes of the dataset.
    """

    values: Any
    name: str = "field"
    channels: tuple[str, ...] = ("field",)
    dims: tuple[str, ...] = ("y", "x")
    spacing: tuple[float, ...] = (1.0, 1.0)
    units: str = ""
    boundary: str = "unknown"
    mask: Any = None
    source: str = ""
    layout: str = ""
    attributes: dict[str, Any] = default(default_factory=dict)

    def __post_init__(self) -> None:
        space = len(self.values.shape) - 2
        if not 1 <= space <= 3 or len(self.dims) != space or len(self.spacing) != space:
            raise InputError(
                f"A field has axes sample, channel and 1 to 3 of space; got the shape "
                f"{tuple(self.values.shape)} with space axes {', '.join(self.dims)} "
                f"and {len(self.spacing)} grid spacings."
            )
        if len(self.channels) != self.n_channels:
            raise InputError(
                f"{self.n_channels} channels need as many names; got {len(self.channels)}."
            )
        if self.boundary not in ("periodic", "open", "unknown"):
            raise InputError(f"A boundary is periodic, open or unknown, not {self.boundary!r}.")

    @classmethod
    def from_array(
        cls,
        array: Any,
        dims: Sequence[str] | None = None,
        *,
        mask: Any = None,
        channels: Sequence[str] | None = None,
        spacing: Sequence[float] | None = None,
        **settings: Any,
    ) -> Field:
        """A field in memory from a numpy array or torch tensor of real numbers.

        Parameters
        ----------
        array : array
            Any real dtype. NaN marks a gap.
        dims : sequence of str, optional
            One name an axis, such as ("sample", "y", "x"); the names "sample" and "channel" are
            those axes, any other is space. Default: (sample, channel, *space).
        mask : array of bool, optional
            True where valid; with the axes of `array`, or of space alone.
        channels, spacing, **settings
            Attributes of the field.

        Raises
        ------
        InputError
            The axes do not fit the array, or a value is infinite, complex or not a number.
        """
        array = np.asarray(array.detach().cpu() if hasattr(array, "detach") else array)
        if dims is None:
            dims = ("sample", "channel", *SPACE[max(0, 5 - array.ndim) :])
        dims = tuple(dims)
        values, space = arrange(as_floats(array), dims)
        if mask is not None:
            mask = np.asarray(mask, bool)
            own = dims if mask.ndim == array.ndim else space
            mask = arrange(mask, own)[0].all(1, keepdims=True)
        values, mask = close_gaps(values, mask)
        name = settings.get("name", cls.name)
        return cls(
            values=narrow(values),
            channels=tuple(channels or channel_names(name, values.shape[1])),
            dims=space,
            spacing=tuple(spacing or (1.0,) * len(space)),
            mask=mask,
            **settings,
        )

    @property
    def n_samples(self) -> int:
        return int(self.values.shape[0])

    @property
    def n_channels(self) -> int:
        return int(self.values.shape[1])

    @property
    def shape(self) -> tuple[int, ...]:
        """Sizes of the space axes."""
        return tuple(map(int, self.values.shape[2:]))

    @property
    def ndim(self) -> int:
        """Number of space axes: 1, 2 or 3."""
        return len(self.shape)

    @property
    def n_pixels(self) -> int:
        """Pixels of one channel of one sample."""
        return int(np.prod(self.shape))

    def load(self) -> np.ndarray:
        """All values (sample, channel, *space): float32, float64 where that would lose digits."""
        return narrow(np.ascontiguousarray(self.values[:]))

    def blocks(self, max_bytes: int = 2**26) -> Iterator[np.ndarray]:
        """Values of consecutive samples, at least one and at most `max_bytes` at a time."""
        return (values for values, _ in self.masked_blocks(max_bytes))

    def masked_blocks(
        self, max_bytes: int = 2**26
    ) -> Iterator[tuple[np.ndarray, np.ndarray | None]]:
        """Blocks with their mask (sample or 1, 1, *space), None where every pixel is valid."""
        one = self.values.dtype.itemsize * self.n_channels * self.n_pixels
        step = max(1, int(max_bytes // one))
        for start in range(0, self.n_samples, step):
            rows = slice(start, start + step)
            mask = self.mask
            if mask is not None:
                mask = mask[:] if mask.shape[0] == 1 else mask[rows]
            yield self.values[rows], mask


@dataclass
class Ensemble:
    """Synthetic realizations, and how each of them ended.

    Attributes
    ----------
    field : Field
    outcomes : list of dict
        Per sample: status, steps, loss, mismatch_rms, mismatch_max, mismatch_sigma.
    seed : int
    provenance : dict
        Strings and numbers that say where the ensemble comes from.
    """

    field: Field
    outcomes: list[dict[str, Any]]
    seed: int = 0
    provenance: dict[str, Any] = default(default_factory=dict)


def arrange(array: np.ndarray, dims: Sequence[str]) -> tuple[np.ndarray, tuple[str, ...]]:
    """The array as (sample, channel, *space) and the names of its space axes.

    Raises
    ------
    InputError
        `dims` does not name each axis once, or leaves none or more than three for space.
    """
    order, space = axis_order(dims, array.shape)
    for position, name in enumerate(("sample", "channel")):
        if name not in dims:
            array = array[..., None]
            order.insert(position, array.ndim - 1)
    return array.transpose(order), space


def axis_order(dims: Sequence[str], shape: Sequence[int]) -> tuple[list[int], tuple[str, ...]]:
    """Positions of the axes in the order sample, channel, space, and the names of the latter."""
    dims = tuple(dims)
    space = tuple(name for name in dims if name not in ("sample", "channel"))
    if len(dims) != len(shape) or len(set(dims)) != len(dims) or not 1 <= len(space) <= 3:
        raise InputError(
            f"The axes {','.join(dims)} do not fit the shape {tuple(shape)}: name each of its "
            f"{len(shape)} axes once, 1 to 3 of them space, as in sample,channel,y,x."
        )
    names = [name for name in ("sample", "channel") if name in dims]
    return [dims.index(name) for name in (*names, *space)], space


def channel_names(name: str, n: int) -> tuple[str, ...]:
    """Default names: the field's own for one channel, numbers for several."""
    return (name,) if n == 1 else tuple(map(str, range(n)))
