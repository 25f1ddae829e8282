"""States are nested dataclasses of tensors whose first axis is the sample."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from typing import Any, TypeVar

from torch import Tensor

T = TypeVar("T")


def to_tensors(state: Any, prefix: str = "") -> dict[str, Tensor]:
    """Flatten a state to a dict of tensors; nested names are joined by dots."""
    flat: dict[str, Tensor] = {}
    for field in fields(state):
        value = getattr(state, field.name)
        if is_dataclass(value):
            flat |= to_tensors(value, f"{prefix}{field.name}.")
        else:
            flat[prefix + field.name] = value
    return flat


def from_tensors(like: T, tensors: dict[str, Tensor], prefix: str = "") -> T:
    """Rebuild a state of the structure of ``like`` from `to_tensors`, copying the tensors."""
    entries: dict[str, Any] = {}
    for field in fields(like):  # type: ignore[arg-type]
        old = getattr(like, field.name)
        name = prefix + field.name
        if is_dataclass(old):
            entries[field.name] = from_tensors(old, tensors, f"{name}.")
            continue
        if name not in tensors:
            raise ValueError(f"The state to resume lacks {name!r}: it is of another method.")
        new = tensors[name]
        if new.shape[1:] != old.shape[1:] or new.dtype != old.dtype:
            raise ValueError(
                f"The state to resume has {name!r} as {new.dtype} {tuple(new.shape)}, this start "
                f"and method need {old.dtype} {tuple(old.shape)}."
            )
        entries[field.name] = new.to(old.device, copy=True)
    return type(like)(**entries)


def compact(state: T, keep: list[int]) -> T:
    """Keep the samples ``keep`` (ascending), moved to the front of the same memory.

    A history is the largest tensor of a run: there is no room to copy it. No two entries of a
    state that has made a step share their memory.
    """
    entries: dict[str, Any] = {}
    for field in fields(state):  # type: ignore[arg-type]
        value = getattr(state, field.name)
        if is_dataclass(value):
            entries[field.name] = compact(value, keep)
            continue
        for new, old in enumerate(keep):
            if new != old:
                value[new] = value[old]
        entries[field.name] = value[: len(keep)]
    return type(state)(**entries)
