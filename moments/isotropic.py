"""Averages over rotations: the moments of a law without preferred directions."""

from __future__ import annotations

from torch import Tensor

from moments.combine import Combination
from moments.family import MomentFamily
from moments.orbits import averages

#: Families whose labels say how a moment turns.
TURNING = ("covariance", "scattering", "scattering-covariance", "wph")


class RotationAverage(Combination):
    r"""Moments of a family averaged over the rotations that its orientations allow.

    In 2-D these are the multiples of pi / L.  They take :math:`W_{j,l}` to :math:`W_{j,l+1}` with
    :math:`W_{j,l+L} = (W_{j,l})^*`, so the averages depend on differences of orientations only, and
    imaginary parts at lag 0 vanish.  The averages over l at fixed difference are, by a Fourier
    transform along it, the diagonal of the covariance of :math:`\sum_l e^{-iql\pi/L} W_{j,l}x`
    (model D of Zhang & Mallat 2021, arXiv 1911.10017): both hold the same numbers.  In 3-D all
    moments with the same angles between their axes are averaged, and so are mirror images.

    The labels are those of one moment of each orbit.

    Parameters
    ----------
    inner : MomentFamily
    mirror : bool
        Whether to average over reflections too, in 2-D: turns of both senses are then alike.

    Raises
    ------
    ValueError
        In 1-D, or for a family whose moments have no rotated ones among them.
    """

    def __init__(self, inner: MomentFamily, mirror: bool = False) -> None:
        if inner.dims == 1:
            raise ValueError("isotropic was asked of 1-D fields, which have no rotations.")
        if inner.name not in TURNING:
            raise ValueError(
                f"isotropic was asked of {inner.name}; {', '.join(TURNING)} would work."
            )
        made = averages(inner.labels, inner.dims, inner.bank.angles, mirror)
        super().__init__(inner, made.rows, made.into, made.weight, made.labels)

    def constants(self, x: Tensor) -> dict[str, Tensor]:
        """The constants of the averaged family, those of bands averaged over orientations."""
        return {
            f"inner.{name}": value.mean(-1, keepdim=True).expand_as(value)
            if name in ("power", "modulus")
            else value
            for name, value in self.inner.constants(x).items()
        }
