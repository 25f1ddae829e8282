"""Published sets of moments by name, as near as the families here come to them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Preset:
    """A family with the scales, angles and options of a publication; each can be overridden."""

    family: str
    scales: int | None = None
    angles: int | None = None
    options: dict[str, Any] = field(default_factory=dict)


_PUBLISHED = {"cross_shells": 0, "harmonics": 2}
_B = {
    "classes": ("S11", "S00", "S01", "C00", "L"),
    "delta_scale": 0,
    "delta_angle": 4,
    **_PUBLISHED,
}
_C = {
    "classes": ("S11", "S00", "S01", "C00", "C01", "Cphase", "L"),
    "delta_scale": 1,
    "delta_angle": 4,
    **_PUBLISHED,
}

#: Models A to D of Zhang & Mallat 2021 (arXiv 1911.10017) have J = 5 and L = 8, and differ from
#: these in that they
#:
#: - take the lags 2^j (n1, n2), 0 <= n1 <= 2, -2 <= n2 <= 2; here two shells of 8 directions;
#: - B to D: also correlate W_l and |W_l| with W_l' of the same scale at other angles; here W with
#:   other angles only through the moduli (C00);
#: - C and D: correlate W and [W]^2 of a scale with the next one at up to 4 other angles; here
#:   the harmonic at the same angle only (Cphase);
#: - count a law's moments at 2 L angles, both orders of a pair and both parts; here each once.
#:
#: ``wph-pywph`` has the classes of pywph 1.1 (Regaldo-Saint Blancard et al. 2023, arXiv
#: 2208.03538) for all pairs of scales and angles.  pywph takes the lags 2^n at every scale, here
#: they grow with the scale; its second low-pass class has more scales.
#: ``wph-small`` is the default without lags between scales and with the second harmonic only.
PRESETS = {
    "wph-small": Preset("wph", options={"cross_shells": 0, "harmonics": 2}),
    "wph-A": Preset("covariance", 5, 8, {"shells": 2}),
    "wph-B": Preset("wph", 5, 8, {"shells": 2, **_B}),
    "wph-C": Preset("wph", 5, 8, {"shells": 2, **_C}),
    "wph-D": Preset("wph", 5, 8, {"shells": 0, "isotropic": True, **_C}),
    "wph-pywph": Preset(
        "wph",
        options={
            "classes": ("S11", "S00", "S01", "C01", "Cphase", "L"),
            "shells": 2,
            "cross_shells": 2,
            "harmonics": 64,
        },
    ),
}
