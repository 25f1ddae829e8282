"""Files that hold no field on a uniform grid, and what to do with each."""

from __future__ import annotations

from typing import Any

from synth.errors import InputError
from synth.files.contents import text

UNIFORM = (
    "resample it to a uniform grid, for example in yt with ds.covering_grid(level, left_edge, "
    "dims), and save that in an HDF5 file"
)


def check(root: Any, where: str) -> None:
    """Raise InputError where the file is known not to be a field on a uniform grid."""
    keys, attributes = set(root), root.attrs
    what = None
    if {"refine level", "block size"} & keys and "coordinates" in keys:
        what = f"blocks of a FLASH grid; {UNIFORM}"
    elif any(key.startswith("Grid0") for key in keys):
        what = f"grids of an Enzo hierarchy; {UNIFORM}"
    elif "Chombo_global" in keys:
        what = f"levels of a Chombo grid; {UNIFORM}"
    elif int(attributes.get("MaxLevel", 0)) > 0:
        what = f"a refined Athena++ grid; {UNIFORM}"
    elif text(attributes.get("data_type", "")).startswith("yt") and not text(
        attributes.get("container_type", "")
    ).endswith("_grid"):
        what = f"the cells of a yt selection one by one; {UNIFORM}"
    elif "DG_Solution" in keys or text(attributes.get("Program", "")) == "Flexi":
        what = (
            "the state of a solver on curved elements (FLEXI), whose nodes are not a uniform "
            "grid; interpolate it to one, for example with posti_visu, and save that"
        )
    elif any(key.startswith("PartType") for key in keys):
        what = "particles; deposit them on a uniform grid and save that"
    elif " format" in keys:
        what = "a CGNS mesh; interpolate it to a uniform grid and save that"
    elif any("pandas_type" in _attributes(root, key) for key in keys):
        what = "a table written by pandas; save its values with numpy.save instead"
    if what:
        raise InputError(f"{where} holds {what}.")


def _attributes(root: Any, key: str) -> Any:
    """Attributes of what is in the file under this name; none where it is a broken link."""
    try:
        return root[key].attrs
    except (KeyError, OSError):
        return {}
