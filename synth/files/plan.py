"""What was recognised in a file: the plan by which it is read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from synth.files.slabs import Source


@dataclass(frozen=True)
class Plan:
    """What was recognised: where the numbers are and what they mean.

    Attributes
    ----------
    source : Source
    name : str
    dims : tuple of str
        Names of the space axes.
    layout : str
        A sentence on how it was recognised.
    path : str
        The dataset or group it comes from.
    channels : tuple of str
        Empty where they have no names.
    spacing : tuple of float
        Empty where nothing is said.
    units : str
    boundary : str
    attributes : mapping
    """

    source: Source
    name: str
    dims: tuple[str, ...]
    layout: str
    path: str
    channels: tuple[str, ...] = ()
    spacing: tuple[float, ...] = ()
    units: str = ""
    boundary: str = "unknown"
    attributes: Mapping[str, Any] = field(default_factory=dict)
