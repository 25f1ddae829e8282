"""Datasets that say what they are: dimension scales, CF and netCDF attributes, our own labels."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from synth.errors import InputError
from synth.field import channel_names
from synth.files import axes
from synth.files.contents import candidates, find, listing, text, texts
from synth.files.hdf5 import file_kind
from synth.files.plan import Plan
from synth.files.slabs import Coding, Cut

# What is read from attributes below, or describes the storage: not kept as an attribute.
USED = {
    "dims", "spacing", "units", "periodic", "boundary", "channels", "scale_factor", "add_offset",
    "_FillValue", "missing_value", "valid_min", "valid_max", "valid_range", "coordinates",
}  # fmt: skip
# netCDF's fill value of floats, in force where a file written by netCDF names none.
NETCDF_FILL = float(np.float32(9.969209968386869e36))


def ours(root: Any, where: str, dataset: str | None) -> Plan | None:
    """The fields of a samples file that synth wrote."""
    kind = file_kind(root)
    if kind == "model":
        raise InputError(f"{where} holds a model, not a field; draw fields from it: synth sample.")
    if kind == "field" or dataset is not None:
        return None
    node = root[text(root.attrs["field"])]
    return _plan(root, where, node, _scale_names(node), "Samples that synth wrote.")


def scaled(root: Any, where: str, dataset: str | None) -> Plan | None:
    """A variable all of whose axes have dimension scales, as netCDF-4 and xarray write them."""
    if dataset is not None:
        found = find(root, dataset)
        named = found if len(found) == 1 and all(_scale_names(found[0])) else []
    else:
        found, helpers = candidates(root), set()
        for node in found:
            helpers |= set(text(node.attrs.get("coordinates", "")).split())
            helpers.add(text(node.attrs.get("bounds", "")))
        named = [
            node
            for node in found
            if all(_scale_names(node)) and node.name.rsplit("/", 1)[-1] not in helpers
        ]
        # A labelled series beside an unlabelled map is not the field.
        most = max(map(_extent, found), default=0)
        named = [node for node in named if _extent(node) == most]
    if not named:
        return None
    if len(named) > 1:
        raise InputError(f"{where} holds several fields; pick one with -d: {listing(named)}.")
    names = _scale_names(named[0])
    return _plan(root, where, named[0], names, "Dimension scales name the axes {axes}.")


def single(root: Any, where: str, node: Any, dims: Sequence[str] | None) -> Plan:
    """One dataset whose axes are named by the caller, by an attribute, or by its shape alone."""
    shape = tuple(node.shape)
    place = f"{where}:{node.name}"
    if dims is not None:
        return _plan(root, where, node, dims, "The axes {axes} are as given.", given=True)
    attribute = _inherited(root, node, "dims")
    if attribute is not None:
        names, why = texts(attribute), "The attribute dims names the axes {axes}."
    elif all(_scale_names(node)):
        names, why = _scale_names(node), "Dimension scales name the axes {axes}."
    else:
        names = axes.guess(shape, place)
        why = f"An unlabelled dataset of shape {shape} is taken to have the axes {{axes}}."
    return _plan(root, where, node, names, why)


def plain(node: Any, where: str, dims: Sequence[str] | None) -> Plan:
    """An array without labels, as a .npy file holds it."""
    shape = tuple(node.shape)
    if dims is None:
        names, why = axes.guess(shape, where), f"An array of shape {shape} with the axes {{axes}}."
    else:
        names, why = tuple(dims), "The axes {axes} are as given."
    names = _roles(names, node, where)
    cut = Cut("/", names, shape, node.dtype)
    return Plan(cut, "field", cut.space, why.format(axes=",".join(names)), "")


def _plan(
    root: Any, where: str, node: Any, names: Sequence[str], why: str, given: bool = False
) -> Plan:
    shape, place = tuple(node.shape), f"{where}:{node.name}"
    roles = _roles(names, node, place)
    cut = Cut(node.name, roles, shape, node.dtype, coding(root, node))
    name = node.name.rsplit("/", 1)[-1]
    channels: tuple[str, ...] = channel_names(name, cut.shape[1])
    if node.dtype.kind == "c":
        channels = (f"{name} real", f"{name} imaginary")
    labels = _channel_labels(root, node, roles)
    if len(labels) == cut.shape[1]:
        channels = labels
    return Plan(
        source=cut,
        name=name,
        dims=cut.space,
        layout=why.format(axes=",".join(map(str, names))),
        path=node.name,
        channels=channels,
        spacing=_spacing(root, node, roles, place, given),
        units=text(node.attrs.get("units", "")),
        boundary=_boundary(root, node),
        attributes=_kept(node.attrs),
    )


def _roles(names: Sequence[str], node: Any, place: str) -> tuple[str, ...]:
    """Roles of the axes; complex numbers need one more, a last channel axis (real, imaginary)."""
    shape = tuple(node.shape)
    if node.dtype.kind != "c":
        return axes.roles(names, shape, place)
    names = tuple(names)
    if len(names) == len(shape) + 1 and names[-1] == "channel":
        return (*axes.roles(names[:-1], shape, place), "channel")
    raise InputError(
        f"{place} is complex, but a field is real; to read its real and imaginary parts as two "
        f"channels say --dims {','.join(axes.roles(names, shape, place))},channel."
    )


def _channel_labels(root: Any, node: Any, roles: Sequence[str]) -> tuple[str, ...]:
    """Channel names from the attribute `channels` or from a dimension scale of text."""
    attribute = _inherited(root, node, "channels")
    if attribute is not None:
        return texts(attribute)
    stored = roles[: len(node.shape)]
    if "channel" in stored:
        axis = node.dims[stored.index("channel")]
        if len(axis) and axis[0].dtype.kind in "OS":
            return tuple(text(label) for label in axis[0][()])
    return ()


def coding(root: Any, node: Any) -> Coding:
    """Scale, offset, fill values and valid range by the CF conventions."""
    attributes = node.attrs
    special = {
        float(code): math.nan
        for key in ("_FillValue", "missing_value")
        for code in np.atleast_1d(attributes.get(key, ()))
        if code.dtype.kind in "fiu" and np.isfinite(code)
    }
    if "_NCProperties" in root.attrs and not special and node.dtype.kind == "f":
        special = {NETCDF_FILL: math.nan}
    low, high = attributes.get(
        "valid_range",
        (attributes.get("valid_min", -math.inf), attributes.get("valid_max", math.inf)),
    )
    return Coding(
        scale=number(attributes.get("scale_factor", 1)),
        offset=number(attributes.get("add_offset", 0)),
        special=special,
        valid=(number(low), number(high)),
    )


def number(value: Any) -> float:
    """A numeric attribute, also where it is stored as an array of one."""
    return float(np.asarray(value).reshape(-1)[0])


def _extent(node: Any) -> int:
    return sum(size > 1 for size in node.shape)


def _scale_names(node: Any) -> tuple[str, ...]:
    """Names of the dimension scales, or the labels, of the axes; empty where one has none."""
    names = []
    for axis in node.dims:
        scale = axis[0].name.rsplit("/", 1)[-1] if len(axis) else ""
        names.append(scale or text(axis.label))
    return tuple(names) or ("",)


def _spacing(
    root: Any, node: Any, roles: Sequence[str], place: str, given: bool
) -> tuple[float, ...]:
    """Grid steps of the space axes from the attribute `spacing` or the coordinates."""
    space = [i for i, role in enumerate(roles) if role not in ("sample", "channel")]
    attribute = _inherited(root, node, "spacing")
    if attribute is not None:
        steps = np.asarray(attribute, float).ravel()
        steps = np.repeat(steps, len(space)) if len(steps) == 1 else steps
        if len(steps) != len(space) or not (np.isfinite(steps) & (steps > 0)).all():
            raise InputError(
                f"The attribute spacing of {place} is {text(attribute)}, but it should be one "
                f"positive number for each of {','.join(roles[i] for i in space)}; correct it."
            )
        return tuple(steps.tolist())
    if given:
        return (1.0,) * len(space)
    return tuple(_coordinate_step(node.dims[i], node.shape[i], roles[i], place) for i in space)


def _coordinate_step(axis: Any, size: int, name: str, place: str) -> float:
    scale = axis[0] if len(axis) else None
    placeholder = "This is a netCDF dimension but not a netCDF variable"
    if scale is None or scale.shape != (size,) or scale.dtype.kind not in "iuf":
        return 1.0
    if text(scale.attrs.get("NAME", "")).startswith(placeholder):
        return 1.0
    return axes.step(scale[()], name, place)


def _boundary(root: Any, node: Any) -> str:
    """What the attributes `boundary` or `periodic` declare; periodic only if every axis is."""
    declared = _inherited(root, node, "boundary")
    if declared is not None and text(declared).lower() in ("periodic", "open"):
        return text(declared).lower()
    periodic = _inherited(root, node, "periodic")
    if periodic is None:
        return "unknown"
    words = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
    answers = [words.get(text(item).lower()) for item in np.atleast_1d(periodic)]
    if None in answers:
        return "unknown"
    return "periodic" if all(answers) else "open"


def _inherited(root: Any, node: Any, key: str) -> Any:
    """An attribute of the dataset, or of the nearest group around it that has it."""
    path = node.name
    while path and path != "/":
        if key in root[path].attrs:
            return root[path].attrs[key]
        path = path.rsplit("/", 1)[0]
    return root.attrs.get(key)


def _kept(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """The attributes that are one text or number and not of use elsewhere."""
    kept: dict[str, Any] = {}
    for key, value in attributes.items():
        if key in USED or key.isupper() or key.startswith("_"):
            continue
        if isinstance(value, str | bytes):
            kept[key] = text(value)
        elif getattr(value, "size", 0) == 1 and value.dtype.kind in "fiub":
            kept[key] = value.item()
    return kept
