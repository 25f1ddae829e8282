"""Weather radar in the ODIM model (OPERA data information model for HDF5, version 2)."""

from __future__ import annotations

import math
from typing import Any

from synth.errors import InputError
from synth.files.contents import datasets, listing, select, text
from synth.files.labelled import number
from synth.files.plan import Plan
from synth.files.slabs import Coding, Cut

UNITS = {
    "ACRR": "mm", "RATE": "mm/h", "DBZH": "dBZ", "DBZV": "dBZ", "TH": "dBZ", "TV": "dBZ",
    "VRAD": "m/s", "VRADH": "m/s", "VRADV": "m/s", "WRAD": "m/s", "HGHT": "km", "VIL": "kg/m2",
}  # fmt: skip
# Quantities for which "looked, and found nothing" is a value.
NOTHING = {"ACRR": 0.0, "RATE": 0.0, "VIL": 0.0}


def odim(root: Any, where: str, dataset: str | None) -> Plan | None:
    """One image or composite; nodata becomes a gap, undetect no rain (or its decoded value)."""
    what = root["what"].attrs if "what" in root else {}
    declared = (text(what.get("version", "")), text(root.attrs.get("Conventions", "")))
    if not declared[0].startswith("H5rad") and not declared[1].startswith("ODIM"):
        return None
    found = [node for node in datasets(root) if _is_image(node)]
    if dataset is not None:
        node = select(root, where, dataset)
    elif len(found) == 1:
        node = found[0]
    else:
        raise InputError(
            f"{where} is an ODIM radar file with several images; pick one with -d: "
            f"{listing(found)}."
        )
    if "nrays" in _all(root, node, "where"):
        raise InputError(
            f"{where}:{node.name} is a polar scan, rays by range bins, not a map; grid it on "
            "Cartesian axes first, or name the axes with --dims y,x to take it as it is."
        )
    about, place = _all(root, node, "what"), _all(root, node, "where")
    quantity = text(about.get("quantity", "")) or "field"
    special = {}
    if "undetect" in about and quantity in NOTHING:
        special[number(about["undetect"])] = NOTHING[quantity]
    if "nodata" in about:
        special[number(about["nodata"])] = math.nan
    coding = Coding(number(about.get("gain", 1)), number(about.get("offset", 0)), special)
    steps = tuple(number(place.get(key, 1)) for key in ("yscale", "xscale"))
    return Plan(
        source=Cut(node.name, ("y", "x"), tuple(node.shape), node.dtype, coding),
        name=quantity,
        dims=("y", "x"),
        layout=f"ODIM radar, {text(what.get('object', 'image'))}, quantity {quantity}; "
        "nodata are gaps.",
        path=node.name,
        channels=(quantity,),
        spacing=steps if all(steps) else (),
        units=UNITS.get(quantity, ""),
        boundary="open",
        attributes={key: text(what[key]) for key in ("date", "time", "source") if key in what},
    )


def _is_image(node: Any) -> bool:
    """Whether it is datasetN/dataM/data, and not a quality image."""
    parts = node.name.split("/")
    return parts[-1] == "data" and "quality" not in node.name and len(node.shape or ()) == 2


def _all(root: Any, node: Any, group: str) -> dict[str, Any]:
    """Attributes of the groups `group` from the root down to the image; the nearest wins."""
    gathered: dict[str, Any] = {}
    path = ""
    for part in node.name.strip("/").split("/"):
        here = root[path or "/"]
        if group in here:
            gathered |= dict(here[group].attrs)
        path += f"/{part}"
    return gathered
