"""Numbers that stand for missing pixels without saying so, such as -9999 among temperatures."""

from __future__ import annotations

import numpy as np

#: How many ranges of all other values lie between them and a mark, and the most pixels marked.
FAR, MOST = 3.0, 0.5


def find_mark(values: np.ndarray) -> tuple[float, float] | None:
    """A number that looks like a mark of missing pixels, and its share of the values.

    It is the least or the largest of all, occurs more than once, and lies farther from the others
    than :data:`FAR` times their range.

    Parameters
    ----------
    values : ndarray, (n,)
        Finite values of one channel.
    """
    for mark in (values.min(), values.max()):
        share = float(np.mean(values == mark))
        if not 1 < share * values.size <= MOST * values.size:
            continue
        rest = values[values != mark]
        low, high = float(rest.min()), float(rest.max())
        if min(abs(low - mark), abs(high - mark)) > FAR * (high - low) > 0:
            return float(mark), share
    return None
