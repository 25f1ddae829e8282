"""What a file holds: a field and what fit would do with it, a model, or samples."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from synth.errors import InputError
from synth.estimation.boundary import detect_boundary
from synth.field import Field
from synth.files.hdf5 import kind, read_model
from synth.files.pixels import PixelStatistics
from synth.files.reading import is_plain, read, split
from synth.files.samples_file import read_samples

#: Skewness from which a positive field is better fitted by its logarithm.
SKEWED = 1.0


def inspect(path: str | Path) -> dict[str, Any]:
    """Describe a field, model or samples file.

    Parameters
    ----------
    path : path
        "file.h5", "file.h5:/dataset" or "file.npy".

    Returns
    -------
    dict
        ``kind`` is "field", "model" or "samples". A field has its layout, axes, boundary (declared
        or detected, with the evidence), statistics of each channel and what `fit` would do with
        it; samples have their outcomes too; a model has its settings.

    Raises
    ------
    InputError
        The file cannot be read, or holds nothing that `synth` knows what to do with.
    """
    file, inner = split(path)
    what = "field" if inner or is_plain(file) else kind(file)
    if what == "model":
        return {"kind": what, "file": file, **_model(file)}
    if what == "samples":
        ensemble = read_samples(file)
        mismatch = [float(outcome["mismatch_sigma"]) for outcome in ensemble.outcomes]
        return {
            "kind": what,
            "file": file,
            **_field(ensemble.field),
            "outcomes": dict(Counter(str(outcome["status"]) for outcome in ensemble.outcomes)),
            "mismatch_sigma": {"median": float(np.median(mismatch)), "largest": max(mismatch)},
            "seed": ensemble.seed,
            "provenance": ensemble.provenance,
        }
    field = read(path)
    said = _field(field)
    return {"kind": what, "file": file, **said, "fit": _fit(field, said["statistics"])}


def _field(field: Field) -> dict[str, Any]:
    detected, evidence = detect_boundary(field)
    declared = field.boundary != "unknown"
    if field.boundary == "open" and detected == "periodic":
        evidence += "; it looks periodic, so consider --boundary periodic"
    return {
        "dataset": field.name,
        "layout": field.layout,
        "samples": field.n_samples,
        "channels": list(field.channels),
        "axes": list(field.dims),
        "shape": list(field.shape),
        "spacing": list(field.spacing),
        "units": field.units,
        "boundary": field.boundary if declared else detected,
        "boundary_from": "the file" if declared else "the jump across the border",
        "border": evidence,
        "statistics": _statistics(field),
    }


def _statistics(field: Field) -> dict[str, dict[str, float]]:
    """Of each channel, to six digits; `missing` is the fraction of gaps."""
    found = PixelStatistics(field.n_channels)
    for values, mask in field.masked_blocks():
        found.update(values, mask)
    columns = {
        "mean": found.mean,
        "std": found.std,
        "min": found.minimum,
        "max": found.maximum,
        "skewness": found.skewness,
        "kurtosis": found.kurtosis,
        "missing": found.missing / (found.missing + found.count),
    }
    return {
        channel: {name: float(f"{column[i]:.6g}") for name, column in columns.items()}
        for i, channel in enumerate(field.channels)
    }


def _fit(field: Field, statistics: dict[str, dict[str, float]]) -> dict[str, Any]:
    """The model that `fit` would build by default, or the sentence it would refuse with."""
    import moments
    from synth.cost import fit_cost
    from synth.devices import keep_freed_memory
    from synth.estimation.preparation import DEFAULT, economical

    keep_freed_memory()
    try:
        family, settings = economical(DEFAULT, field, {})
    except InputError as error:
        return {"refused": str(error)}
    options = {name: value for name, value in settings.items() if name != "scales"}

    def build(shape: Sequence[int]) -> moments.MomentFamily:
        return moments.build(DEFAULT, shape, channels=field.n_channels, **options)

    seconds, memory = fit_cost(build, field.shape, field.n_channels, field.n_samples)
    return {
        "model": DEFAULT,
        "scales": family.bank.scales,
        "angles": family.bank.angles,
        "moments": family.n_moments,
        "moments_per_value": round(family.n_moments / (field.n_channels * field.n_pixels), 4),
        "seconds": float(f"{seconds:.2g}"),
        "memory_mib": round(memory / 2**20),
        **_advice(statistics),
    }


def _advice(statistics: dict[str, dict[str, float]]) -> dict[str, str]:
    """A transform worth trying: the log of fields that are positive and skewed."""
    skewed = all(of["min"] > 0 and of["skewness"] > SKEWED for of in statistics.values())
    return {"consider": "--transform log, for all values are positive and skewed"} if skewed else {}


def _model(path: str) -> dict[str, Any]:
    tree = read_model(path)
    arrays = {name: list(array.shape) for name, array in tree["arrays"].items()}
    return {**tree["attributes"], "arrays": arrays}
