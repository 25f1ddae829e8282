"""Statistics of single values: mean and width, histogram, the same of every octave."""

from __future__ import annotations

import torch
from torch import Tensor

from synth.evaluation.statistics.bands import band_centres, octave_bands
from synth.evaluation.statistics.base import Batch, Frame, Panel, Statistic
from synth.evaluation.statistics.spectrum import FLOOR, SECOND_ORDER

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


class MeanSd(Statistic):
    """Mean and ln sd of the values of each field, in units of the real sd.

    Both are rounded to a thousandth: where all real fields share a mean, such as the zero of a
    vorticity, rounding noise would otherwise tell a synthetic field from them.
    """

    name = "mean-sd"
    title = "Mean and standard deviation"
    meaning = "Where the values of a field lie, and how widely they are spread."
    effect = "rms difference of the mean (in real sd) and of ln sd"
    families = SECOND_ORDER | MARGINAL | {"polynomial"}

    def features(self, batch: Batch) -> Tensor:
        mean, sd = mean_sd(batch)
        return torch.cat([mean, sd.log()], 1).squeeze(-1).round(decimals=3)

    def labels(self, frame: Frame) -> list[str]:
        return [f"{kind}({name})" for kind in ("mean", "ln sd") for name in frame.channels]

    def panels(self, frame: Frame) -> list[Panel]:
        n = len(frame.channels)
        return [
            Panel(range(n), range(n), "", "mean (real sd)", reference=0.0, names=frame.channels),
            Panel(
                range(n),
                range(n, 2 * n),
                "",
                "sd (real sd)",
                logarithmic=True,
                reference=1.0,
                names=frame.channels,
            ),
        ]


class Histogram(Statistic):
    """Quantiles from 0.1% to 99.9%, and ln P beyond 3, 4 and 5 sd, of (x - mean) / sd.

    Mean and sd are those of the field itself and have a statistic of their own: they differ so much
    between the fields of most processes that quantiles in common units would show little else.
    """

    name = "histogram"
    title = "Histogram"
    meaning = "How often each value occurs, for a field brought to mean 0 and sd 1."
    effect = "W1 distance of the laws brought to mean 0 and sd 1"
    families = MARGINAL
    value_from = "drawn"

    def features(self, batch: Batch) -> Tensor:
        mean, sd = mean_sd(batch)
        own = (batch.values.flatten(2) - mean) / sd
        return torch.cat([self._quantiles(batch)[1], log_tails(own, TAILS)], -1).flatten(1)

    def _quantiles(self, batch: Batch) -> Tensor:
        """(2, n, channel, level): in units of the real sd, and in those of the field itself."""
        mean, sd = mean_sd(batch)
        real = batch.once(self.name, lambda: quantiles(batch.values.flatten(2), LEVELS))
        return torch.stack([real, (real - mean) / sd])

    def labels(self, frame: Frame) -> list[str]:
        parts = [f"Q({v:g})" for v in LEVELS] + [f"ln P(beyond {t:+g} sd)" for t in TAILS]
        return [f"{part}, {name}" for name in frame.channels for part in parts]

    def drawn(self, batch: Batch) -> Tensor:
        """ln of the density in units of the real sd, then both kinds of quantiles."""
        density = log_density(batch.values.flatten(2), BINS).flatten(1)
        return torch.cat([density, *(q.flatten(1) for q in self._quantiles(batch))], 1)

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
        """W1 of the quantile functions in units of the field, averaged over fields."""
        return _w1(real, synthetic, frame)[1]

    def details(self, real: Tensor, synthetic: Tensor, frame: Frame) -> dict[str, float]:
        """W1 with mean and sd left as they are."""
        return {"W1 in real sd": _w1(real, synthetic, frame)[0]}


def mean_sd(batch: Batch) -> tuple[Tensor, Tensor]:
    """Mean and sd of every field, (n, channel, 1) float64; an sd below a millionth is rounding."""
    x = batch.values.flatten(2).double()
    variance, mean = torch.var_mean(x, -1, correction=0, keepdim=True)
    return mean, (variance + FLOOR).sqrt()


def _w1(real: Tensor, synthetic: Tensor, frame: Frame) -> list[float]:
    """W1 for both kinds of quantiles in what `Histogram` draws.

    The mean over probability of the difference of the mean quantile functions, and over channels.
    """
    size = 2 * len(frame.channels) * len(LEVELS)
    difference = (synthetic.mean(0) - real.mean(0))[-size:].abs().reshape(2, -1, len(LEVELS))
    levels = torch.tensor(LEVELS, dtype=torch.float64)
    area = torch.trapezoid(difference, levels, dim=-1) / (levels[-1] - levels[0])
    return area.mean(1).tolist()


class SkewnessKurtosis(Statistic):
    """m3 / m2^(3/2) and m4 / m2^2 of the values of each field."""

    name = "kurtosis"
    title = "Skewness and kurtosis"
    meaning = "Lopsidedness and weight of the tails; 0 and 3 for a Gaussian law."
    effect = "rms difference"
    families = MARGINAL | {"polynomial"}

    def features(self, batch: Batch) -> Tensor:
        mean, sd = mean_sd(batch)
        x = (batch.values.flatten(2) - mean) / sd
        square = x.square()
        return torch.cat([(square * x).mean(-1), square.square().mean(-1)], 1)

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
