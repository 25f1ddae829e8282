"""Statistics of increments dx(r) = x(u + r e) - x(u) along the axes.

The axes are averaged: anisotropy has a statistic of its own. The increments of a vector field are
longitudinal (component and lag along the same axis) or transverse. Structure functions are
S_p(r) = mean |dx(r)|^p, and every statistic but those is free of the spectrum's amplitude.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from synth.evaluation.statistics.base import N_ORDERS, Batch, Frame, Panel, Statistic
from synth.evaluation.statistics.onepoint import log_density, log_tails

TINY = 1e-30
POLYNOMIAL = frozenset({"polynomial"})
THRESHOLDS = (-6.0, -5.0, -4.0, -3.0, -2.0, -1.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0)
BINS = torch.linspace(-8, 8, 65)


def _lag_panels(frame: Frame, ylabel: str, **settings: Any) -> list[Panel]:
    """One panel a group for features ordered (group, lag)."""
    lags = frame.lags
    return [
        Panel(
            lags,
            range(i * len(lags), (i + 1) * len(lags)),
            "lag r (pixels)",
            ylabel,
            name if len(frame.groups) > 1 else "",
            **settings,
        )
        for i, name in enumerate(frame.groups)
    ]


def _lag_labels(frame: Frame, symbol: str) -> list[str]:
    return [f"{symbol}({name}, r={r})" for name in frame.groups for r in frame.lags]


class StructureFunctions(Statistic):
    """ln S_p(r), p = 1 .. 6."""

    name = "structure-functions"
    title = "Structure functions"
    meaning = "Moments of the difference between two points, against their distance."
    effect = "rms difference of ln S_p(r)"
    families = POLYNOMIAL

    def features(self, batch: Batch) -> Tensor:
        moments = batch.increment_moments[..., :N_ORDERS].transpose(-1, -2)
        return (moments + TINY).log().flatten(1)

    def labels(self, frame: Frame) -> list[str]:
        return [
            f"ln S_{p}({name}, r={r})"
            for name in frame.groups
            for p in range(1, N_ORDERS + 1)
            for r in frame.lags
        ]

    def panels(self, frame: Frame) -> list[Panel]:
        lags, panels = frame.lags, []
        for i, name in enumerate(frame.groups):
            for p in (2, 4, 6):
                start = (i * N_ORDERS + p - 1) * len(lags)
                title = f"order {p}" + (f", {name}" if len(frame.groups) > 1 else "")
                panels.append(
                    Panel(
                        lags,
                        range(start, start + len(lags)),
                        "lag r (pixels)",
                        f"S$_{p}$(r)",
                        title,
                        yscale="log",
                        logarithmic=True,
                    )
                )
        return panels


class LocalSlopes(Statistic):
    """d ln S_p / d ln S_3 between neighbouring lags, p = 1, 2, 4, 5, 6 (extended self-similarity).

    Benzi et al. 1993; p/3 for a field without intermittency.
    """

    name = "local-slopes"
    title = "Local slopes of structure functions"
    meaning = "How the orders grow relative to the third: their bend measures intermittency."
    effect = "rms difference of the slopes"
    orders = (1, 2, 4, 5, 6)

    def applies(self, frame: Frame) -> bool:
        return len(frame.lags) >= 3

    def features(self, batch: Batch) -> Tensor:
        steps = (batch.increment_moments[..., :N_ORDERS] + TINY).log().diff(dim=2)
        # Lags where S_3 saturates have no slope; a floor keeps the quotient finite there.
        third = steps[..., 2]
        third = torch.where(third.abs() < 0.05, torch.copysign(torch.tensor(0.05), third), third)
        slopes = [steps[..., p - 1] / third for p in self.orders]
        return torch.stack(slopes, 2).flatten(1)

    def labels(self, frame: Frame) -> list[str]:
        return [
            f"ζ_{p}({name}, r={r})"
            for name in frame.groups
            for p in self.orders
            for r in frame.lags[:-1]
        ]

    def panels(self, frame: Frame) -> list[Panel]:
        x = [math.sqrt(a * b) for a, b in zip(frame.lags, frame.lags[1:], strict=False)]
        panels = []
        for i, name in enumerate(frame.groups):
            for p in (2, 6):
                start = (i * len(self.orders) + self.orders.index(p)) * len(x)
                panels.append(
                    Panel(
                        x,
                        range(start, start + len(x)),
                        "lag r (pixels)",
                        f"d ln S$_{p}$ / d ln S$_3$",
                        name if len(frame.groups) > 1 else "",
                        reference=p / 3,
                    )
                )
        return panels


class Flatness(Statistic):
    """ln F(r), F = S_4 / S_2^2; 3 for a Gaussian field at every lag."""

    name = "flatness"
    title = "Flatness of increments"
    meaning = "Intermittency: how much more often large differences occur at small distances."
    effect = "rms difference of ln F(r)"
    families = POLYNOMIAL

    def features(self, batch: Batch) -> Tensor:
        m = batch.increment_moments
        return ((m[..., 3] + TINY) / (m[..., 1].square() + TINY)).log().flatten(1)

    def labels(self, frame: Frame) -> list[str]:
        return _lag_labels(frame, "ln F")

    def panels(self, frame: Frame) -> list[Panel]:
        return _lag_panels(frame, "flatness", yscale="log", logarithmic=True, reference=3.0)


class ThirdOrder(Statistic):
    """mean dx^3 / S_2^(3/2), the skewness of increments, with its sign.

    For longitudinal increments of turbulent velocity its numerator is -4/5 epsilon r.
    """

    name = "third-order"
    title = "Skewness of increments"
    meaning = "Whether rises and falls are alike; in velocity, the flux of energy through scales."
    effect = "rms difference"
    families = POLYNOMIAL

    def features(self, batch: Batch) -> Tensor:
        m = batch.increment_moments
        return (m[..., N_ORDERS] / (m[..., 1] + TINY) ** 1.5).flatten(1)

    def labels(self, frame: Frame) -> list[str]:
        return _lag_labels(frame, "skewness")

    def panels(self, frame: Frame) -> list[Panel]:
        return _lag_panels(frame, "skewness", reference=0.0)


class IncrementHistogram(Statistic):
    """ln P(dx < -t) and ln P(dx > t), t = 1 .. 6 sd of the increments of the field, per octave."""

    name = "increments"
    title = "Histogram of increments"
    meaning = "The whole law of the difference between two points, in units of its sd."
    effect = "rms difference of ln P of the tails"

    def _lags(self, frame: Frame) -> list[int]:
        return [2**m for m in range(max(frame.lags).bit_length())]

    def _normalised(self, batch: Batch) -> list[Tensor]:
        """(n, points) increments in units of their sd, for each group and lag."""
        rows = []
        for pairs in batch.frame.groups.values():
            for lag in self._lags(batch.frame):
                dx = torch.cat([batch.increments(c, a, lag).flatten(1) for c, a in pairs], 1)
                sd = dx.square().mean(1, keepdim=True, dtype=torch.float64).sqrt()
                rows.append(dx / (sd + TINY).float())
        return rows

    def features(self, batch: Batch) -> Tensor:
        return torch.cat([log_tails(dx, THRESHOLDS) for dx in self._normalised(batch)], 1)

    def labels(self, frame: Frame) -> list[str]:
        return [
            f"ln P(beyond {t:+g} sd, {name}, r={r})"
            for name in frame.groups
            for r in self._lags(frame)
            for t in THRESHOLDS
        ]

    def drawn(self, batch: Batch) -> Tensor:
        return torch.cat([log_density(dx, BINS) for dx in self._normalised(batch)], 1)

    def panels(self, frame: Frame) -> list[Panel]:
        centres, lags = ((BINS[1:] + BINS[:-1]) / 2).tolist(), self._lags(frame)
        shown = sorted({0, len(lags) // 2, len(lags) - 1})
        panels = []
        for i, name in enumerate(frame.groups):
            for lag in shown:
                start = (i * len(lags) + lag) * len(centres)
                title = f"r = {lags[lag]}" + (f", {name}" if len(frame.groups) > 1 else "")
                panels.append(
                    Panel(
                        centres,
                        range(start, start + len(centres)),
                        "increment / sd",
                        "density",
                        title,
                        xscale="linear",
                        yscale="log",
                        logarithmic=True,
                    )
                )
        return panels
