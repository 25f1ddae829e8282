"""Averages over rotations: the moments of a law without preferred directions."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from torch import Tensor

from moments import orientations
from moments.combine import Combination
from moments.family import MomentFamily
from moments.labels import Labels

#: Families whose labels say how a moment turns.
TURNING = ("covariance", "scattering", "scattering-covariance", "wph")
#: Kinds whose orientations go around the whole circle, to 2 L - 1.
WHOLE_CIRCLE = ("C11", "C12")


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
        place: dict[tuple[Any, ...], int] = {}
        rows: list[int] = []
        group: list[int] = []
        sign: list[float] = []
        first: list[int] = []
        for row, label in enumerate(inner.labels):
            if inner.dims == 3:
                found, turned = _key_in_3d(label, inner.bank.angles)
            elif mirror:
                found, turned = _mirrored_key(label, inner.bank.angles)
            else:
                found, turned = _key_in_2d(label, inner.bank.angles)
            if found is None:
                continue
            if found not in place:
                place[found] = len(first)
                first.append(row)
            rows.append(row)
            group.append(place[found])
            sign.append(turned)
        weight = np.array(sign) / np.bincount(group)[group]
        super().__init__(inner, rows, group, weight.tolist(), Labels(inner.labels.table[first]))

    def constants(self, x: Tensor) -> dict[str, Tensor]:
        """The constants of the averaged family, those of bands averaged over orientations."""
        return {
            f"inner.{name}": value.mean(-1, keepdim=True).expand_as(value)
            if name in ("power", "modulus")
            else value
            for name, value in self.inner.constants(x).items()
        }


def _fixed(label: np.void) -> tuple[Any, ...]:
    """What no rotation changes."""
    names = ("kind", "c1", "j1", "k1", "c2", "j2", "k2", "j3", "part")
    return tuple(label[name].item() for name in names)


def _reference(label: np.void) -> int:
    """Orientation of the wavelet that carries the phase of the moment, -1 without any."""
    return next((int(label[name]) for name in ("l3", "l2", "l1") if label[name] >= 0), -1)


def _exchangeable(label: np.void) -> bool:
    """Whether the two features are of one kind, so that their pair has no order."""
    same = label["c1"] == label["c2"] and label["j1"] == label["j2"]
    return bool(same and label["kind"] in ("C00", "C11", "S4"))


def _shell(label: np.void) -> int:
    """Number of the shell of a lag, in units of its scale."""
    scale = max(int(label["j1"]), int(label["j2"]), 0)
    return round(float(np.linalg.norm(label["shift"])) / 2**scale)


def _mirrored_key(label: np.void, angles: int) -> tuple[tuple[Any, ...] | None, float]:
    """As :func:`_key_in_2d`, one name for a moment and its mirror image."""
    (one, sign), (other, mirrored) = (_key_in_2d(label, angles, sense) for sense in (1, -1))
    if one is None or other is None or (one == other and sign != mirrored):
        return None, 0.0
    return (one, sign) if one <= other else (other, mirrored)


def _key_in_2d(label: np.void, angles: int, sense: int = 1) -> tuple[tuple[Any, ...] | None, float]:
    """Name of the orbit of a moment, None if its average vanishes, and the sign it enters with.

    With ``sense`` -1 the moment's mirror image is named.
    """
    reference, lagged = _reference(label), label["shift"].any()
    imaginary = label["part"] == "im"
    if imaginary and not lagged:
        return None, 0.0
    circle = 2 * angles if label["kind"] in WHOLE_CIRCLE else angles
    turns = [
        sense * (int(label[n]) - reference) % circle if label[n] >= 0 else -1 for n in ("l1", "l2")
    ]
    if _exchangeable(label):
        # Without a third wavelet the reference is one of the two: the other may be on either side.
        turns = sorted(turns) if label["l3"] >= 0 else [min(turns[0], circle - turns[0]), 0]
    if not lagged or reference < 0:
        return (*_fixed(label), *turns, _shell(label)), 1.0
    y, x = label["shift"][1:]
    step = math.pi / math.lcm(angles, max(angles, 4))
    half_circle = round(math.pi / step)
    direction = round((math.atan2(y, x) - math.pi * reference / angles) / step)
    direction = sense * direction % (2 * half_circle)
    # A rotation by pi reverses the lag and conjugates the moment.
    sign = -1.0 if imaginary and direction >= half_circle else 1.0
    return (*_fixed(label), *turns, _shell(label), direction % half_circle), sign


def _key_in_3d(label: np.void, angles: int) -> tuple[tuple[Any, ...] | None, float]:
    """The same in 3-D, where an orbit is named by the angles between its axes."""
    axes = np.concatenate([orientations.axes(3, angles), -orientations.axes(3, angles)])
    imaginary, lagged = label["part"] == "im", label["shift"].any()
    if imaginary and not lagged:
        return None, 0.0
    one, two, three = (axes[label[n]] if label[n] >= 0 else np.zeros(3) for n in ("l1", "l2", "l3"))
    cosines = [round(float(a @ b), 6) for a, b in ((one, two), (one, three), (two, three))]
    if label["kind"] not in WHOLE_CIRCLE:
        cosines = [abs(cosine) for cosine in cosines]
    if _exchangeable(label):
        cosines[1:] = sorted(cosines[1:])
    reference = _reference(label)
    if not lagged or reference < 0:
        return (*_fixed(label), *cosines, _shell(label)), 1.0
    along = float(axes[reference] @ label["shift"] / np.linalg.norm(label["shift"]))
    if imaginary and abs(along) < 1e-6:
        return None, 0.0
    sign = -1.0 if imaginary and along < 0 else 1.0
    return (*_fixed(label), *cosines, _shell(label), round(abs(along), 1)), sign
