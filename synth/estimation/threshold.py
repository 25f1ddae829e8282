"""Thresholding: which moments stand out of the sampling noise of one field."""

from __future__ import annotations

import numpy as np

from moments import Labels
from synth.errors import UsageError

SIDES = ("c", "j", "l", "k")


def standing_out(
    labels: Labels, mean: np.ndarray, spread: np.ndarray, threshold: float
) -> np.ndarray:
    """Moments whose mean is at least ``threshold`` times their sampling spread from 0.

    Means, powers, one-point laws and all else that measures one feature are kept in any case: what
    is dropped are correlations that cannot be told from none (Cheng et al. 2024, arXiv 2306.17210).

    Parameters
    ----------
    labels : Labels
    mean, spread : ndarray, (M,)
    threshold : float

    Returns
    -------
    ndarray of int
        Positions of the moments to keep, in order.

    Raises
    ------
    UsageError
        If the threshold is not positive.
    """
    if not threshold > 0:
        raise UsageError(f"threshold={threshold} was asked for; a positive number would work.")
    paired = (labels["c2"] >= 0) | (labels["j2"] >= 0)
    itself = ~labels["shift"].any(-1) & (labels["part"] != "im")
    for name in SIDES:
        itself &= labels[f"{name}1"] == labels[f"{name}2"]
    return np.flatnonzero(~paired | itself | (np.abs(mean) >= threshold * spread))
