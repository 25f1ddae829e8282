r"""Moments that rotations take into each other, and averages over these orbits.

In 2-D the rotations are the multiples of pi / L.  They take :math:`W_{j,l}` to :math:`W_{j,l+1}`
with :math:`W_{j,l+L} = (W_{j,l})^*`, so an orbit is named by differences of orientations, and the
average of imaginary parts at lag 0 vanishes.  In 3-D an orbit is named by the angles between axes,
and holds mirror images too.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from moments import orientations
from moments.labels import Labels

#: Kinds whose orientations go around the whole circle, to 2 L - 1.
WHOLE_CIRCLE = ("C11", "C12")
#: Kinds whose two features have no order where they are of one channel and scale.
UNORDERED = ("C00", "C11", "S4")


@dataclass(frozen=True)
class Averages:
    """Averages of moments: a sparse matrix of ``weight`` at (``into``, ``rows``), and their labels.

    The labels are those of the first moment of each average.
    """

    rows: np.ndarray
    into: np.ndarray
    weight: np.ndarray
    labels: Labels


def averages(
    labels: Labels,
    dims: int,
    angles: int,
    mirror: bool = False,
    turning: np.ndarray | None = None,
) -> Averages:
    """Averages over rotations; those that vanish are left out.

    Parameters
    ----------
    labels : Labels
        Of M moments.
    dims : int
        2 or 3.
    angles : int
        L.
    mirror : bool
        Whether to average over reflections too; in 3-D it is always done.
    turning : ndarray of bool, (M,), optional
        Which moments are averaged, all by default; the others stay as they are.
    """
    names, sign = (_in_3d if dims == 3 else _mirrored if mirror else _in_2d)(labels, angles)
    if turning is not None:
        sign = np.where(turning, sign, 1)
        alone = np.where(turning, -1, np.arange(len(labels)))
        names = np.column_stack([alone, np.where(turning[:, None], names, 0)])
    rows = np.flatnonzero(sign)
    _, first, into = np.unique(names[rows], axis=0, return_index=True, return_inverse=True)
    order = np.argsort(first)  # orbits in the order of their first moments
    into = np.argsort(order)[into.reshape(-1)]
    weight = sign[rows] / np.bincount(into)[into]
    return Averages(rows, into, weight, Labels(labels.table[rows[first[order]]]))


def _unturned(labels: Labels) -> list[np.ndarray]:
    """What no rotation changes, as integers."""
    kind = np.unique(labels["kind"], return_inverse=True)[1].reshape(-1)
    scale = 2.0 ** np.maximum(labels["j1"], labels["j2"]).clip(min=0)
    shell = np.rint(np.linalg.norm(labels["shift"], axis=1) / scale)
    columns = [labels[name] for name in ("c1", "j1", "k1", "c2", "j2", "k2", "j3")]
    return [kind, *columns, labels["part"] == "im", shell.astype(int)]


def _reference(labels: Labels) -> np.ndarray:
    """Orientation of the wavelet that carries the phase of each moment, -1 without any."""
    one, two, three = (labels[name].astype(int) for name in ("l1", "l2", "l3"))
    return np.where(three >= 0, three, np.where(two >= 0, two, one))


def _unordered(labels: Labels) -> np.ndarray:
    same = (labels["c1"] == labels["c2"]) & (labels["j1"] == labels["j2"])
    return same & np.isin(labels["kind"], UNORDERED)


def _in_2d(labels: Labels, angles: int, sense: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Name of the orbit of each moment, (M, n) int, and the sign it enters with, 0 if it cancels.

    With ``sense`` -1 the moments' mirror images are named.
    """
    reference, lagged = _reference(labels), labels["shift"].any(1)
    imaginary = labels["part"] == "im"
    circle = np.where(np.isin(labels["kind"], WHOLE_CIRCLE), 2 * angles, angles)
    one, two = (
        np.where(labels[name] >= 0, sense * (labels[name] - reference) % circle, -1)
        for name in ("l1", "l2")
    )
    # Without a third wavelet the reference is one of the two: the other may be on either side.
    third, unordered = labels["l3"] >= 0, _unordered(labels)
    around = np.where(third, np.minimum(one, two), np.minimum(one, circle - one))
    one, two = (
        np.where(unordered, around, one),
        np.where(unordered, np.where(third, np.maximum(one, two), 0), two),
    )
    y, x = labels["shift"][:, 1:].T
    step = math.pi / math.lcm(angles, max(angles, 4))
    half_circle = round(math.pi / step)
    direction = np.rint((np.arctan2(y, x) - math.pi * reference / angles) / step)
    direction = (sense * direction % (2 * half_circle)).astype(int)
    directed = lagged & (reference >= 0)
    # A rotation by pi reverses the lag and conjugates the moment.
    sign = np.where(directed & imaginary & (direction >= half_circle), -1, 1)
    sign[imaginary & ~lagged] = 0
    direction = np.where(directed, direction % half_circle, -1)
    return np.column_stack([*_unturned(labels), one, two, direction]), sign


def _mirrored(labels: Labels, angles: int) -> tuple[np.ndarray, np.ndarray]:
    """As :func:`_in_2d`, one name for a moment and its mirror image."""
    (one, sign), (other, turned) = (_in_2d(labels, angles, sense) for sense in (1, -1))
    rows, differ = np.arange(len(one)), one != other
    at = differ.argmax(1)  # the first entry that differs
    swapped = other[rows, at] < one[rows, at]
    own = np.where(swapped, turned, sign)
    own[~differ.any(1) & (sign != turned)] = 0
    return np.where(swapped[:, None], other, one), own


def _in_3d(labels: Labels, angles: int) -> tuple[np.ndarray, np.ndarray]:
    """The same in 3-D."""
    axes = orientations.axes(3, angles)
    axes = np.concatenate([axes, -axes, np.zeros((1, 3))])  # the last is that of no orientation
    reference, lagged = _reference(labels), labels["shift"].any(1)
    imaginary = labels["part"] == "im"
    one, two, three = (axes[labels[name]] for name in ("l1", "l2", "l3"))
    cosines = np.stack([(one * two).sum(1), (one * three).sum(1), (two * three).sum(1)], 1)
    whole = np.isin(labels["kind"], WHOLE_CIRCLE)[:, None]
    cosines = np.rint(1e6 * np.where(whole, cosines, np.abs(cosines))).astype(int)
    cosines[:, 1:] = np.where(
        _unordered(labels)[:, None], np.sort(cosines[:, 1:], axis=1), cosines[:, 1:]
    )
    lag = labels["shift"] / np.linalg.norm(labels["shift"], axis=1, keepdims=True).clip(min=1)
    along = (axes[reference] * lag).sum(1)
    directed = lagged & (reference >= 0)
    sign = np.where(imaginary & directed & (along < 0), -1, 1)
    sign[imaginary & (~lagged | (directed & (np.abs(along) < 1e-6)))] = 0
    direction = np.where(directed, np.rint(10 * np.abs(along)), -1).astype(int)
    return np.column_stack([*_unturned(labels), cosines, direction]), sign
