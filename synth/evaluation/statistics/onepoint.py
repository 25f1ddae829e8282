"""Statistics of single values: histogram, skewness and kurtosis, histogram of every octave."""

from __future__ import annotations

import torch
from torch import Tensor

from synth.evaluation.statistics.bands import band_centres, octave_bands
from synth.evaluation.statistics.base import Batch, Frame, Panel, Statistic

MARGINAL = frozenset({"marginal"})
LEVELS = (0.001, 0.003, 0.01, 0.03, 0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 0.9, 0.97, 0.99, 0.997, 0.999)
TAILS = (-5.0, -4.0, -3.0, 3.0, 4.0, 5.0)
BINS = torch.linspace(-8, 8, 81)  # of the drawn histogram, in sd of the real fields


def quantiles(values: Tensor, levels: tuple[float, ...]) -> Tensor:
    """Quantile function of the last axis at `levels`: (..., d) -> (..., levels), float64."""
    ordered = values.sort(-1).values
    size = ordered.shape[-1]
    position = torch.tensor(levels, dtype=torch.float64) * (size - 1)
    low = position.long().clamp(max=size - 1)
    part = position - low
    below, above = ordered[..., low].double(), ordered[..., (low + 1).clamp(max=size - 1)].double()
    return below + part * (above - below)


def log_tails(values: Tensor, thresholds: tuple[float, ...]) -> Tensor:
    """ln of the share of the last axis beyond each threshold (below it where negative).

    Half a count is added, so that an empty tail is a finite number.
    """
    bounds = torch.tensor(thresholds, dtype=values.dtype)
    rows = torch.bucketize(values, bounds).reshape(-1, values.shape[-1])
    counts = torch.stack([torch.bincount(row, minlength=len(bounds) + 1) for row in rows])
    below, size = counts.cumsum(1)[:, :-1], values.shape[-1]
    beyond = torch.where(bounds < 0, below, size - below).double()
    return ((beyond + 0.5) / (size + 1)).log().reshape(*values.shape[:-1], len(bounds))


def log_density(values: Tensor, edges: Tensor) -> Tensor:
    """ln of the histogram density of the last axis: (..., d) -> (..., bins); nan where empty."""
    bins, size = len(edges) - 1, values.shape[-1]
    step = (edges[-1] - edges[0]) / bins
    index = ((values - edges[0]) / step).floor().long().clamp(-1, bins) + 1
    flat = index.reshape(-1, size)
    counts = torch.zeros(len(flat), bins + 2, dtype=torch.float64)
    counts.scatter_add_(1, flat, torch.ones_like(flat, dtype=torch.float64))
    density = counts[:, 1:-1] / (size * step.item())
    density = torch.where(density > 0, density, torch.nan)
    return density.log().reshape(*values.shape[:-1], bins)


class Histogram(Statistic):
    """Quantiles from 0.1% to 99.9%, and ln P beyond 3, 4 and 5 sd, in units of the real sd."""

    name = "histogram"
    title = "Histogram"
    meaning = "How often each value occurs, and how heavy the tails are."
    effect = "W1 distance in real sd"
    families = MARGINAL

    def features(self, batch: Batch) -> Tensor:
        x = batch.values.flatten(2)
        return torch.cat([quantiles(x, LEVELS), log_tails(x, TAILS)], -1).flatten(1)

    def labels(self, frame: Frame) -> list[str]:
        parts = [f"Q({v:g})" for v in LEVELS] + [f"ln P(beyond {t:+g} sd)" for t in TAILS]
        return [f"{part}, {name}" for name in frame.channels for part in parts]

    def drawn(self, batch: Batch) -> Tensor:
        return log_density(batch.values.flatten(2), BINS).flatten(1)

    def panels(self, frame: Frame) -> list[Panel]:
        centres = ((BINS[1:] + BINS[:-1]) / 2).tolist()
        return [
            Panel(
                centres,
                range(i * len(centres), (i + 1) * len(centres)),
                "value (real mean 0, sd 1)",
                "density",
                name if len(frame.channels) > 1 else "",
                xscale="linear",
                yscale="log",
                logarithmic=True,
            )
            for i, name in enumerate(frame.channels)
        ]

    def value(self, real: Tensor, synthetic: Tensor, frame: Frame) -> float:
        """W1: the mean over probability of the difference of the mean quantile functions."""
        difference = (synthetic.mean(0) - real.mean(0)).abs()
        per_channel = difference.reshape(-1, len(LEVELS) + len(TAILS))[:, : len(LEVELS)]
        levels = torch.tensor(LEVELS, dtype=torch.float64)
        area = torch.trapezoid(per_channel, levels, dim=1) / (levels[-1] - levels[0])
        return area.mean().item()


class SkewnessKurtosis(Statistic):
    """m3 / m2^(3/2) and m4 / m2^2 of the values of each field."""

    name = "kurtosis"
    title = "Skewness and kurtosis"
    meaning = "Lopsidedness and weight of the tails; 0 and 3 for a Gaussian law."
    effect = "rms difference"
    families = MARGINAL | {"polynomial"}

    def features(self, batch: Batch) -> Tensor:
        x = batch.values.flatten(2).double()
        x = x - x.mean(-1, keepdim=True)
        square = x.square()
        variance = square.mean(-1)
        skewness = (square * x).mean(-1) / variance**1.5
        kurtosis = square.square().mean(-1) / variance**2
        return torch.cat([skewness, kurtosis], 1)

    def labels(self, frame: Frame) -> list[str]:
        return [f"{kind}({name})" for kind in ("skewness", "kurtosis") for name in frame.channels]

    def panels(self, frame: Frame) -> list[Panel]:
        n = len(frame.channels)
        return [
            Panel(range(n), range(n), "", "skewness", reference=0.0, names=frame.channels),
            Panel(range(n), range(n, 2 * n), "", "kurtosis", reference=3.0, names=frame.channels),
        ]


class OctaveHistogram(Statistic):
    """Quantiles of the field filtered to each octave, in units of that band's own sd.

    The sd is taken out because the spectrum already measures it: this is the shape of the law.
    """

    name = "octave-histogram"
    title = "Histogram of every octave"
    meaning = "How often each value occurs when only one octave of scales is kept."
    effect = "rms difference of quantiles in sd of the band"
    families = frozenset()
    levels = (0.001, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 0.999)

    def features(self, batch: Batch) -> Tensor:
        parts = []
        for band in octave_bands(batch):
            x = band.values.flatten(2)
            x = x - x.mean(-1, keepdim=True)
            x = x / x.square().mean(-1, keepdim=True).sqrt().clamp(min=1e-12)
            parts.append(quantiles(x, self.levels))
        return torch.stack(parts, 2).flatten(1)

    def labels(self, frame: Frame) -> list[str]:
        return [
            f"Q({v:g}), {name}, k={k:g}"
            for name in frame.channels
            for k in band_centres(frame)
            for v in self.levels
        ]

    def panels(self, frame: Frame) -> list[Panel]:
        centres, q = band_centres(frame), len(self.levels)
        step = len(centres) * q
        return [
            Panel(
                centres,
                range(i * step + low, (i + 1) * step, q),
                "wavenumber k",
                f"{self.levels[low]:g} quantile",
                name if len(frame.channels) > 1 else "",
            )
            for i, name in enumerate(frame.channels)
            for low in (0, q - 1)
        ]
