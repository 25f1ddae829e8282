"""Sets of moments by name: published ones, and the best of their size."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Preset:
    """A family, or a sum of several, with scales, angles (in 2-D) and options; each can be
    overridden."""

    family: str
    scales: int | None = None
    angles: int | None = None
    options: dict[str, Any] = field(default_factory=dict)


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
#: ``small`` and ``rich`` stand on either side of the default: at 256x256 they hold fewer than 1,000
#: and fewer than 6,000 numbers.  docs/presets.md measures them.
PRESETS = {
    "small": Preset("wph+marginal", options={"delta_scale": 1, "cross_shells": 0, "harmonics": 2}),
    "rich": Preset("wph+marginal", angles=6, options={"delta_scale": 3}),
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
