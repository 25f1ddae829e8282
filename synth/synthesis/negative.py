"""Whether samples hold negative values that the fitted field has not."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np

#: Share of negative values that may stay unsaid.
LEAST = 0.01


def tell_of_negative(values: np.ndarray, minimum: Sequence[float]) -> None:
    """Warn where channels without a negative value got some.

    Moments of values bound how often a sample falls below 0, not whether it does.

    Parameters
    ----------
    values : ndarray, (sample, channel, *space)
        Of the samples, in original units.
    minimum : sequence of float
        Least value of each channel of the fitted field; empty where it is not known.
    """
    parts = [values[:, channel] for channel, least in enumerate(minimum) if least >= 0]
    negative = sum(int((part < 0).sum()) for part in parts)
    share = negative / max(1, sum(part.size for part in parts))
    if share < LEAST:
        return
    remedy = (
        "a fit with the transform log would keep them positive"
        if min(minimum) > 0
        else "set them to 0 if they have no meaning"
    )
    warnings.warn(
        f"{share:.0%} of the sampled values are negative, down to "
        f"{min(float(part.min()) for part in parts):.3g}, and none of the fitted field is; "
        f"{remedy}.",
        stacklevel=3,
    )
