"""What lies in a file: its datasets, the one that is meant, and attributes as text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from synth.errors import InputError


def select(root: Any, where: str, wanted: str | None) -> Any:
    """The dataset of this path or name, or the only one that could be a field.

    Raises
    ------
    InputError
        There is none or there are several: the sentence lists them.
    """
    chosen = find(root, wanted)
    if len(chosen) == 1:
        return check_numeric(chosen[0], where)
    if chosen:
        raise InputError(f"{where} holds several datasets; pick one with -d: {listing(chosen)}.")
    if wanted is None:
        raise InputError(f"{where} holds no dataset of numbers; it has {contents(root)}.")
    raise InputError(f"{where} has no dataset {wanted}; it has {contents(root)}.")


def find(root: Any, wanted: str | None) -> list[Any]:
    """The datasets of this path, else of this name, else in this group; or the candidates."""
    found = candidates(root)
    if wanted is None:
        return [node for node in found if node.ndim > 1] or found
    wanted = wanted.strip("/")
    every = datasets(root)
    chosen = [node for node in every if node.name.strip("/") == wanted]
    chosen = chosen or [node for node in every if node.name.rsplit("/", 1)[-1] == wanted]
    return chosen or [node for node in found if node.name.strip("/").startswith(wanted + "/")]


def check_numeric(node: Any, where: str) -> Any:
    """The dataset itself, if it is an array of at least two numbers."""
    if node.shape is None or not node.shape:
        raise InputError(f"{where}:{node.name} is not an array; {contents(node.file)} are there.")
    if 0 in node.shape or max(node.shape) < 2:
        raise InputError(
            f"{where}:{node.name} has the shape {node.shape}, which leaves nothing to model; "
            "choose another dataset with -d."
        )
    if node.dtype.names:
        raise InputError(
            f"{where}:{node.name} holds records ({', '.join(node.dtype.names)}); "
            "store each of their fields as a dataset of plain numbers."
        )
    if node.dtype.kind not in "fiubc":
        raise InputError(
            f"{where}:{node.name} holds {'text' if node.dtype.kind in 'OSU' else node.dtype}, "
            f"not numbers; choose another dataset with -d: it has {contents(node.file)}."
        )
    return node


def datasets(root: Any) -> list[Any]:
    """All datasets of a file."""
    found: list[Any] = []
    root.visititems(lambda _, node: found.append(node) if is_dataset(node) else None)
    return found


def candidates(root: Any) -> list[Any]:
    """The datasets that could be a field: arrays of numbers that are not coordinates."""
    return [
        node
        for node in datasets(root)
        if node.shape
        and node.size > 1
        and node.dtype.kind in "fiubc"
        and text(node.attrs.get("CLASS", "")) != "DIMENSION_SCALE"
    ]


def is_dataset(node: Any) -> bool:
    return hasattr(node, "shape") and hasattr(node, "dtype")


def listing(nodes: Sequence[Any], most: int = 8) -> str:
    """Names and shapes, the first few of them."""
    shown = [f"{node.name.strip('/')} {tuple(node.shape or ())}" for node in nodes[:most]]
    more = [f"{len(nodes) - most} more"] if len(nodes) > most else []
    return ", ".join(shown + more)


def contents(root: Any) -> str:
    return listing(candidates(root)) or listing(datasets(root)) or "nothing in it"


def text(value: Any) -> str:
    """An attribute as text, whatever its HDF5 type."""
    value = value.item() if getattr(value, "size", 0) == 1 else value
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def texts(value: Any) -> tuple[str, ...]:
    """An attribute that lists names: an array of strings, or one string "y,x"."""
    if isinstance(value, str | bytes) or getattr(value, "size", 0) == 1:
        return tuple(text(value).replace(",", " ").split())
    return tuple(text(item) for item in value)
