"""Families by name, and sums of them."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch

from moments.bank import FilterBank
from moments.combine import Sum
from moments.cosines import CASCADING, ScaleCosines
from moments.covariance import Covariance
from moments.family import MomentFamily, WaveletFamily
from moments.isotropic import TURNING, RotationAverage
from moments.marginal import Marginal
from moments.polynomial import Polynomial
from moments.presets import PRESETS, SAVINGS, Preset
from moments.rectifier import Rectifier
from moments.scattering import Scattering
from moments.scattering_covariance import ScatteringCovariance
from moments.wph import WPH

_CLASSES = (Covariance, Marginal, Polynomial, Rectifier, Scattering, ScatteringCovariance, WPH)
FAMILIES: dict[str, type[WaveletFamily]] = {family.name: family for family in _CLASSES}


def families() -> tuple[str, ...]:
    """Names that :func:`build` knows and adds up."""
    return tuple(FAMILIES)


def presets() -> tuple[str, ...]:
    """Names of sets of moments that :func:`build` knows as well."""
    return tuple(PRESETS)


def options_of(name: str) -> list[str]:
    """Names of the options of a family, or of all families of a sum."""
    found = [_options(part.family) for part in _parts(name)]
    return list(dict.fromkeys(option for part in found for option in part))


def savings_of(name: str) -> list[dict[str, Any]]:
    """Options that leave moments out, in the order in which they are missed least."""
    return [saving for part in _parts(name) for saving in part.savings]


def build(
    name: str,
    shape: Sequence[int],
    *,
    scales: int | None = None,
    angles: int | None = None,
    channels: int = 1,
    wavelet: str = "bump",
    full_resolution: bool = False,
    dtype: torch.dtype = torch.float32,
    **options: Any,
) -> MomentFamily:
    """Build a moment family, or a sum of several, for fields of one shape.

    Parameters
    ----------
    name : str
        One of :func:`families` or :func:`presets`, or several joined by "+", such as
        "wph+marginal".
    shape : sequence of int
        Space sizes, 1-D to 3-D.
    scales, angles : int, optional
        J and L; defaults are those of the preset, or follow the shape
        (:func:`moments.bank.default_scales`).
    channels : int
    wavelet : str
        ``"bump"`` or ``"morlet"``.
    full_resolution : bool
        Use the field's own grid at every scale (slow): the definition that own-scale grids
        approximate.
    dtype : torch.dtype
        Working precision; filters are built in float64.
    **options
        Options of the families, such as ``shells`` of ``wph``; in a sum each goes to every family
        that has it.  Two reduce any family that can be reduced so: ``isotropic=True`` averages
        over rotations and, with ``mirror=True``, reflections
        (:class:`moments.isotropic.RotationAverage`); ``scale_orders=K`` keeps the lowest orders of
        a cosine transform over scales (:class:`moments.cosines.ScaleCosines`).

    Returns
    -------
    MomentFamily

    Raises
    ------
    ValueError
        If the name, an option or the shape does not fit; the sentence says what would.
    """
    parts = _parts(name)
    if len({part.family for part in parts}) < len(parts):
        raise ValueError(f"Model {name!r} was asked for; each family once would work.")
    known = options_of(name)
    for option in options:
        if option not in known:
            would = ", ".join(known) or "none"
            raise ValueError(f"Option {option!r} was given to {name}; its options are: {would}.")
    bank = FilterBank(
        shape,
        parts[0].scales if scales is None else scales,
        parts[0].angles if angles is None and len(shape) == 2 else angles,
        wavelet,
        full_resolution,
    )
    built = [_family(part, bank, channels, options) for part in parts]
    return (built[0] if len(built) == 1 else Sum(built)).to(dtype)


def _family(preset: Preset, bank: FilterBank, channels: int, given: dict[str, Any]) -> MomentFamily:
    """One family with the options among ``given`` that it has."""
    known = _options(preset.family)
    options = {o: value for o, value in {**preset.options, **given}.items() if o in known}
    isotropic, mirror = options.pop("isotropic", False), options.pop("mirror", False)
    orders = options.pop("scale_orders", None)
    if mirror and not isotropic:
        raise ValueError("mirror was asked for alone; with isotropic it would work.")
    if isotropic and options.get("lags") == "square" and options.get("shells", 1):
        raise ValueError("isotropic was asked of lags on a square, which do not turn; rings would.")
    family: MomentFamily = FAMILIES[preset.family](bank.shape, channels, bank, **options)
    family = RotationAverage(family, mirror) if isotropic else family
    return family if orders is None else ScaleCosines(family, orders)


def _parts(name: str) -> list[Preset]:
    """One preset for each family of a name."""
    parts = []
    for preset in [_preset(part) for part in name.split("+")]:
        first, *others = preset.family.split("+")
        parts.append(replace(preset, family=first))
        parts += [replace(preset, family=other, savings=()) for other in others]
    return parts


def _preset(name: str) -> Preset:
    if name in FAMILIES:
        return Preset(name, savings=SAVINGS.get(name, ()))
    if name not in PRESETS:
        raise ValueError(
            f"Model {name!r} was asked for; {', '.join([*FAMILIES, *PRESETS])}, or several of "
            "them joined by +, would work."
        )
    return PRESETS[name]


def _options(name: str) -> list[str]:
    """Names of the options of a family."""
    parameters = inspect.signature(FAMILIES[name].__init__).parameters.values()
    own = [p.name for p in parameters if p.kind is p.KEYWORD_ONLY]
    own += ["isotropic", "mirror"] if name in TURNING else []
    return [*own, "scale_orders"] if name in CASCADING else own
