"""From physical units to standardised values and back."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from synth.errors import InputError
from synth.files.pixels import PixelStatistics
from synth.numbers import digits_lost

if TYPE_CHECKING:
    from synth.field import Field

KINDS = ("none", "log", "asinh")
# Values taken at once in float64, so that a block of samples needs little more than itself.
PIECE = 2**20


@dataclass(frozen=True)
class Transform:
    """A pointwise map taken before standardisation: x, log x, or asinh(x / scale).

    Attributes
    ----------
    kind : {"none", "log", "asinh"}
    scale : tuple of float
        For asinh, one a channel: where the map turns from linear to logarithmic.
    """

    kind: str = "none"
    scale: tuple[float, ...] = (1.0,)

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise InputError(f"A transform is one of {', '.join(KINDS)}, not {self.kind!r}.")

    def forward(self, x: Any) -> Any:
        """Transformed values (sample, channel, *space); numpy array or torch tensor."""
        if self.kind == "none":
            return x
        if self.kind == "log":
            return _library(x).log(x)
        return _library(x).arcsinh(x / _per_channel(self.scale, x))

    def inverse(self, x: Any) -> Any:
        """The values that `forward` maps to x."""
        if self.kind == "none":
            return x
        if self.kind == "log":
            return _library(x).exp(x)
        return _library(x).sinh(x) * _per_channel(self.scale, x)


@dataclass(frozen=True)
class Standardisation:
    """(T(x) - mean) / std per channel, with T a transform, pooled over all fields of a fit.

    Computed in float64 and cast to float32 afterwards, so that a small variance on a large
    offset keeps its digits.

    Attributes
    ----------
    mean, std : tuple of float
        Of the transformed values, one a channel.
    transform : Transform
    minimum : tuple of float
        Least value of each channel in original units, where it is known.
    """

    mean: tuple[float, ...]
    std: tuple[float, ...]
    transform: Transform = Transform()
    minimum: tuple[float, ...] = dataclasses.field(default=(), compare=False)

    @classmethod
    def measure(cls, field: Field, transform: str = "none") -> Standardisation:
        """The standardisation of a field, read block by block, valid pixels only.

        Raises
        ------
        InputError
            A channel is constant, or the logarithm is asked of values that are not positive.
        """
        raw = _statistics(field, Transform())
        where = field.source or field.name
        for name, low, high, std in zip(
            field.channels, raw.minimum, raw.maximum, raw.std, strict=True
        ):
            if low == high or std == 0:
                raise InputError(
                    f"{where} is constant (channel {name}: every value is {low:g}), "
                    "so there is nothing to model; choose another dataset or channel."
                )
        if transform == "log" and raw.minimum.min() <= 0:
            raise InputError(
                f"The logarithm needs positive values, but the smallest of {where} is "
                f"{raw.minimum.min():g}; use the transform asinh or none."
            )
        chosen = Transform(transform, tuple(raw.std.tolist()))
        pooled = raw if transform == "none" else _statistics(field, chosen)
        columns = (tuple(column.tolist()) for column in (pooled.mean, pooled.std, raw.minimum))
        mean, std, minimum = columns
        return cls(mean, std, chosen, minimum)

    def forward(self, values: Any) -> Any:
        """Standardised values, float32; (sample, channel, *space) numpy array or tensor."""
        if not isinstance(values, np.ndarray):
            return self._forward(values).float()
        standard = np.empty(values.shape, np.float32)
        rows = max(1, PIECE * len(values) // max(1, values.size))
        for start in range(0, len(values), rows):
            piece = slice(start, start + rows)
            standard[piece] = self._forward(values[piece])
        return standard

    def _forward(self, values: Any) -> Any:
        x = self.transform.forward(_double(values))
        return (x - _per_channel(self.mean, x)) / _per_channel(self.std, x)

    def inverse(self, x: Any) -> Any:
        """Values in the original units: float32, or float64 where that would lose digits."""
        y = _double(x)
        y = self.transform.inverse(y * _per_channel(self.std, y) + _per_channel(self.mean, y))
        wide = any(
            digits_lost(abs(mean) + std, std) for mean, std in zip(self.mean, self.std, strict=True)
        )
        return y if wide and self.transform.kind == "none" else _single(y)

    def to_dict(self) -> dict[str, Any]:
        return {
            "mean": list(self.mean),
            "std": list(self.std),
            "transform": self.transform.kind,
            "scale": list(self.transform.scale),
            "minimum": list(self.minimum),
        }

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> Standardisation:
        transform = Transform(content["transform"], tuple(content["scale"]))
        minimum = tuple(content.get("minimum", ()))
        return cls(tuple(content["mean"]), tuple(content["std"]), transform, minimum)


def _statistics(field: Field, transform: Transform) -> PixelStatistics:
    gathered = PixelStatistics(field.n_channels)
    for values, mask in field.masked_blocks():
        if transform.kind != "none":
            values = transform.forward(values.astype(np.float64))
        gathered.update(values, mask)
    return gathered


def _library(x: Any) -> Any:
    """numpy, or torch if x is a tensor: the names used here are the same in both."""
    if isinstance(x, np.ndarray):
        return np
    import torch

    return torch


def _double(x: Any) -> Any:
    return x.astype(np.float64) if isinstance(x, np.ndarray) else x.double()


def _single(x: Any) -> Any:
    return x.astype(np.float32) if isinstance(x, np.ndarray) else x.float()


def _per_channel(numbers: tuple[float, ...], x: Any) -> Any:
    """Numbers a channel, shaped to meet (sample, channel, *space) on the same device."""
    shape = (1, -1, *(1,) * (x.ndim - 2))
    if isinstance(x, np.ndarray):
        return np.asarray(numbers, x.dtype).reshape(shape)
    return x.new_tensor(numbers).reshape(shape)
