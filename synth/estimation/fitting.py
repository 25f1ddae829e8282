"""Fit: from a field to the moments of the process behind it."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import torch
from torch import Tensor

from moments import MomentFamily, Subset
from synth.errors import UsageError
from synth.estimation import gaps, spectra
from synth.estimation.helmholtz import compressive_power
from synth.estimation.preparation import DEFAULT, Progress, prepare
from synth.estimation.spread import pooled_deviation, surrogate_spread
from synth.estimation.threshold import standing_out
from synth.field import Field
from synth.model import MEMORISING_SHARE, Model
from synth.vectors import vector_components

#: Moments of single fields kept in the model, for samples that follow one of them.
KEPT_TARGETS = 1024
#: Share of the variance that may stay outside of periodic fields unsaid.
BEYOND = 0.5


def fit(
    field: Field,
    model: str = DEFAULT,
    *,
    scales: int | None = None,
    angles: int | None = None,
    boundary: str = "auto",
    transform: str = "none",
    device: str = "auto",
    like: Model | None = None,
    threshold: float | None = None,
    progress: Progress | None = None,
    **options: Any,
) -> Model:
    """Measure the moments of a field, their sampling spread and its spectrum.

    The field is read in slabs three times: for its mean and deviation, for the constants that
    normalise the moments, and for the moments.

    Parameters
    ----------
    field : Field
        One or several realizations.
    model : str
        Moment family; :func:`moments.families` lists them.
    scales, angles : int, optional
        J and L; by default log2 of the smallest side minus 1, and 4 (1 in 1-D, 6 in 3-D).
    boundary : {"auto", "periodic", "open"}
        "auto" believes the file and, where it is silent, looks at the border.
    transform : {"none", "log", "asinh"}
        Taken before standardisation, undone after sampling.
    device : str
        "auto", "cpu" or "cuda".
    like : Model, optional
        Take settings and normalisation from this model, so that the two can be merged.
    threshold : float, optional
        Leave out correlations whose mean is less than so many sampling spreads from 0
        (:func:`synth.estimation.threshold.standing_out`).
    progress : callable, optional
        Called with a dict of ``done`` and ``n`` fields.
    **options
        Options of the family.

    Returns
    -------
    Model

    Raises
    ------
    InputError
        If the field is constant, too small for the scales, or an option does not fit.
    UsageError
        If both ``like`` and ``threshold`` say what to keep.
    """
    if like is not None and threshold is not None:
        raise UsageError("The moments kept are those of the model in like; drop threshold.")
    settings = {"scales": scales, "angles": angles, **options}
    prepared = prepare(
        field, model, settings, boundary=boundary, transform=transform, device=device, like=like
    )
    op = prepared.op
    missing = _missing(field, op)
    axes = vector_components(field) if prepared.standard.transform.kind == "none" else ()
    unit = [prepared.standard.std[c] / field.spacing[axis] for c, axis in enumerate(axes)]
    with torch.no_grad():
        gathered = _Gathered(field.n_samples)
        for done, (x, values) in enumerate(prepared.moments(), start=1):
            gathered.add(values, spectra.measure(x.cpu()), float(x.square().mean()))
            if axes:
                gathered.compressive += compressive_power(x.cpu(), axes, unit)
            if progress is not None:
                progress({"done": done, "n": field.n_samples})
        if field.n_samples > 1:
            spread = pooled_deviation(op, gathered.variance())
        else:
            spread = surrogate_spread(op, next(prepared.fields()))
    mean, targets = gathered.mean(), np.concatenate(gathered.targets)
    kept = None if like is None else like.kept
    if prepared.boundary == "open" and gathered.variance_kept < 1 - BEYOND:
        warnings.warn(
            f"Only {gathered.variance_kept:.0%} of the variance is within reach of periodic fields "
            "of this size; the rest is a trend across the field, or scales larger than it, and "
            "samples lack it.",
            stacklevel=2,
        )
    if threshold is not None:
        kept = standing_out(op.labels, mean, spread, threshold)
        missing |= {"threshold": threshold, "dropped": op.n_moments - len(kept)}
        op = Subset(op, kept.tolist())
        mean, spread, targets = mean[kept], spread[kept], targets[:, kept]

    fitted = Model(
        family=prepared.family,
        shape=field.shape,
        channels=field.n_channels,
        settings=prepared.settings,
        standardisation=prepared.standard,
        constants={name: value.cpu().numpy() for name, value in op.state_dict().items()},
        mean=mean,
        spread=spread,
        targets=targets,
        shells=spectra.centres(field.shape),
        spectrum=gathered.spectrum / field.n_samples,
        boundary=prepared.boundary,
        field={
            "name": field.name,
            "channels": list(field.channels),
            "dims": list(field.dims),
            "spacing": list(field.spacing),
            "units": field.units,
            "samples": field.n_samples,
            "components": list(axes),
        },
        provenance={"source": field.source, "layout": field.layout, **missing},
        kept=kept,
        compressive=gathered.compressive / field.n_samples if axes else None,
    )
    if fitted.memorising_share > MEMORISING_SHARE:
        warnings.warn(
            f"{fitted.n_moments} moments for {fitted.n_moments / fitted.memorising_share:.0f} "
            f"values: above {MEMORISING_SHARE:.0%} a model starts to store its example; "
            "fewer scales, angles or classes, or a threshold, would help.",
            stacklevel=2,
        )
    return fitted


def _missing(field: Field, op: MomentFamily) -> dict[str, Any]:
    """What gaps cost each scale, for the model's provenance and as a warning."""
    missing = gaps.missing_share(field)
    if missing == 0:
        return {}
    shares = [gaps.lost_share(valid, op.bank.scales) for valid in gaps.masks(field)]
    lost = np.mean(shares, axis=0).round(4).tolist()
    warnings.warn(
        f"{missing:.1%} of the pixels are gaps, filled by constrained Gaussian realizations; of "
        f"scales j = 0 .. {len(lost) - 1} they touch "
        f"{', '.join(f'{share:.0%}' for share in lost)} of the area.",
        stacklevel=3,
    )
    return {"gaps": missing, "lost_share": lost}


class _Gathered:
    """Running sums over fields, and the moments of up to KEPT_TARGETS of them."""

    def __init__(self, fields: int) -> None:
        self.every = -(-fields // KEPT_TARGETS)
        self.count = 0
        self.total: Any = 0.0
        self.squares: Any = 0.0
        self.spectrum: Any = 0.0
        self.compressive: Any = 0.0
        self.power = 0.0
        self.targets: list[np.ndarray] = []
        self.origin: Any = None

    def add(self, values: Tensor, spectrum: np.ndarray, power: float) -> None:
        v = values.double().cpu().numpy()
        if self.count % self.every == 0:
            self.targets.append(v.astype(np.float32))
        # Sums of the distances from the first field keep their digits.
        if self.origin is None:
            self.origin = v[0]
        self.count += 1
        self.total += v[0] - self.origin
        self.squares += (v[0] - self.origin) ** 2
        self.spectrum += spectrum
        self.power += power

    @property
    def variance_kept(self) -> float:
        """Mean square of the fields, which that of standardised ones is before they are treated."""
        return self.power / self.count

    def mean(self) -> np.ndarray:
        return self.origin + self.total / self.count

    def variance(self) -> np.ndarray:
        about = self.squares - self.total**2 / self.count
        return about.clip(min=0.0) / (self.count - 1)
