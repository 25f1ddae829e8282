"""Statistics of second order: spectrum, its slope, its anisotropy, correlations of channels.

The power spectrum is P(w) = |x^(w)|^2 with x^(w) = (1/d) sum_u x(u) exp(-i w.u), so that it sums
to the mean square of x. Every model that matches wavelet energies constrains it.
"""

from __future__ import annotations

import itertools
import math

import torch
from torch import Tensor

from synth.evaluation.statistics.base import Batch, Frame, Panel, Statistic
from synth.evaluation.statistics.shells import frequencies, octaves, shells

SECOND_ORDER = frozenset({"covariance", "scattering", "scattering-covariance", "wph", "rectifier"})
# Amplitudes below a millionth of the field's sd are rounding noise of float32, not structure.
FLOOR = 1e-12


def shell_power(batch: Batch) -> Tensor:
    """(n, curve, shell): mean power per mode; a vector field has one curve, its energy."""
    power = shells(batch.frame.shape).mean(batch.power.flatten(2)) + FLOOR / batch.frame.n_pixels
    return power.sum(1, keepdim=True) if batch.frame.is_vector else power


def curve_names(frame: Frame) -> list[str]:
    return ["energy"] if frame.is_vector else list(frame.channels)


class RadialSpectrum(Statistic):
    """ln P(k), averaged over shells of wavenumber."""

    name = "spectrum"
    title = "Power spectrum"
    meaning = "How much variance there is at each wavenumber."
    effect = "rms difference of ln P(k)"
    families = SECOND_ORDER

    def features(self, batch: Batch) -> Tensor:
        return shell_power(batch).log().flatten(1)

    def labels(self, frame: Frame) -> list[str]:
        k = shells(frame.shape).centre.tolist()
        return [f"ln P({name}, k={v:.3g})" for name in curve_names(frame) for v in k]

    def panels(self, frame: Frame) -> list[Panel]:
        k = shells(frame.shape).centre.tolist()
        return [
            Panel(
                x=k,
                columns=range(i * len(k), (i + 1) * len(k)),
                xlabel="wavenumber k (waves per shortest side)",
                ylabel="power per mode",
                title=name if len(curve_names(frame)) > 1 else "",
                yscale="log",
                logarithmic=True,
            )
            for i, name in enumerate(curve_names(frame))
        ]


class SpectralSlope(Statistic):
    """Least-squares slope d ln P / d ln k over each half of the decades of wavenumber, and whole.

    Shells with fewer than 8 modes are merged beforehand, and each shell weighs the same.
    """

    name = "slope"
    title = "Spectral slope"
    meaning = "How steeply the spectrum falls, at large scales, at small scales and overall."
    effect = "rms difference of the slope"
    families = SECOND_ORDER
    ranges = ("large scales", "small scales", "all scales")

    def applies(self, frame: Frame) -> bool:
        return len(shells(frame.shape)) >= 6

    def features(self, batch: Batch) -> Tensor:
        log_power = shell_power(batch).log()
        log_k = shells(batch.frame.shape).centre.log()
        middle = (log_k[0] + log_k[-1]) / 2
        chosen = (log_k <= middle, log_k > middle, torch.ones_like(log_k, dtype=torch.bool))
        slopes = []
        for which in chosen:
            k = log_k[which] - log_k[which].mean()
            slopes.append((log_power[..., which] * k).sum(-1) / k.square().sum())
        return torch.stack(slopes, -1).flatten(1)

    def labels(self, frame: Frame) -> list[str]:
        return [f"slope({name}, {r})" for name in curve_names(frame) for r in self.ranges]

    def panels(self, frame: Frame) -> list[Panel]:
        n = len(self.ranges)
        return [
            Panel(
                range(n),
                range(i * n, (i + 1) * n),
                "",
                "d ln P / d ln k",
                name if len(curve_names(frame)) > 1 else "",
                names=self.ranges,
            )
            for i, name in enumerate(curve_names(frame))
        ]


class Anisotropy(Statistic):
    """sum_w P(w) g(direction of w) / sum_w P(w) in every octave of wavenumber.

    g = cos 2 theta and cos 4 theta in 2-D, with theta measured from the last axis; in 3-D the
    Legendre polynomial P_2 of the cosine with each axis but the last (the three add up to 0).
    """

    name = "anisotropy"
    title = "Anisotropy"
    meaning = "Whether the variance has a preferred direction, octave by octave."
    effect = "rms difference of the angular coefficients"
    families = SECOND_ORDER

    def applies(self, frame: Frame) -> bool:
        return frame.ndim > 1

    def features(self, batch: Batch) -> Tensor:
        bands = octaves(batch.frame.shape)
        power = batch.power.flatten(2)
        total = bands.sum(power) + FLOOR
        parts = [bands.sum(power * g) / total for g in _angular(batch.frame.shape)]
        return torch.stack(parts, 1).flatten(1)

    def _kinds(self, frame: Frame) -> list[str]:
        return ["cos 2θ", "cos 4θ"] if frame.ndim == 2 else ["P2 first axis", "P2 second axis"]

    def labels(self, frame: Frame) -> list[str]:
        k = octaves(frame.shape).centre.tolist()
        return [
            f"{kind}({name}, k={v:.3g})"
            for kind in self._kinds(frame)
            for name in frame.channels
            for v in k
        ]

    def panels(self, frame: Frame) -> list[Panel]:
        k = octaves(frame.shape).centre.tolist()
        names = [
            f"{kind}, {name}" if len(frame.channels) > 1 else kind
            for kind in self._kinds(frame)
            for name in frame.channels
        ]
        return [
            Panel(
                k,
                range(i * len(k), (i + 1) * len(k)),
                "wavenumber k",
                "coefficient",
                name,
                reference=0.0,
            )
            for i, name in enumerate(names)
        ]


def _angular(shape: tuple[int, ...]) -> list[Tensor]:
    """The angular functions g on the flattened half grid; octaves leave the origin out."""
    axes = frequencies(shape)
    square = sum((w.square() for w in axes), start=torch.zeros(()))
    square = torch.where(square == 0, math.inf, square)
    if len(shape) == 2:
        cosine = (axes[1].square() - axes[0].square()) / square
        return [cosine.flatten(), (2 * cosine.square() - 1).flatten()]
    return [(1.5 * w.square() / square - 0.5).flatten() for w in axes[:-1]]


class ChannelCoherence(Statistic):
    """Re sum_w x^_a conj(x^_b) / sqrt(sum |x^_a|^2 sum |x^_b|^2) per octave, for channels a < b."""

    name = "coherence"
    title = "Correlation of channels"
    meaning = "How the channels go together, octave by octave."
    effect = "rms difference of the correlation"
    families = SECOND_ORDER

    def applies(self, frame: Frame) -> bool:
        return len(frame.channels) > 1

    def features(self, batch: Batch) -> Tensor:
        bands = octaves(batch.frame.shape)
        power = bands.sum(batch.power.flatten(2)) + FLOOR
        x = batch.spectrum.flatten(2)
        parts = []
        for a, b in itertools.combinations(range(len(batch.frame.channels)), 2):
            cross = bands.sum((x[:, a] * x[:, b].conj()).real)
            parts.append(cross / (power[:, a] * power[:, b]).sqrt())
        return torch.cat(parts, 1)

    def labels(self, frame: Frame) -> list[str]:
        k = octaves(frame.shape).centre.tolist()
        return [
            f"r({a}, {b}, k={v:.3g})"
            for a, b in itertools.combinations(frame.channels, 2)
            for v in k
        ]

    def panels(self, frame: Frame) -> list[Panel]:
        k = octaves(frame.shape).centre.tolist()
        pairs = itertools.combinations(frame.channels, 2)
        return [
            Panel(
                k,
                range(i * len(k), (i + 1) * len(k)),
                "wavenumber k",
                "correlation",
                f"{a} and {b}",
                reference=0.0,
            )
            for i, (a, b) in enumerate(pairs)
        ]
