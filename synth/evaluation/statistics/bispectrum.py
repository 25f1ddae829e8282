"""Bispectrum in bins of wavenumber: the correlation of three octaves.

With y_b the field filtered to k_b <= k < k_(b+1), the reduced bispectrum of the bins is

    b(1, 2, 3) = mean(y_1 y_2 y_3) / sqrt(mean y_1^2 mean y_2^2 mean y_3^2),

the skewness of a field where the bins are the same. The mean is the sum of x^(w1) x^(w2) x^(w3)
over the triangles w1 + w2 + w3 = 0 with sides in the bins. The bins end at a third of the sampling
wavenumber, below which no triangle closes by aliasing.

Where a field and its negative are alike, as in 2-D turbulence, b vanishes although waves are locked
around every vortex. So a second family of features is the local strength of the bispectrum, the rms
over positions of y_1 y_2 y_3 smoothed to the largest waves (k <= 4), in the same units.
"""

from __future__ import annotations

import itertools
import math
from functools import lru_cache

import torch
from torch import Tensor

from synth.evaluation.statistics.base import Batch, Frame, Panel, Statistic
from synth.evaluation.statistics.shells import multiplicity, wavenumber
from synth.evaluation.statistics.spectrum import FLOOR

MOST_BINS = 6
SMOOTH = 4.0  # waves a side that the local strength keeps


@lru_cache(maxsize=32)
def bin_edges(shape: tuple[int, ...]) -> tuple[float, ...]:
    """Edges from 1 to N_min / 3, at least an octave apart where the field is large."""
    top = min(shape) / 3
    count = max(2, min(MOST_BINS, int(math.log2(top))))
    return tuple(float(top ** (i / count)) for i in range(count + 1))


@lru_cache(maxsize=32)
def triangles(shape: tuple[int, ...]) -> tuple[tuple[int, int, int], ...]:
    """Bins (a <= b <= c) that hold the sides of some triangle."""
    edges = bin_edges(shape)
    bins = itertools.combinations_with_replacement(range(len(edges) - 1), 3)
    return tuple((a, b, c) for a, b, c in bins if edges[c] < edges[a + 1] + edges[b + 1])


class Bispectrum(Statistic):
    """b(1, 2, 3) and ln of its local strength, of every channel, for all bins with triangles."""

    name = "bispectrum"
    title = "Bispectrum"
    meaning = "How waves of three lengths lock together, on average and from place to place."
    effect = "rms difference of b and of ln of its local strength"

    def applies(self, frame: Frame) -> bool:
        return min(frame.shape) >= 24

    def features(self, batch: Batch) -> Tensor:
        frame = batch.frame
        k = wavenumber(frame.shape)
        bands = []
        for low, high in itertools.pairwise(bin_edges(frame.shape)):
            kept = batch.periodic_spectrum * ((k >= low) & (k < high))
            bands.append(torch.fft.irfftn(kept, s=frame.shape, dim=frame.space, norm="forward"))
        power = [y.square().mean(frame.space, dtype=torch.float64) + FLOOR for y in bands]
        weight = (multiplicity(frame.shape).reshape(k.shape) * (k <= SMOOTH)).float()
        mean, strength = [], []
        for a, b, c in triangles(frame.shape):
            product = bands[a] * bands[b] * bands[c]
            norm = (power[a] * power[b] * power[c]).sqrt()
            mean.append(product.mean(frame.space, dtype=torch.float64) / norm)
            spectrum = torch.fft.rfftn(product, dim=frame.space, norm="forward")
            energy = (spectrum.abs().square() * weight).sum(frame.space, dtype=torch.float64)
            strength.append((energy.sqrt() / norm).clamp(min=FLOOR).log())
        return torch.stack([*mean, *strength], 2).flatten(1)

    def labels(self, frame: Frame) -> list[str]:
        edges = bin_edges(frame.shape)
        names = [f"{low:.3g}-{high:.3g}" for low, high in itertools.pairwise(edges)]
        return [
            f"{kind}({names[a]}, {names[b]}, {names[c]}; {channel})"
            for channel in frame.channels
            for kind in ("b", "ln local b")
            for a, b, c in triangles(frame.shape)
        ]

    def panels(self, frame: Frame) -> list[Panel]:
        known = triangles(frame.shape)
        edges = bin_edges(frame.shape)
        middle = [math.sqrt(low * high) for low, high in itertools.pairwise(edges)]
        equal = [(i, a) for i, (a, _, c) in enumerate(known) if a == c]
        kinds = [("reduced bispectrum", "linear", 0.0), ("its local strength", "log", None)]
        return [
            Panel(
                [middle[a] for _, a in equal],
                [(2 * channel + part) * len(known) + i for i, _ in equal],
                "wavenumber k of three like waves",
                ylabel,
                name if len(frame.channels) > 1 else "",
                yscale=yscale,
                logarithmic=part == 1,
                reference=reference,
            )
            for channel, name in enumerate(frame.channels)
            for part, (ylabel, yscale, reference) in enumerate(kinds)
        ]
