"""Correlations at long range, of the field and of the strength of its fine scales.

Models keep correlations up to some distance; beyond it nothing holds their fields together. R(a) of
Zhang & Mallat (2021) looks there: the autocorrelation of the field (their k = 1) and of the modulus
of its band-passed versions (k = 0) at distance a, relative to distance 0.
"""

from __future__ import annotations

import itertools

import torch
from torch import Tensor

from synth.evaluation.statistics.bands import band_centres, octave_bands
from synth.evaluation.statistics.base import Batch, Frame, Panel, Statistic

PARTS = (16, 8, 4, 2)  # annuli of lag between these fractions of the shortest side
FINEST = 2  # octaves whose modulus is correlated
TINY = 1e-20


class LongRange(Statistic):
    """Mean and ln rms of the autocorrelation over the annuli N/16, N/8, N/4 and N/2 of lag."""

    name = "long-range"
    title = "Long-range correlation"
    meaning = "Whether distant places of a field still know of each other."
    effect = "rms difference"

    def applies(self, frame: Frame) -> bool:
        return min(frame.shape) >= 32

    def _sources(self, frame: Frame) -> list[str]:
        octaves = band_centres(frame)[-FINEST:]
        return ["field", *(f"strength of k={k:g}" for k in octaves)]

    def features(self, batch: Batch) -> Tensor:
        frame = batch.frame
        parts = [_annuli(batch.values, frame)]
        for band in list(octave_bands(batch))[-FINEST:]:
            parts.append(_annuli(band.values.abs(), frame))
        return torch.stack(parts, 2).flatten(1)

    def labels(self, frame: Frame) -> list[str]:
        annuli = [f"N/{a}-N/{b}" for a, b in itertools.pairwise(PARTS)]
        return [
            f"{kind}({source}, {annulus}; {name})"
            for name in frame.channels
            for source in self._sources(frame)
            for kind in ("mean", "ln rms")
            for annulus in annuli
        ]

    def panels(self, frame: Frame) -> list[Panel]:
        count, sources = len(PARTS) - 1, self._sources(frame)
        side = min(frame.shape)
        x = [side / (a * b) ** 0.5 for a, b in itertools.pairwise(PARTS)]
        return [
            Panel(
                x,
                range(
                    (c * len(sources) + s) * 2 * count, (c * len(sources) + s) * 2 * count + count
                ),
                "lag (pixels)",
                "correlation",
                source + (f", {name}" if len(frame.channels) > 1 else ""),
                reference=0.0,
            )
            for c, name in enumerate(frame.channels)
            for s, source in enumerate(sources)
        ]


def _annuli(x: Tensor, frame: Frame) -> Tensor:
    """(n, channel, 2 * annuli): mean and ln rms of the normalised autocorrelation of x.

    Open fields are padded with zeros, and every lag is averaged over the pairs that it has.
    """
    space = frame.space
    x = x - x.mean(space, keepdim=True)
    grid = tuple(n if frame.periodic else 2 * n for n in x.shape[2:])
    spectrum = torch.fft.rfftn(x, s=grid, dim=space)
    power = spectrum.real.square() + spectrum.imag.square()
    correlation = torch.fft.irfftn(power, s=grid, dim=space)
    origin = correlation[(..., *(slice(0, 1),) * frame.ndim)]
    distance, pairs = _lags(grid, frame)
    correlation = (correlation / (origin + TINY)).flatten(2).double() / pairs.flatten()
    distance = distance.flatten()
    mean, rms = [], []
    for a, b in itertools.pairwise(PARTS):
        inside = (distance >= min(frame.shape) / a) & (distance < min(frame.shape) / b)
        chosen = correlation[..., inside]
        mean.append(chosen.mean(-1))
        rms.append((chosen.square().mean(-1) + TINY).sqrt().log())
    return torch.stack([*mean, *rms], -1)


def _lags(grid: tuple[int, ...], frame: Frame) -> tuple[Tensor, Tensor]:
    """Length of the lag of every point of an autocorrelation on `grid`, in pixels of the field,
    and the share of the pixels that have a partner at that lag."""
    square, share = torch.zeros(()), torch.ones(())
    for axis, (points, size) in enumerate(zip(grid, frame.shape, strict=True)):
        whole = size if frame.periodic else 2 * size
        lag = torch.fft.fftfreq(points, 1 / whole, dtype=torch.float64)
        lag = lag.reshape([-1 if a == axis else 1 for a in range(len(grid))])
        square = square + lag.square()
        if not frame.periodic:
            share = share * (1 - lag.abs() / size).clamp(min=1 / size)
    return square.sqrt(), share.expand(grid)
