"""Fit: from a field to the moments of the process behind it."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

import moments
from synth import spectra, surrogates
from synth.devices import choose
from synth.errors import InputError
from synth.field import Field
from synth.model import MEMORISING_SHARE, Model
from synth.spread import pooled_deviation, surrogate_spread
from synth.transforms import Standardisation

#: Moments of single fields kept in the model, for samples that follow one of them.
KEPT_TARGETS = 1024
#: Share of the pixels below which the default model keeps all pairs of scales.
ECONOMICAL_SHARE = 0.05
#: Values held at once while reading.
BLOCK_BYTES = 2**26

Progress = Callable[[dict[str, Any]], None]


def fit(
    field: Field,
    model: str = "wph",
    *,
    scales: int | None = None,
    angles: int | None = None,
    boundary: str = "auto",
    transform: str = "none",
    device: str = "auto",
    like: Model | None = None,
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
    """
    target_device = choose(device)
    if like is None:
        standard = Standardisation.measure(field, transform)
        settings = {"scales": scales, "angles": angles, **options}
        family = model
    else:
        standard, settings, family = like.standardisation, like.settings, like.family
    op, settings = _build(family, field, settings)
    op = op.to(target_device)
    kind = _boundary(field, boundary)

    def blocks() -> Iterator[Tensor]:
        for values in field.blocks(BLOCK_BYTES):
            x = torch.from_numpy(standard.forward(values))
            x = x if kind == "periodic" else surrogates.periodic_component(x)
            for one in x:
                yield one[None].to(target_device)

    with torch.no_grad():
        if like is None:
            op.freeze(_average(op.constants(x) for x in blocks()))
        else:
            op.freeze({name: torch.as_tensor(value) for name, value in like.constants.items()})
        gathered = _Gathered(field.n_samples)
        for done, x in enumerate(blocks(), start=1):
            gathered.add(op(x), spectra.measure(x.cpu()))
            if progress is not None:
                progress({"done": done, "n": field.n_samples})
        if field.n_samples > 1:
            spread = pooled_deviation(op, gathered.variance())
        else:
            spread = surrogate_spread(op, next(blocks()))

    fitted = Model(
        family=family,
        shape=field.shape,
        channels=field.n_channels,
        settings=settings,
        standardisation=standard,
        constants={name: value.cpu().numpy() for name, value in op.state_dict().items()},
        mean=gathered.mean(),
        spread=spread,
        targets=np.concatenate(gathered.targets),
        shells=spectra.centres(field.shape),
        spectrum=gathered.spectrum / field.n_samples,
        boundary=kind,
        field={
            "name": field.name,
            "channels": list(field.channels),
            "dims": list(field.dims),
            "spacing": list(field.spacing),
            "units": field.units,
            "samples": field.n_samples,
        },
        provenance={"source": field.source, "layout": field.layout},
    )
    if fitted.memorising_share > MEMORISING_SHARE:
        warnings.warn(
            f"{fitted.n_moments} moments for {fitted.n_moments / fitted.memorising_share:.0f} "
            f"values: above {MEMORISING_SHARE:.0%} a model starts to store its example; "
            "fewer scales, angles or classes would help.",
            stacklevel=2,
        )
    return fitted


def _build(
    family: str, field: Field, settings: dict[str, Any]
) -> tuple[moments.MomentFamily, dict[str, Any]]:
    """The family, and the settings with which it can be built again.

    Small fields and many channels have more pairs of bands than their pixels support: where the
    caller does not ask for them, lags between scales and then the pairs farthest apart in scale are
    left out, until the model is economical or only neighbours remain.
    """

    def build(**more: Any) -> moments.MomentFamily:
        try:
            return moments.build(family, field.shape, channels=field.n_channels, **settings, **more)
        except ValueError as error:
            raise InputError(str(error)) from error

    op = build()
    values = field.n_channels * field.n_pixels
    more: dict[str, Any] = {}
    known = set(moments.options_of(family)) - set(settings)
    savings = [{"cross_shells": 0}] if "cross_shells" in known else []
    if "delta_scale" in known:
        savings += [{"delta_scale": d} for d in range(op.bank.scales - 2, 0, -1)]
    for saving in savings:
        if op.n_moments <= ECONOMICAL_SHARE * values:
            break
        more |= saving
        op = build(**more)
    return op, {**settings, **more, "scales": op.bank.scales, "angles": op.bank.angles}


class _Gathered:
    """Running sums over fields, and the moments of up to KEPT_TARGETS of them."""

    def __init__(self, fields: int) -> None:
        self.every = -(-fields // KEPT_TARGETS)
        self.count = 0
        self.total: Any = 0.0
        self.squares: Any = 0.0
        self.spectrum: Any = 0.0
        self.targets: list[np.ndarray] = []
        self.origin: Any = None

    def add(self, values: Tensor, spectrum: np.ndarray) -> None:
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

    def mean(self) -> np.ndarray:
        return self.origin + self.total / self.count

    def variance(self) -> np.ndarray:
        about = self.squares - self.total**2 / self.count
        return about.clip(min=0.0) / (self.count - 1)


def _average(parts: Iterator[dict[str, Tensor]]) -> dict[str, Tensor]:
    total: dict[str, Tensor] = {}
    count = 0
    for part in parts:
        total = {name: value + total.get(name, 0.0) for name, value in part.items()}
        count += 1
    return {name: value / count for name, value in total.items()}


def _boundary(field: Field, asked: str) -> str:
    if asked != "auto":
        return asked
    if field.boundary != "unknown":
        return field.boundary
    from synth.boundary import detect_boundary

    return detect_boundary(field)[0]
