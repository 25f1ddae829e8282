"""Gaps: missing pixels are filled, and what filling takes from the moments is given back."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import numpy as np
import torch
from torch import Tensor

from synth.errors import InputError
from synth.estimation import conditional
from synth.field import Field

#: Least share of valid pixels of a field.
LEAST_VALID = 0.5
#: Least number of fillings, and most fields that are filled again, to measure the loss.
LEAST_REFILLS, MOST_REFILLED = 8, 32


def fill(x: Tensor, valid: Tensor, seed: int) -> Tensor:
    """Fields whose gaps hold a constrained Gaussian realization (`conditional`).

    Parameters and result are those of :func:`synth.estimation.conditional.fill`.

    Raises
    ------
    InputError
        If fewer than half of the pixels of a field are valid.
    """
    least = 1 - float(missing(valid).max())
    if least < LEAST_VALID:
        raise InputError(
            f"Only {least:.0%} of the pixels of a field are valid; moments need at "
            f"least {LEAST_VALID:.0%}: crop the field to where it was measured."
        )
    return conditional.fill(x, valid, seed)


def loss(
    fields: Iterable[tuple[Tensor, Tensor]],
    refills: int,
    moments: Callable[[Tensor], Tensor],
    groups: np.ndarray,
) -> np.ndarray:
    r"""What filling takes from the moments, for each unit of the area that it fills.

    A constrained Gaussian keeps the spectrum and loses the rest of the process, all the more the
    farther the gaps reach. What it loses where the field is unknown it loses as well where the
    field is known: gaps of the same shapes, shifted at random, are filled in the filled fields
    :math:`\hat x`, and the loss is that of their moments,
    :math:`\langle\Phi(\hat x)-\Phi(\hat{\hat x})\rangle`, over the area that had not been
    filled before. Where it does not stand out of its scatter it shrinks to 0 (James & Stein 1961).

    Parameters
    ----------
    fields : iterable of (Tensor, Tensor)
        Filled fields (1, channel, *space), and where they are valid, (1, 1, *space).
    refills : int
        Of each field.
    moments : callable
        Of fields, (n, channel, *space) -> (n, M).
    groups : ndarray of int, (M,)
        Moments of one group shrink together.

    Returns
    -------
    ndarray, (M,) float64
    """
    draw = np.random.default_rng(0)
    found: list[np.ndarray] = []
    areas: list[float] = []
    for x, valid in fields:
        whole = moments(x)[0]
        for _ in range(refills):
            shift = tuple(int(draw.integers(size)) for size in x.shape[2:])
            moved = valid.roll(shift, tuple(range(2, x.ndim)))
            again = conditional.fill(x, moved, -1 - len(found))  # no seed of a field
            found.append((whole - moments(again)[0]).double().cpu().numpy())
            areas.append(float((valid & ~moved).double().mean()))
    area = max(float(np.mean(areas)), 1 / x[0, 0].numel())
    lost = np.mean(found, axis=0) / area
    rest = np.stack(found) - np.outer(areas, lost)
    noise = np.square(rest).sum(0) / (len(found) - 1) / len(found) / area**2
    scatter, signal = np.bincount(groups, noise), np.bincount(groups, lost**2)
    return lost * (1 - scatter / signal.clip(min=1e-300)).clip(min=0)[groups]


def missing(valid: Tensor) -> Tensor:
    """Share of the area of each field that is gaps, (n,) float64."""
    return 1 - valid.double().flatten(1).mean(1)


def masks(field: Field) -> Iterator[Tensor]:
    """Valid pixels of each realization, or of all where they share them, (1, 1, *space) bool."""
    for number in range(0 if field.mask is None else field.mask.shape[0]):
        yield torch.from_numpy(np.asarray(field.mask[number : number + 1]))


def gappy(field: Field) -> int:
    """Number of realizations with gaps."""
    found = sum(not valid.all() for valid in masks(field))
    shared = field.mask is not None and field.mask.shape[0] == 1
    return field.n_samples * found if shared else found


def missing_share(field: Field) -> float:
    """Share of the pixels that are gaps, over all realizations."""
    shares = [float(missing(valid)) for valid in masks(field)]
    return sum(shares) / len(shares) if shares else 0.0


def lost_share(valid: Tensor, scales: int) -> np.ndarray:
    """Share of the area within 2^j pixels of a gap along each axis, for each scale j, (scales,)."""
    reached = (~valid).float()
    lost = []
    for j in range(scales):
        reached = _widened(reached, 1 if j == 0 else 2 ** (j - 1))
        lost.append(float(reached.mean()))
    return np.array(lost)


def _widened(area: Tensor, reach: int) -> Tensor:
    """An area and all within ``reach`` of it along each axis, on the torus: axis by axis."""
    pad, pool = torch.nn.functional.pad, torch.nn.functional.max_pool1d
    for axis in range(2, area.ndim):
        line = area.movedim(axis, -1)
        rows = pad(line.flatten(0, -2), [reach, reach], mode="circular")
        area = pool(rows, 2 * reach + 1, stride=1).reshape(line.shape).movedim(-1, axis)
    return area
