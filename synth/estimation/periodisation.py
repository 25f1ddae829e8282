r"""Open fields made periodic without loss of power.

Each wavenumber loses the share :math:`\alpha` of the smooth part s that best removes the jumps,
none where a field is rough and all where it is smooth, and what is left is given the power of the
process back:

.. math:: \hat y = \sqrt{P / (d\,E|\hat x-\alpha\hat s|^2)}\;(\hat x-\alpha\hat s), \qquad
          \alpha = \mathrm{Re}\,E[\hat x\hat s^*]/E|\hat s|^2.

The expectations are exact for a stationary process of spectrum P
(`moisan.expected_powers`), and P is the one for which they agree with the measured
power of the periodic components :math:`\hat x-\hat s`.

A pattern that repeats leaks less into other wavenumbers than any stationary process of its
spectrum. What windowed fields show, in which hardly anything leaks, is therefore kept.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from synth.estimation import spectra
from synth.estimation.moisan import expected_powers, periodic_component

#: Rounds of finding P, and the power of the ratio by which each of them corrects it.
ROUNDS = 5
STEP = 1.5
#: The ratio is averaged over shells within this factor of a wavenumber, and over so many that they
#: hold this number of modes of all fields: P of few modes is noise, which division amplifies.
WINDOW = 1.4
MODES = 16
#: Shells from which P is continued as a power law to scales larger than the field.
CONTINUED_FROM = 4
#: Least power relative to the largest.
FLOOR = 1e-10
#: Share of the windowed power that is kept in any case, of the least of so many shells around:
#: the window itself leaks into the nearest of them.
KEPT_SHARE, KEPT_NEAR = 0.5, 3


class Periodisation:
    """A map from open fields to periodic ones with the spectrum of their process.

    The mean of a field stands for all that is larger than the field: it is multiplied by what keeps
    the variance of the process.

    Parameters
    ----------
    fields : iterable of Tensor, (n, channel, *space)
        Open fields of mean 0 over all of them, from which the gain is measured.

    Attributes
    ----------
    share, gain : Tensor, (channel, *space) float64
        Of the smooth part that is removed, and of what is left.
    """

    def __init__(self, fields: Iterable[Tensor]) -> None:
        periodic, windowed, self.count = np.zeros(()), np.zeros(()), 0
        for x in fields:
            periodic = periodic + len(x) * spectra.power(periodic_component(x))
            windowed = windowed + len(x) * spectra.power(spectra.apodised(x.double()))
            self.count, self.shape = self.count + len(x), tuple(x.shape[2:])
        periodic, windowed = periodic / self.count, windowed / self.count
        self.share, self.gain = self._fit(periodic.clip(min=FLOOR * periodic.max()), windowed)

    def __call__(self, fields: Tensor) -> Tensor:
        """Periodic fields, (n, channel, *space)."""
        space = tuple(range(2, fields.ndim))
        x = fields.double()
        smooth = torch.fft.fftn(x - periodic_component(x), dim=space)
        spectrum = (torch.fft.fftn(x, dim=space) - self.share * smooth) * self.gain
        return torch.fft.ifftn(spectrum, dim=space).real.to(fields.dtype)

    def _fit(self, measured: np.ndarray, windowed: np.ndarray) -> tuple[Tensor, Tensor]:
        """Share and gain from the power of the periodic components and of windowed fields,
        (channel, shells) each."""
        space = tuple(range(1, 1 + len(self.shape)))
        twice = tuple(2 * size for size in self.shape)
        centres = spectra.centres(self.shape)
        power = np.stack([_power_law(centres, row)(centres) for row in measured])
        for last in reversed(range(ROUNDS)):
            covariance = torch.fft.ifftn(self._on_grid(power, twice), dim=space).real
            powers = expected_powers(covariance, self.shape)
            periodic = powers.without(1.0).flatten(1).numpy()
            predicted = spectra.shell_means(periodic, self.shape)
            known = (power / predicted).clip(max=1) ** 2
            ratio = self._smooth(measured / predicted, known)
            if last:
                power = power * ratio**STEP
        share = (powers.cross / powers.smooth.clamp(min=1e-300)).clamp(0, 1)
        left = powers.without(share)
        wanted = self._on_grid(power, self.shape)
        variance = covariance.flatten(1)[:, 0] * math.prod(self.shape)
        larger = variance - wanted.flatten(1).sum(1)
        wanted.flatten(1)[:, 0] = torch.maximum(larger, left.flatten(1)[:, 0])
        gain = (wanted / left.clamp(min=1e-300)).sqrt()
        short = KEPT_SHARE * _least_near(windowed) / (power * ratio)
        if (short > 1).any():
            more = gain * self._on_grid(short.clip(min=1), self.shape).sqrt()
            gain = torch.maximum(gain, more.clamp(max=1))
        return share, gain

    def _on_grid(self, power: np.ndarray, shape: tuple[int, ...]) -> Tensor:
        """P from its shells (channel, shells) on a grid, (channel, *shape); 0 at w = 0."""
        centres = spectra.centres(self.shape)
        below = centres[0] / 2
        radius = spectra.radial_frequency(shape).clamp(min=below).log().numpy()
        nodes = np.log([below, *centres])
        rows = []
        for row in power:
            start = _power_law(centres[:CONTINUED_FROM], row[:CONTINUED_FROM])(below)
            rows.append(np.exp(np.interp(radius, nodes, np.log([start, *row]))))
        out = torch.from_numpy(np.stack(rows))
        out.flatten(1)[:, 0] = 0.0
        return out

    def _smooth(self, ratio: np.ndarray, known: np.ndarray) -> np.ndarray:
        """Averages over windows of shells, weighted by their modes, (channel, shells).

        A mode counts by how much of its power is its own, ``known``.
        """
        centres = spectra.centres(self.shape)
        modes = self.count * spectra.shell_modes(self.shape) * known
        first = np.searchsorted(centres, centres / WINDOW)
        near = np.searchsorted(centres, centres * WINDOW)
        rows = []
        for one, weight in zip(ratio, modes, strict=True):
            total, sums = np.pad(np.cumsum([one * weight, weight], axis=1), ((0, 0), (1, 0)))
            enough = np.searchsorted(sums, sums[first] + MODES)
            last = np.maximum(near, enough).clip(max=len(centres))
            rows.append((total[last] - total[first]) / (sums[last] - sums[first]).clip(min=1e-300))
        return np.stack(rows)


def _least_near(power: np.ndarray) -> np.ndarray:
    """The least power of the shells around each, (channel, shells)."""
    around = np.pad(power, ((0, 0), (KEPT_NEAR, KEPT_NEAR)), mode="edge")
    return np.lib.stride_tricks.sliding_window_view(around, 2 * KEPT_NEAR + 1, axis=1).min(-1)


def _power_law(w: np.ndarray, power: np.ndarray) -> Callable[[Any], Any]:
    """A fit of A w^s with s <= 0; large scales weigh most."""
    x, y = np.log(w), np.log(power)
    slope = min(0.0, float(np.polyfit(x, y, 1, w=w**-0.25)[0]))
    weight = w**-0.5
    level = float(((y - slope * x) * weight).sum() / weight.sum())
    return lambda at: np.exp(level + slope * np.log(at))
