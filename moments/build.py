"""Families by name, and sums of them."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

import torch

from moments.bank import FilterBank
from moments.combine import Sum
from moments.covariance import Covariance
from moments.family import MomentFamily, WaveletFamily
from moments.marginal import Marginal
from moments.polynomial import Polynomial
from moments.rectifier import Rectifier
from moments.scattering import Scattering
from moments.scattering_covariance import ScatteringCovariance
from moments.wph import WPH

_CLASSES = (Covariance, Marginal, Polynomial, Rectifier, Scattering, ScatteringCovariance, WPH)
FAMILIES: dict[str, type[WaveletFamily]] = {family.name: family for family in _CLASSES}


def families() -> tuple[str, ...]:
    """Names that :func:`build` knows and adds up."""
    return tuple(FAMILIES)


def options_of(name: str) -> list[str]:
    """Names of the options of a family, or of all families of a sum."""
    found = [_options(FAMILIES[part]) for part in name.split("+") if part in FAMILIES]
    return list(dict.fromkeys(option for part in found for option in part))


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
        One of :func:`families`, or several joined by "+", such as "wph+marginal".
    shape : sequence of int
        Space sizes, 1-D to 3-D.
    scales, angles : int, optional
        J and L; defaults follow the shape (:func:`moments.bank.default_scales`).
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
        that has it.

    Returns
    -------
    MomentFamily

    Raises
    ------
    ValueError
        If the name, an option or the shape does not fit; the sentence says what would.
    """
    names = name.split("+")
    for part in names:
        if part not in FAMILIES:
            raise ValueError(
                f"Model {name!r} was asked for; {', '.join(FAMILIES)}, or several of them joined "
                "by +, would work."
            )
    if len(set(names)) < len(names):
        raise ValueError(f"Model {name!r} was asked for; each family once would work.")
    known = options_of(name)
    for option in options:
        if option not in known:
            would = ", ".join(known) or "none"
            raise ValueError(f"Option {option!r} was given to {name}; its options are: {would}.")
    bank = FilterBank(shape, scales, angles, wavelet, full_resolution)
    parts = [
        FAMILIES[part](
            bank.shape,
            channels,
            bank,
            **{o: v for o, v in options.items() if o in _options(FAMILIES[part])},
        )
        for part in names
    ]
    return (parts[0] if len(parts) == 1 else Sum(parts)).to(dtype)


def _options(family: type[WaveletFamily]) -> list[str]:
    """Names of the keyword arguments of a family."""
    parameters = inspect.signature(family.__init__).parameters.values()
    return [p.name for p in parameters if p.kind is p.KEYWORD_ONLY]
