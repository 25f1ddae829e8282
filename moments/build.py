"""Families by name."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

import torch

from moments.bank import FilterBank
from moments.covariance import Covariance
from moments.family import MomentFamily, WaveletFamily
from moments.marginal import Marginal
from moments.rectifier import Rectifier
from moments.scattering import Scattering
from moments.scattering_covariance import ScatteringCovariance
from moments.wph import WPH

FAMILIES: dict[str, type[WaveletFamily]] = {
    family.name: family
    for family in (Covariance, Marginal, Rectifier, Scattering, ScatteringCovariance, WPH)
}


def families() -> tuple[str, ...]:
    """Names that :func:`build` knows."""
    return tuple(FAMILIES)


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
    """Build a moment family for fields of one shape.

    Parameters
    ----------
    name : str
        One of :func:`families`.
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
        Options of the family, such as ``shells`` of ``wph``.

    Returns
    -------
    MomentFamily

    Raises
    ------
    ValueError
        If the name, an option or the shape does not fit; the sentence says what would.
    """
    if name not in FAMILIES:
        raise ValueError(f"Model {name!r} was asked for; {', '.join(FAMILIES)} would work.")
    family = FAMILIES[name]
    known = [
        parameter.name
        for parameter in inspect.signature(family.__init__).parameters.values()
        if parameter.kind is parameter.KEYWORD_ONLY
    ]
    for option in options:
        if option not in known:
            would = ", ".join(known) if known else "none"
            raise ValueError(f"Option {option!r} was given to {name}; its options are: {would}.")
    bank = FilterBank(shape, scales, angles, wavelet, full_resolution)
    return family(bank.shape, channels, bank, **options).to(dtype)
