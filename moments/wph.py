r"""Wavelet phase harmonics: covariances of wavelet coefficients with multiplied phases."""

from __future__ import annotations

from collections.abc import Sequence

from moments.autocorrelations import AngleCovariances, AutoCorrelations
from moments.bank import FilterBank
from moments.classes import MomentClass
from moments.composed import ComposedFamily
from moments.low_pass import LowPass
from moments.modulus_correlations import ModulusCorrelations
from moments.phase_correlations import Harmonics, NeighbourHarmonics
from moments.tails import Flatness

CLASSES = ("S11", "S00", "S01", "F", "C00", "C01", "Cphase", "L")
#: Classes that are asked for by name, those of the published models.
FURTHER = ("C11", "C10", "C02", "C12", "Lyy")


class WPH(ComposedFamily):
    r"""Wavelet phase harmonic covariances.

    .. math:: C = \mathrm{Cov}\Big(\frac{[W_\lambda x]^k(u+\tau)}{\sigma_{\lambda,k}},
              \frac{[W_{\lambda'} x]^{k'}(u)}{\sigma_{\lambda',k'}}\Big), \qquad
              [z]^k = |z|\,e^{ik\arg z},

    centred and normalised with the means and deviations of the target, frozen.  Classes:

    - S11: W and W (k = k' = 1), same band, at the lags of its shells;
    - S00: modulus and modulus (k = k' = 0), same band, at the lags of its shells;
    - S01: modulus and W, same band;
    - F: flatness E|W|^4 / (E|W|^2)^2 of W, the tails that products of two features do not hold;
    - C00: modulus and modulus, other bands, j1 <= j2;
    - C01: modulus of the finer band and W of the coarser, j1 < j2;
    - Cphase: [W]^k of the coarser band and W of the finer, same angle, k = 2^(j2 - j1);
    - L: the mean, the covariance of the last low pass at lags, E|y| and E y|y| of every low pass y.

    and, on request, where L < l' + 1 < 2 L stands for the conjugate band at theta + pi:

    - C11, C10: W, or the modulus, and W of the same scale at other angles;
    - C02, C12: modulus, or W at another angle, and [W]^2 of the next coarser scale;
    - Lyy: L without E|y| and E y|y|.

    Sources: Mallat, Zhang & Rochette 2020 (arXiv 1810.12136); Zhang & Mallat 2021 (arXiv
    1911.10017, models B and C); Allys et al. 2020 (arXiv 2006.06298); Regaldo-Saint Blancard et al.
    2023 (arXiv 2208.03538).

    Parameters
    ----------
    shape : sequence of int
    channels : int
    bank : FilterBank
    shells : int
        Shells of lags of S11, S00 and the low pass; see :func:`moments.shifts.shells`.
    lags : str
        Their form, "rings" or "square".
    delta_scale, delta_angle : int, optional
        Largest difference of scale (C00, C01) and of orientation (all C; in steps, around the half
        circle, or the whole one for C11 and C12); None for all.  In 3-D orientations have no order
        and ``delta_angle`` is refused.
    cross_shells : int
        Shells of lags of C01 and C00 between bands of the same orientation.
    harmonics : int
        Largest harmonic k of Cphase.
    classes : sequence of str
        Which classes to keep.

    Raises
    ------
    ValueError
        For a class that does not exist or an option out of its range.
    """

    name = "wph"

    def __init__(
        self,
        shape: Sequence[int],
        channels: int,
        bank: FilterBank,
        *,
        shells: int = 1,
        lags: str = "rings",
        delta_scale: int | None = 4,
        delta_angle: int | None = None,
        cross_shells: int = 1,
        harmonics: int = 4,
        classes: Sequence[str] = CLASSES,
    ) -> None:
        super().__init__(shape, channels, bank)
        known = (*CLASSES, *FURTHER)
        unknown = sorted(set(classes) - set(known))
        if unknown:
            raise ValueError(
                f"WPH class {unknown[0]!r} was asked for; {', '.join(known)} would work."
            )
        if delta_angle is not None and self.dims == 3:
            raise ValueError(
                "delta_angle was asked for in 3-D, where orientations have no order; leave it out."
            )
        for option, most in (("delta_scale", delta_scale), ("delta_angle", delta_angle)):
            if most is not None and most < 0:
                raise ValueError(f"{option}={most} was asked for; 0 or more would work.")
        parts: list[MomentClass] = []
        if kinds := [kind for kind in ("S11", "S00") if kind in classes]:
            parts.append(AutoCorrelations(self, kinds, shells, lags))
        if "F" in classes:
            parts.append(Flatness(self))
        if "C11" in classes:
            parts.append(AngleCovariances(self, delta_angle))
        if kinds := [kind for kind in ("S01", "C10", "C00", "C01") if kind in classes]:
            parts.append(ModulusCorrelations(self, kinds, delta_scale, delta_angle, cross_shells))
        if "Cphase" in classes:
            parts.append(Harmonics(self, harmonics))
        if kinds := [kind for kind in ("C02", "C12") if kind in classes]:
            parts.append(NeighbourHarmonics(self, kinds, delta_angle))
        if {"L", "Lyy"} & set(classes):
            parts.append(LowPass(self, shells, "L" in classes, lags))
        self.compose(parts)
