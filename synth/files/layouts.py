"""Recognition of what a file holds, community by community."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from synth.files import labelled, radar, refused, simulation
from synth.files.contents import select
from synth.files.plan import Plan

#: In the order in which they are tried.
LAYOUTS = (
    labelled.ours,
    labelled.scaled,
    simulation.the_well,
    simulation.pdebench,
    simulation.jhtdb,
    simulation.athena,
    radar.odim,
)


def recognise(root: Any, where: str, dataset: str | None, dims: Sequence[str] | None) -> Plan:
    """The plan to read a file by: the first layout that fits, or the one dataset there is.

    Parameters
    ----------
    root : open file
    where : str
        Its path, for messages.
    dataset : str, optional
        Path or name of the dataset wanted.
    dims : sequence of str, optional
        Names of its axes, which overrule all labels in the file.

    Raises
    ------
    InputError
        Nothing fits, several datasets could be meant, or the file is not a field on a grid.
    """
    if dims is None:
        refused.check(root, where)
        for layout in LAYOUTS:
            plan = layout(root, where, dataset)
            if plan is not None:
                return plan
    return labelled.single(root, where, select(root, where, dataset), dims)
