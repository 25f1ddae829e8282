"""Minkowski functionals of excursion sets, in any dimension, by one rule.

The set A(nu) holds the pixels with x > nu. For every subset S of the axes let Q_S be the share of
the lattice cells spanned by S (pixels, neighbour pairs, squares, cubes) that lie in A entirely. The
Euler characteristic per pixel of the section of A along the axes T is sum over S in T of
(-1)^|S| Q_S, with neighbours taken along the axes; its mean over the T of size m,

    E_m(nu), m = 0 .. dimension,

is the m-th Minkowski functional per volume up to a constant (Hadwiger, and Crofton's formula with
the axes as directions): E_0 the volume, E_1 half the number of border crossings per pixel, so that
the boundary of an isotropic set in 2-D is pi E_1 and in 3-D 4 E_1, and the last the Euler
characteristic. For m >= 2 the same count on the complement is averaged in, so that A and its
complement are treated alike. For a Gaussian field with mean square slope lambda along an axis,

    E_0 = P(x > nu),  E_m = lambda^(m/2) (2 pi)^(-(m+1)/2) H_(m-1)(nu) exp(-nu^2 / 2)

with the Hermite polynomials H_0 = 1, H_1 = nu, H_2 = nu^2 - 1 (Tomita 1986; Adler 1981).
"""

from __future__ import annotations

import itertools

import torch
from torch import Tensor

from synth.evaluation.statistics.base import Batch, Frame, Panel, Statistic
from synth.evaluation.statistics.onepoint import mean_sd

LEVELS = tuple(round(-3 + 0.25 * i, 2) for i in range(25))


def euler_densities(values: Tensor, levels: Tensor, ndim: int, periodic: bool) -> Tensor:
    """E_m(nu) of fields (n, *space): (n, ndim + 1, levels), float64."""
    cells = torch.bucketize(values.contiguous(), levels)  # how many levels lie below the value
    above = _densities(cells, len(levels), ndim, periodic)
    below = _densities(len(levels) - cells, len(levels), ndim, periodic).flip(-1)
    sign = torch.tensor([(-1.0) ** (m + 1) for m in range(ndim + 1)], dtype=torch.float64)
    mixed = (above + sign[:, None] * below) / 2
    mixed[:, :2] = above[:, :2]
    return mixed


def _densities(cells: Tensor, count: int, ndim: int, periodic: bool) -> Tensor:
    """sum over S of (-1)^|S| Q_S averaged over sections, neighbours along the axes only."""
    axes = range(ndim)
    lowest: dict[tuple[int, ...], Tensor] = {(): cells}
    shares: dict[tuple[int, ...], Tensor] = {}
    for size in range(ndim + 1):
        for subset in itertools.combinations(axes, size):
            if subset:
                lowest[subset] = _least_neighbour(lowest[subset[:-1]], 1 + subset[-1], periodic)
            flat = lowest[subset].flatten(1)
            counts = torch.stack([torch.bincount(row, minlength=count + 1) for row in flat])
            beyond = counts.flip(1).cumsum(1).flip(1)[:, 1:]  # cells with more than i levels below
            shares[subset] = beyond.double() / flat.shape[1]
    out = []
    for m in range(ndim + 1):
        sections = [
            sum(
                (
                    (-1) ** len(s) * shares[s]
                    for r in range(m + 1)
                    for s in itertools.combinations(t, r)
                ),
                start=torch.zeros(()),
            )
            for t in itertools.combinations(axes, m)
        ]
        out.append(torch.stack(sections).mean(0))
    return torch.stack(out, 1)


def _least_neighbour(cells: Tensor, dim: int, periodic: bool) -> Tensor:
    if periodic:
        return torch.minimum(cells, torch.roll(cells, -1, dim))
    size = cells.shape[dim]
    return torch.minimum(cells.narrow(dim, 0, size - 1), cells.narrow(dim, 1, size - 1))


class Minkowski(Statistic):
    """E_1 .. E_dimension at 25 levels from -3 to 3 sd around the mean of the field itself.

    E_0 is the histogram's business. Levels in common units would see little but the mean and the
    width of a field, which have a statistic of their own.
    """

    name = "minkowski"
    title = "Contours by Minkowski functionals"
    meaning = "Length of the contours, and islands minus holes, at every height."
    effect = "rms difference relative to the largest density"
    families = frozenset()
    names = ("border", "islands minus holes", "Euler characteristic")

    def _names(self, frame: Frame) -> list[str]:
        return ["crossings"] if frame.ndim == 1 else list(self.names[: frame.ndim])

    def features(self, batch: Batch) -> Tensor:
        frame = batch.frame
        levels = torch.tensor(LEVELS)
        mean, sd = mean_sd(batch)
        own = ((batch.values.flatten(2) - mean) / sd).float().reshape(batch.values.shape)
        densities = [
            euler_densities(own[:, c], levels, frame.ndim, frame.periodic)[:, 1:]
            for c in range(len(frame.channels))
        ]
        return torch.stack(densities, 1).flatten(1)

    def labels(self, frame: Frame) -> list[str]:
        return [
            f"{kind}({name}, ν={level:g})"
            for name in frame.channels
            for kind in self._names(frame)
            for level in LEVELS
        ]

    def panels(self, frame: Frame) -> list[Panel]:
        kinds = [(name, kind) for name in frame.channels for kind in self._names(frame)]
        return [
            Panel(
                LEVELS,
                range(i * len(LEVELS), (i + 1) * len(LEVELS)),
                "level ν (own mean 0, sd 1)",
                f"{kind} per pixel",
                name if len(frame.channels) > 1 else "",
                xscale="linear",
                reference=0.0,
            )
            for i, (name, kind) in enumerate(kinds)
        ]

    def value(self, real: Tensor, synthetic: Tensor, frame: Frame) -> float:
        """rms difference of the mean curves, each in units of the largest value of the real one."""
        a, b = (x.mean(0).reshape(-1, len(LEVELS)) for x in (real, synthetic))
        peak = a.abs().amax(1, keepdim=True).clamp(min=1e-30)
        return ((b - a) / peak).square().mean().sqrt().item()
