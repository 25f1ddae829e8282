"""Sets of moments by name: published ones, and the best of their size."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

Options = dict[str, Any]


@dataclass(frozen=True)
class Preset:
    """A family, or a sum of several, with scales, angles (in 2-D) and options; each can be
    overridden.

    ``savings`` are options that leave moments out, to be taken one after the other where a field
    has too few values for the whole set.
    """

    family: str
    scales: int | None = None
    angles: int | None = None
    options: Options = field(default_factory=dict)
    savings: tuple[Options, ...] = ()


#: What families by themselves leave out first: lags between scales, different bands of different
#: channels, pairs farthest apart in scale.
SAVINGS: dict[str, tuple[Options, ...]] = {
    "wph": ({"cross_shells": 0}, *({"delta_scale": d} for d in (3, 2, 1))),
    "rectifier": ({"cross_channels": "band"}, {"delta_scale": 1}),
}

_STANDARD: Options = {
    "averaged": ("S4",),
    "lagged": ("S11", "S00"),
    "flatness": True,
    "delta_scale": 4,
    "cross_channels": "band",
}
_SMALL: Options = {**_STANDARD, "averaged": ("S3", "S4"), "lagged": ("S11",), "delta_scale": 2}
_FEWER = (
    *({"delta_scale": d} for d in (3, 2)),
    {name: _SMALL[name] for name in ("averaged", "lagged")},
)

_ZM = {"lags": "square", "cross_shells": 0, "harmonics": 2}
_B = ("S11", "S00", "S01", "C10", "C11", "C00", "Lyy")
_C = (*_B, "C01", "Cphase", "C02", "C12")

#: Models A to D of Zhang & Mallat 2021 (arXiv 1911.10017): J = 5, L = 8, lags 2^j (n1, n2) with
#: |n1|, |n2| <= 2.  They publish 2,335, 6,895, 10,927 and 769 numbers, which hold every moment at
#: 2 L directions, both orders of a pair, both parts of what is real, and both signs of the lags
#: (0, n2).  Here each stands once, and the mean of the field is kept besides.  [W]^2, whose mean
#: they subtract, is taken as it is.
#:
#: ``wph-pywph`` has the classes of pywph 1.1 (Regaldo-Saint Blancard et al. 2023, arXiv
#: 2208.03538) for all pairs of scales and angles.  pywph takes the lags 2^n at every scale, here
#: they grow with the scale; its second low-pass class has more scales.
#:
#: ``standard`` is the default: scattering covariances whose fourth moments are averaged over
#: rotations, lags and flatness of the bands, and the laws of values.  At 256x256 it holds fewer
#: than 3,000 numbers, ``small`` fewer than 1,000, and ``rich``, which has rectifier covariances
#: too, fewer than 6,000; docs/presets.md measures them.
PRESETS = {
    "small": Preset("scattering-covariance+marginal", options=_SMALL),
    "standard": Preset("scattering-covariance+marginal", options=_STANDARD, savings=_FEWER),
    "rich": Preset(
        "scattering-covariance+rectifier+marginal",
        options={**_STANDARD, "delta_scale": 2},
        savings=({"delta_scale": 1},),
    ),
    "wph-A": Preset("covariance", 5, 8, {"shells": 2, "lags": "square"}),
    "wph-B": Preset(
        "wph", 5, 8, {"shells": 2, "delta_scale": 0, "delta_angle": 4, "classes": _B, **_ZM}
    ),
    "wph-C": Preset(
        "wph", 5, 8, {"shells": 2, "delta_scale": 1, "delta_angle": 4, "classes": _C, **_ZM}
    ),
    "wph-D": Preset(
        "wph", 5, 8, {"shells": 0, "delta_scale": 1, "classes": _C, "isotropic": True, **_ZM}
    ),
    "wph-pywph": Preset(
        "wph",
        options={
            "classes": ("S11", "S00", "S01", "C01", "Cphase", "L"),
            "delta_scale": None,
            "shells": 2,
            "cross_shells": 2,
            "harmonics": 64,
        },
    ),
}
