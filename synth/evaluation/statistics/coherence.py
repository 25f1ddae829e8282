"""Phase coherence: the covariance of phase harmonics, and Zhang & Mallat's distance eps.

With z = x * psi_(j,l) (bump-steerable wavelets, J = 5, L = 8) and the phase harmonics
[z]^k = |z| exp(i k arg z), k = 0 .. 4, the vector v(u) = ([z_(j,l)(u)]^k)_(j,l,k) has a covariance
K over positions. Gaussian fields have none between scales, whatever their spectrum. With K of two
ensembles, both normalised by the diagonal of the first,

    eps = ||C_test - C_model||_2 / ||C_test||_2     (spectral norm; arXiv 1911.10017, section 5).

Real and imaginary parts stand for z and its conjugate, which leaves the norm the same. Positions
are thinned to about 128 an axis, which is exact for each of them.

The K of the paper also holds v at shifted positions and the low pass, leaves out the harmonics
k > 2^j, and is estimated at 16 positions an axis. So its published values (0.82 for the Gaussian
model of 2-D turbulence, 0.24 to 0.29 for wavelet phase harmonics, 0.58 for one real field) are not
those of this eps: benchmarks/PHASE_COHERENCE.md has the paper's own on other flows.
"""

from __future__ import annotations

import itertools
import math
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from moments import FilterBank, grids
from synth.evaluation.statistics.base import Batch, Frame, Panel, Statistic

HARMONICS = 5
SCALES = 5
ANGLES = {1: 1, 2: 8, 3: 6}
POSITIONS = {1: 4096, 2: 128, 3: 32}  # an axis, at most


@lru_cache(maxsize=4)
def bank(shape: tuple[int, ...]) -> FilterBank:
    """The filters, in float32."""
    scales = min(SCALES, int(math.log2(min(shape))) - 1)
    return FilterBank(shape, scales, ANGLES[len(shape)]).float()


def stride(shape: tuple[int, ...]) -> int:
    """Step of the positions: the largest power of 2 that keeps enough and divides every side."""
    step = 1
    while all(n % (2 * step) == 0 and n // (2 * step) >= POSITIONS[len(shape)] for n in shape):
        step *= 2
    return step


def harmonics(x: Tensor) -> Tensor:
    """Phase harmonics of fields (n, *space): (n, scale, angle, 2k-1 or 2k for re, im; positions).

    The third axis holds |z|, Re z, Im z, Re [z]^2, Im [z]^2 and so on: 2 HARMONICS - 1 of them.
    """
    shape = tuple(x.shape[1:])
    filters, step = bank(shape), stride(shape)
    space = tuple(range(-len(shape), 0))
    spectrum = torch.fft.fftn(x, dim=space, norm="forward")
    scales = []
    thinned = tuple(n // step for n in shape)
    for j, grid in enumerate(filters.grids):
        product = grids.regrid(spectrum, shape, grid).unsqueeze(1) * filters.psi(j)
        if all(n <= m for n, m in zip(grid, thinned, strict=True)):
            folded = grids.regrid(product, grid, thinned)
        else:
            folded = _fold(grids.regrid(product, grid, shape), shape, step)
        z = torch.fft.ifftn(folded, dim=space, norm="forward").flatten(2)
        size = z.abs()
        unit = z / size.clamp(min=1e-20)
        parts, power = [size], z
        for _ in range(1, HARMONICS):
            parts += [power.real, power.imag]
            power = power * unit
        scales.append(torch.stack(parts, 2))
    return torch.stack(scales, 1)


def _fold(spectrum: Tensor, shape: tuple[int, ...], step: int) -> Tensor:
    """Spectrum of the field kept at every `step`-th pixel: the sum over aliases."""
    if step == 1:
        return spectrum
    for axis, size in enumerate(shape):
        dim = spectrum.ndim - len(shape) + axis
        spectrum = spectrum.unflatten(dim, (step, size // step)).sum(dim)
    return spectrum


def covariance(x: Tensor) -> Tensor:
    """K of each field (n, *space): (n, rows, rows), row = (scale, angle, part)."""
    rows = []
    for field in x:
        v = harmonics(field[None])[0]
        v = v.flatten(0, 2)
        v = v - v.mean(1, keepdim=True)
        rows.append(v @ v.T / v.shape[1])
    return torch.stack(rows).double()


def scales_of(k: Tensor) -> Tensor:
    """Root of the variance of each row's complex harmonic: (..., rows, rows) -> (..., rows).

    Real and imaginary part of a harmonic share the variance of the harmonic.
    """
    variance = k.diagonal(dim1=-2, dim2=-1).unflatten(-1, (-1, 2 * HARMONICS - 1))
    pairs = variance[..., 1:].unflatten(-1, (HARMONICS - 1, 2))
    shared = pairs.sum(-1, keepdim=True).expand_as(pairs).flatten(-2)
    return torch.cat([variance[..., :1], shared], -1).flatten(-2).clamp(min=1e-30).sqrt()


def epsilon(test: Tensor, model: Tensor) -> float:
    """eps between two mean covariances (rows, rows), normalised by the variances in `test`."""
    scale = scales_of(test)
    outer = scale[:, None] * scale
    norms = [torch.linalg.eigvalsh(c / outer).abs().max() for c in (test - model, test)]
    return (norms[0] / norms[1]).item()


@lru_cache(maxsize=8)
def pairs(scales: int, angles: int) -> tuple[tuple[int, int, int, int, int], ...]:
    """Harmonics (j, k) and (j', k'), j <= j', and the turn between them, that may correlate.

    Moduli of all scales and turns; [z_j']^k' and [z_j]^k where their frequencies k' 2^-j' and
    k 2^-j overlap, and the modulus of a fine with the wave of a coarse scale, at the same angle.
    """
    found = []
    for j, other in itertools.combinations_with_replacement(range(scales), 2):
        turns = range(1 if j == other else 0, angles // 2 + 1)
        found += [(j, 0, other, 0, turn) for turn in turns]
        if j == other:
            continue
        found.append((j, 0, other, 1, 0))
        for k, higher in itertools.combinations(range(1, HARMONICS), 2):
            if abs(math.log2(higher / k) - (other - j)) < 0.6:
                found.append((j, k, other, higher, 0))
    return tuple(found)


class PhaseCoherence(Statistic):
    """Correlations of phase harmonics between scales; its value is eps of the mean covariances.

    The features are the correlations of `pairs`, normalised field by field and averaged over
    angles. The smallest visible value is eps between halves of the real fields, to be compared with
    eps between half of the synthetic and half of the real ones, the detail "at equal numbers".
    """

    name = "phase-coherence"
    title = "Phase coherence"
    meaning = "How far wavelet phases of different scales are locked; a Gaussian field has none."
    effect = "eps of Zhang & Mallat"
    families = frozenset({"wph", "rectifier"})
    value_from = "drawn"

    def applies(self, frame: Frame) -> bool:
        return min(frame.shape) >= 32

    def features(self, batch: Batch) -> Tensor:
        return self.drawn(batch)[:, : len(self.labels(batch.frame))]

    def drawn(self, batch: Batch) -> Tensor:
        """The features, then K of every channel, flattened."""
        return batch.once(self.name, lambda: self._measure(batch))

    def _measure(self, batch: Batch) -> Tensor:
        channels = range(len(batch.frame.channels))
        k = torch.stack([covariance(batch.periodic[:, c]) for c in channels], 1)
        filters = bank(batch.frame.shape)
        correlation = _correlations(k, filters.scales, filters.angles)
        return torch.cat([correlation.flatten(1), k.flatten(1)], 1)

    def labels(self, frame: Frame) -> list[str]:
        filters = bank(frame.shape)
        return [
            f"r([z_{j}]^{k}, [z_{other}]^{higher}, turn {turn}; {name})"
            for name in frame.channels
            for j, k, other, higher, turn in pairs(filters.scales, filters.angles)
        ]

    def panels(self, frame: Frame) -> list[Panel]:
        filters = bank(frame.shape)
        known = pairs(filters.scales, filters.angles)
        shown = {"neighbouring moduli": (0, 0), "first with second harmonic": (1, 2)}
        panels = []
        for c, name in enumerate(frame.channels):
            for title, (low, high) in shown.items():
                columns = [
                    c * len(known) + i
                    for i, (j, k, other, higher, turn) in enumerate(known)
                    if (k, higher, turn, other - j) == (low, high, 0, 1)
                ]
                panels.append(
                    Panel(
                        range(len(columns)),
                        columns,
                        "finer scale j",
                        "correlation",
                        title + (f", {name}" if len(frame.channels) > 1 else ""),
                        xscale="linear",
                        reference=0.0,
                    )
                )
        return panels

    def value(self, real: Tensor, synthetic: Tensor, frame: Frame) -> float:
        """eps, averaged over channels, of the columns of `drawn`."""
        covariances = [_mean_covariance(x, frame) for x in (real, synthetic)]
        return float(np.mean([epsilon(a, b) for a, b in zip(*covariances, strict=True)]))

    def visible(self, real: Tensor, n_synthetic: int, frame: Frame) -> float:
        """eps between halves of the real fields, averaged over splits."""
        return float(np.mean([self.value(a, b, frame) for a, b in _halves(real, real)]))

    def details(self, real: Tensor, synthetic: Tensor, frame: Frame) -> dict[str, float]:
        """eps between half of the synthetic and half of the real fields, averaged over splits."""
        values = [self.value(a, b, frame) for a, b in _halves(real, synthetic)]
        return {"eps at equal numbers": float(np.mean(values))}


def _correlations(k: Tensor, scales: int, angles: int) -> Tensor:
    """(n, channel, pair): Re corr([z]^k, [z']^k'), averaged over angles, from K (n, c, r, r)."""
    scale = scales_of(k)
    parts = 2 * HARMONICS - 1
    c = (k / (scale[..., :, None] * scale[..., None, :])).unflatten(-1, (scales, angles, parts))
    c = c.unflatten(2, (scales, angles, parts))
    here = torch.arange(angles)
    out = []
    for j, low, other, high, turn in pairs(scales, angles):
        there = (here + turn) % angles
        rows = [0] if low == 0 else [2 * low - 1, 2 * low]
        columns = [0] if high == 0 else [2 * high - 1, 2 * high]
        terms = [c[:, :, j, here, a, other, there, b] for a, b in zip(rows, columns, strict=False)]
        out.append(sum(terms, start=torch.zeros(())).mean(-1))
    return torch.stack(out, -1)


def _mean_covariance(drawn: Tensor, frame: Frame) -> Tensor:
    """Mean K of every channel (channel, rows, rows), from the columns of `drawn`."""
    filters = bank(frame.shape)
    rows = filters.scales * filters.angles * (2 * HARMONICS - 1)
    channels = len(frame.channels)
    return drawn[:, -channels * rows * rows :].mean(0).reshape(channels, rows, rows)


def _halves(real: Tensor, other: Tensor) -> list[tuple[Tensor, Tensor]]:
    """Five pairs of half of the real fields and as many others, none in both."""
    size = min(len(real) // 2, len(other))
    generator = np.random.default_rng(0)
    found = []
    for _ in range(5):
        order = generator.permutation(len(real))
        chosen = order[size : 2 * size] if other is real else generator.permutation(len(other))
        found.append((real[order[:size]], other[chosen[:size]]))
    return found
