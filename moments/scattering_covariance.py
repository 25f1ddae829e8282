r"""Scattering covariance: a field and its moduli, correlated through a second wavelet."""

from __future__ import annotations

from collections.abc import Sequence

from moments.autocorrelations import AutoCorrelations
from moments.bank import FilterBank
from moments.classes import MomentClass
from moments.composed import ComposedFamily
from moments.low_pass import LowPass
from moments.second_wavelet import SecondWavelet
from moments.tails import Flatness

#: Kinds that may be averaged over rotations.
AVERAGED = ("S3", "S4")
#: Kinds that may be added at lags.
LAGGED = ("S11", "S00")


class ScatteringCovariance(ComposedFamily):
    r"""Scattering covariance, with the second wavelet on both sides.

    .. math:: S_1 = \frac{\langle|W_1x|\rangle}{\sqrt{P_1}},\quad
              P = \frac{\langle|W_1x|^2\rangle}{P_1},\quad
              S_3 = \frac{\langle (W_2x)^* (|W_1x|\star\psi_2)\rangle}{\sqrt{P_1P_2}},\quad
              S_4 = \frac{\langle (|W_1x|\star\psi_2)^* (|W_{1'}x|\star\psi_2)\rangle}
              {\sqrt{P_1P_{1'}}},

    :math:`j_1 \le j_{1'} \le j_2`, P_1 the frozen power of the target (Cheng et al. 2024,
    arXiv 2306.17210; Morel et al. 2022, arXiv 2204.10177, in 1-D).  The mean and the covariance of
    the low pass are added.

    That is the published set.  It grows with the cube of the orientations and holds more numbers
    than a coarse scale has coefficients; the options trade them for others.

    Parameters
    ----------
    shape : sequence of int
    channels : int
    bank : FilterBank
    averaged : sequence of str
        Kinds, S3 or S4, that are averaged over rotations in 2-D and 3-D: they then depend on the
        angles between wavelets only, and imaginary parts vanish.  With any, S3 of the coarsest of
        several scales is.
    delta_scale : int, optional
        Largest j2 - j1 of S3 and S4; None for all.
    lagged : sequence of str
        Kinds of :class:`moments.wph.WPH` at lags to add, S11 or S00.  S11 stands in place of P,
        which is its lag 0; the covariance of the low pass has lags too then.
    shells : int
        Shells of these lags; see :func:`moments.shifts.shells`.
    flatness : bool
        Whether to add F, the flatness of the bands (:class:`moments.tails.Flatness`).
    cross_channels : str
        Which pairs of different channels meet in S3 and S4: "all", or "band", those of one scale
        and angle.

    Raises
    ------
    ValueError
        For an option out of its range.
    """

    name = "scattering-covariance"

    def __init__(
        self,
        shape: Sequence[int],
        channels: int,
        bank: FilterBank,
        *,
        averaged: Sequence[str] = (),
        delta_scale: int | None = None,
        lagged: Sequence[str] = (),
        shells: int = 1,
        flatness: bool = False,
        cross_channels: str = "all",
    ) -> None:
        super().__init__(shape, channels, bank)
        for option, asked, known in (("averaged", averaged, AVERAGED), ("lagged", lagged, LAGGED)):
            if unknown := sorted(set(asked) - set(known)):
                raise ValueError(
                    f"{option}={unknown[0]!r} was asked for; {' and '.join(known)} would work."
                )
        if delta_scale is not None and delta_scale < 0:
            raise ValueError(f"delta_scale={delta_scale} was asked for; 0 or more would work.")
        if cross_channels not in ("all", "band"):
            raise ValueError(
                f"cross_channels={cross_channels!r} was asked for; all or band would work."
            )
        parts: list[MomentClass] = [
            SecondWavelet(self, "S11" not in lagged, averaged, delta_scale, cross_channels)
        ]
        if lagged:
            parts.append(AutoCorrelations(self, lagged, shells))
        if flatness:
            parts.append(Flatness(self))
        self.compose([*parts, LowPass(self, shells if lagged else 0, one_point=False)])
