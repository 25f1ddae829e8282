"""What a fit would take in time and memory, by trying its dearest step once."""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable, Sequence

import numpy as np
import torch

from moments import MomentFamily
from synth.estimation.spread import SURROGATES

# Fields of more values are tried at half the size, and the result is scaled up.
LARGEST = 2**20


def fit_cost(
    build: Callable[[Sequence[int]], MomentFamily],
    shape: Sequence[int],
    channels: int,
    samples: int,
) -> tuple[float, int]:
    """Seconds and bytes that a fit of this family takes on the CPU with the present threads.

    Parameters
    ----------
    build : callable
        The family for fields of a shape.
    shape : sequence of int
        Space sizes.
    channels, samples : int

    Returns
    -------
    seconds : float
        Of the constants and the moments of each sample, and of the surrogates that a single one
        needs.
    memory : int
        Largest resident size of the process, in bytes.
    """
    tried = list(shape)
    while channels * np.prod(tried) > LARGEST and min(tried) > 64:
        tried = [size // 2 for size in tried]
    factor = float(np.prod(shape) / np.prod(tried))
    before = _peak()
    family = build(tried)
    x = torch.randn(1, channels, *tried, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        family.freeze(family.constants(x))
        start = time.perf_counter()
        family(x)
        seconds = time.perf_counter() - start
    evaluations = 2 * samples + (2 * SURROGATES if samples == 1 else 0)
    return seconds * factor * evaluations, int(before + factor * (_peak() - before))


def _peak() -> int:
    """Largest resident size of this process so far, in bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak
