"""Simulation archives and codes: The Well, PDEBench, JHTDB cutouts, Athena++ on a uniform grid."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any, TypeVar

import numpy as np

from synth.errors import InputError
from synth.files import axes
from synth.files.athena import Mosaic
from synth.files.contents import contents, is_dataset, text, texts
from synth.files.plan import Plan
from synth.files.slabs import Cut, Source, Stack

Part = TypeVar("Part", bound=Source)


def the_well(root: Any, where: str, dataset: str | None) -> Plan | None:
    """The Well: t0_fields, t1_fields, t2_fields of (trajectory, time, *space[, components]).

    Fields that vary in space, time and trajectory become channels; coefficients are left out.
    """
    if "t0_fields" not in root and "t1_fields" not in root:
        return None
    if text(root.attrs.get("grid_type", "cartesian")) != "cartesian":
        raise InputError(
            f"{where} is a file of The Well on a {text(root.attrs['grid_type'])} grid; "
            "interpolate it to a Cartesian grid."
        )
    space = texts(root["dimensions"].attrs["spatial_dims"])
    parts: dict[str, Cut] = {}
    for group in ("t0_fields", "t1_fields", "t2_fields"):
        for name, node in root.get(group, {}).items():
            if not all(node.attrs.get("dim_varying", [True])):
                continue
            varying = ("sample_varying", "time_varying")
            roles = ["sample" for key in varying if node.attrs.get(key, True)] + list(space)
            roles += ["channel"] * (len(node.shape) - len(roles))
            parts[name] = Cut(node.name, tuple(roles), tuple(node.shape), node.dtype)
    most = max((part.shape[0] for part in parts.values()), default=0)
    chosen = _pick(
        {name: part for name, part in parts.items() if part.shape[0] == most}, dataset, root, where
    )
    steps = [_coordinates(root["dimensions"], name, name, where) for name in space]
    return Plan(
        source=_stacked(chosen),
        name=next(iter(chosen)) if len(chosen) == 1 else "fields",
        dims=space,
        layout=f"The Well, {text(root.attrs.get('dataset_name', ''))}: {', '.join(chosen)}; "
        "trajectories and times are samples.",
        path=_paths(chosen),
        channels=_components(chosen, space),
        spacing=tuple(steps),
        boundary=_well_boundary(root),
    )


def _well_boundary(root: Any) -> str:
    kinds = {
        text(group.attrs.get("bc_type", "")).lower()
        for group in root.get("boundary_conditions", {}).values()
    }
    if not kinds:
        return "unknown"
    return "periodic" if kinds == {"periodic"} else "open"


def pdebench(root: Any, where: str, dataset: str | None) -> Plan | None:
    """PDEBench: `tensor`, or `density`, `Vx`, ..., of (sample, time, *space)."""
    flow = [name for name in ("density", "pressure", "Vx", "Vy", "Vz") if name in root]
    names = ["tensor"] if "tensor" in root and is_dataset(root["tensor"]) else flow
    if not names or (names == flow and not {"density", "Vx"} <= set(flow)):
        return None
    shape = root[names[0]].shape
    space = [axis for axis in "xyz" if f"{axis}-coordinate" in root]
    space = space or ["x", "y", "z"][: max(1, len(shape) - 2)]
    lead = len(shape) - len(space)
    if not 0 <= lead <= 2:
        raise InputError(
            f"{where}:{names[0]} has the shape {shape}, which PDEBench's coordinates "
            f"{','.join(space)} do not explain; name the axes with -d {names[0]} --dims."
        )
    roles = (*("sample",) * lead, *space)
    parts = {name: Cut(f"/{name}", roles, root[name].shape, root[name].dtype) for name in names}
    chosen = _pick(parts, dataset, root, where)
    return Plan(
        source=_stacked(chosen),
        name=next(iter(chosen)) if len(chosen) == 1 else "fields",
        dims=tuple(space),
        layout=f"PDEBench: {', '.join(chosen)}; times are samples.",
        path=_paths(chosen),
        channels=tuple(chosen),
        spacing=tuple(_coordinates(root, f"{name}-coordinate", name, where) for name in space),
    )


def jhtdb(root: Any, where: str, dataset: str | None) -> Plan | None:
    """A cutout of the Johns Hopkins Turbulence Databases: Velocity_0001 (z, y, x, component)."""
    if not {"xcoor", "ycoor", "zcoor"} & set(root):
        return None
    cuts: dict[str, Cut] = {}
    for name in sorted(root):
        node = root[name]
        if re.fullmatch(r".+_\d{3,}", name) and is_dataset(node) and len(node.shape) in (3, 4):
            roles = (*axes.roles(("z", "y", "x"), node.shape[:3], where), "channel")
            cuts[name] = Cut(node.name, roles[: len(node.shape)], node.shape, node.dtype)
    if not cuts:
        return None
    chosen = {
        name: cut
        for name, cut in cuts.items()
        if dataset is None or dataset.strip("/") in (name, name.rsplit("_", 1)[0])
    }
    variables = sorted({name.rsplit("_", 1)[0] for name in chosen})
    if not variables:
        raise InputError(f"{where} has no dataset {dataset}; it has {contents(root)}.")
    if len(variables) > 1:
        raise InputError(
            f"{where} is a cutout of JHTDB with several fields; pick one with -d: "
            f"{', '.join(variables)}."
        )
    source = Stack(list(chosen.values()), 0)
    space = next(iter(chosen.values())).space
    return Plan(
        source=source,
        name=variables[0],
        dims=space,
        layout=f"JHTDB cutout: {variables[0]}, {len(chosen)} time steps as samples.",
        path="/" + (next(iter(chosen)) if len(chosen) == 1 else variables[0]),
        channels=_components({variables[0]: source}, ("x", "y", "z")),
        spacing=tuple(_coordinates(root, f"{axis}coor", axis, where) for axis in space),
    )


def athena(root: Any, where: str, dataset: str | None) -> Plan | None:
    """Athena++ (.athdf) without refinement: mesh blocks put together by LogicalLocations."""
    if "LogicalLocations" not in root or "MeshBlockSize" not in root.attrs:
        return None
    if text(root.attrs.get("Coordinates", "cartesian")) != "cartesian":
        raise InputError(
            f"{where} is an Athena++ file in {text(root.attrs['Coordinates'])} coordinates; "
            "interpolate it to a Cartesian grid."
        )
    names = iter(texts(root.attrs["VariableNames"]))
    locations = np.asarray(root["LogicalLocations"][()], int)
    parts: dict[str, Mosaic] = {}
    for group in texts(root.attrs["DatasetNames"]):
        node = root[group]
        for variable in range(node.shape[0]):
            parts[next(names)] = Mosaic(
                node.name, variable, locations, tuple(node.shape[2:]), node.dtype
            )
    chosen = _pick(parts, dataset, root, where)
    space = next(iter(chosen.values())).space
    extents = {axis: root.attrs[f"RootGridX{i}"] for i, axis in enumerate("xyz", 1)}
    sizes = dict(zip("xyz", root.attrs["RootGridSize"], strict=True))
    return Plan(
        source=_stacked(chosen),
        name=next(iter(chosen)) if len(chosen) == 1 else "fields",
        dims=space,
        layout=f"Athena++, {len(locations)} mesh blocks of a uniform grid: {', '.join(chosen)}.",
        path="/" + ",".join(chosen),
        channels=tuple(chosen),
        spacing=tuple(float((extents[a][1] - extents[a][0]) / sizes[a]) for a in space),
    )


def _pick(parts: dict[str, Part], dataset: str | None, root: Any, where: str) -> dict[str, Part]:
    """All parts of the same shape as the first, or the one wanted by its path or name."""
    if dataset is not None:
        name = dataset.strip("/").rsplit("/", 1)[-1]
        if name not in parts:
            known = ", ".join(parts) or contents(root)
            raise InputError(f"{where} has no field {dataset}; it has {known}.")
        return {name: parts[name]}
    if not parts:
        raise InputError(f"{where} has no field that varies in space; it has {contents(root)}.")
    first = next(iter(parts.values())).shape
    same = {
        name: p for name, p in parts.items() if (p.shape[0], *p.shape[2:]) == (first[0], *first[2:])
    }
    return same


def _stacked(parts: dict[str, Part]) -> Source:
    sources = list(parts.values())
    return sources[0] if len(sources) == 1 else Stack(sources, 1)


def _components(parts: Mapping[str, Source], space: Sequence[str]) -> tuple[str, ...]:
    """Channel names: velocity_x, velocity_y for a vector, stress_xx, ... for a tensor."""
    names: list[str] = []
    for name, part in parts.items():
        count = part.shape[1]
        order = next((k for k in (0, 1, 2) if len(space) ** k == count), None)
        if order is None:
            names += [f"{name}_{i}" for i in range(count)]
        elif order == 0:
            names.append(name)
        else:
            names += [f"{name}_{''.join(indices)}" for indices in product(space, repeat=order)]
    return tuple(names)


def _paths(parts: Mapping[str, Cut]) -> str:
    return ",".join(part.path for part in parts.values())


def _coordinates(group: Any, name: str, axis: str, where: str) -> float:
    """The step of a coordinate dataset; 1 where there is none."""
    return axes.step(group[name][()], axis, where) if name in group else 1.0
