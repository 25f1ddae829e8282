"""What the axes of a dataset mean: names become roles, coordinates become grid steps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from synth.errors import InputError

# Names that communities give to what is here a sample or a channel.
SAMPLES = {
    "time", "t", "realization", "realisation", "member", "ensemble", "number", "batch",
    "trajectory", "snapshot", "frame", "samples", "run",
}  # fmt: skip
CHANNELS = {
    "channel", "channels", "component", "components", "c", "band", "bands", "rgb", "stokes",
    "variable", "species",
}  # fmt: skip
# A map is at most this many times longer than wide; beyond, it may be many series.
LONGEST = 16
# Steps of a uniform grid agree to this, which single precision coordinates need.
UNIFORM = 0.02


def roles(names: Sequence[str], shape: Sequence[int], where: str) -> tuple[str, ...]:
    """The role of each axis: "sample", "channel" or the name of a space axis.

    Time counts as samples where space is left without it, and so does any axis of length 1.

    Raises
    ------
    InputError
        The names do not fit the shape, or leave none or more than three axes of space.
    """
    names = tuple(name.strip() for name in names)
    if len(names) != len(shape):
        raise InputError(
            f"{where} has {len(shape)} axes {tuple(shape)}, but {len(names)} were named "
            f"({','.join(names)}); name each once: --dims {','.join(suggestions(shape)[0])}."
        )
    roles = ["channel" if name.lower() in CHANNELS else name for name in names]
    for weak in (
        [i for i, size in enumerate(shape) if size == 1 and roles[i] != "channel"],
        [i for i, name in enumerate(names) if name.lower() in SAMPLES],
    ):
        rest = set(range(len(roles))) - set(weak)
        if any(roles[i] not in ("sample", "channel") for i in rest):
            for i in weak:
                roles[i] = "sample"
    space = [role for role in roles if role not in ("sample", "channel")]
    if not 1 <= len(space) <= 3 or len(set(space)) != len(space) or "" in space:
        raise InputError(
            f"{where} has the space axes {','.join(space) or 'none'}, but a field has 1 to 3 with "
            f"different names; name all its axes: --dims {','.join(suggestions(shape)[0])}."
        )
    return tuple(roles)


def guess(shape: Sequence[int], where: str) -> tuple[str, ...]:
    """Names of the axes of an unlabelled shape, if it can be only one thing.

    Raises
    ------
    InputError
        The shape could be many maps or one cube.
    """
    long = [size for size in shape if size > 1]
    plain = (len(long) == 1) or (len(long) == 2 and max(long) <= LONGEST * min(long))
    if len(shape) == 5 or plain:
        space = iter(("z", "y", "x")[-len(long) :])
        if len(shape) == 5:
            return ("sample", "channel", "z", "y", "x")
        return tuple(next(space) if size > 1 else "sample" for size in shape)
    ways = [f"--dims {','.join(way)}" for way in suggestions(shape)]
    raise InputError(
        f"{where} has the shape {tuple(shape)} and nothing names its axes; say what they are: "
        f"{' or '.join(ways)}."
    )


def suggestions(shape: Sequence[int]) -> list[tuple[str, ...]]:
    """The likeliest two ways to name the axes of a shape."""
    n = len(shape)
    if n <= 1:
        return [("x",)]
    if n == 2:
        return [("y", "x"), ("sample", "x")]
    if n == 3 and shape[-1] in (2, 3, 4):
        return [("y", "x", "channel"), ("z", "y", "x")]
    if n == 3 and shape[0] in (2, 3, 4):
        return [("channel", "y", "x"), ("sample", "y", "x")]
    if n == 3:
        return [("sample", "y", "x"), ("z", "y", "x")]
    if n == 4 and shape[-1] in (2, 3, 4):
        return [("z", "y", "x", "channel"), ("sample", "y", "x", "channel")]
    if n == 4 and shape[0] in (2, 3, 4):
        return [("channel", "z", "y", "x"), ("sample", "channel", "y", "x")]
    if n == 4:
        return [("sample", "z", "y", "x"), ("sample", "channel", "y", "x")]
    return [(*("sample",) * (n - 4), "channel", "z", "y", "x")]


def step(coordinates: Any, axis: str, where: str) -> float:
    """The grid step of coordinates, positive.

    Raises
    ------
    InputError
        The grid is not uniform.
    """
    values = np.asarray(coordinates, np.float64).ravel()
    steps = np.diff(values)
    if not len(steps) or not np.isfinite(values).all():
        return 1.0
    mean = float(steps.mean())
    if mean == 0 or np.abs(steps - mean).max() > UNIFORM * abs(mean):
        low, high = np.abs(steps).min(), np.abs(steps).max()
        raise InputError(
            f"The axis {axis} of {where} is not uniform (steps from {low:.4g} to {high:.4g}); "
            "interpolate to a uniform grid, or name the axes with --dims to take it as it is."
        )
    return abs(mean)
