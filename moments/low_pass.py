"""Moments of the low passes: what the wavelets do not see."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from moments import grids
from moments.classes import MomentClass
from moments.filters import WAVELETS, gaussian_low_pass
from moments.labels import Labels
from moments.pyramid import Level
from moments.shifts import Lags, shells
from moments.wavelets import real_synthesis

if TYPE_CHECKING:
    from moments.family import Frozen, WaveletFamily


class LowPass(MomentClass):
    r"""L: what the wavelets do not see, and proxies of the one-point law at every scale.

    With y = x * phi_j, sigma_j = sigma_0 2^j: E|y|/s and E y|y|/s^2 at each scale, s the frozen
    deviation of y; at the last scale E x / s_0 and the covariance E y(u + tau) y(u) / s^2 between
    channels, at lags.

    Parameters
    ----------
    count : int
        Shells of lags.
    one_point : bool
        Whether E|y| and E y|y| are among the moments.
    form : str
        Of the lags; see :func:`moments.shifts.shells`.
    """

    power: Tensor
    weight: Tensor
    kept: Tensor

    def __init__(
        self, family: WaveletFamily, count: int, one_point: bool = True, form: str = "rings"
    ) -> None:
        super().__init__(family)
        self.one_point = one_point
        self.last = self.scales - 1
        sigma = WAVELETS[family.bank.wavelet][2]
        for j, grid in enumerate(self.grids):
            phi = gaussian_low_pass(self.shape, grid, sigma * 2**j)
            self.register_buffer(f"phi_{j}", phi[..., : grid[-1] // 2 + 1], persistent=False)
        grid = self.grids[-1]
        every_lag, half_of_them = (
            shells(self.shape, self.last, count, self.angles, both, form) for both in (True, False)
        )
        self.lag_table = every_lag if self.channels > 1 else half_of_them
        self.lags = Lags(self.shape, grid, self.lag_table, half=True)
        self.register_buffer("weight", grids.half_weights(grid), persistent=False)
        self.register_buffer("power", torch.ones((self.channels, self.scales), dtype=torch.float64))
        self.pairs = list(itertools.combinations_with_replacement(range(self.channels), 2))
        # A channel with itself has C(-tau) = C(tau), kept once.
        half = {tuple(lag) for lag in half_of_them}
        every = itertools.product(self.pairs, map(tuple, self.lag_table))
        kept = [number for number, ((a, b), lag) in enumerate(every) if a != b or lag in half]
        self.register_buffer("kept", torch.tensor(kept), persistent=False)

    def labels(self, j: int) -> Labels:
        c = np.arange(self.channels)
        names = ("L|y|", "Ly|y|") if self.one_point else ()
        blocks = [self.rows(name, len(c), c1=c, j1=j) for name in names]
        if j == self.last:
            blocks.append(self.rows("Lmean", len(c), c1=c))
            every = list(itertools.product(self.pairs, self.lag_table.tolist()))
            every = [every[number] for number in self.kept.tolist()]
            pair, lag = np.array([p for p, _ in every]), np.array([t for _, t in every])
            blocks.append(
                self.rows("Lyy", len(every), c1=pair[:, 0], c2=pair[:, 1], j1=j, j2=j, shift=lag)
            )
        return Labels.join(blocks)

    def smoothed(self, level: Level) -> tuple[Tensor, Tensor]:
        """Half spectrum of y, (batch, channel, *half grid), and y, (batch, channel, *grid)."""
        phi = self.get_buffer(f"phi_{level.j}")
        half = level.half * phi
        return half, real_synthesis(half, level.grid)

    def forward(self, level: Level, frozen: Frozen) -> list[Tensor]:
        j, axes = level.j, tuple(range(-self.dims, 0))
        if not self.one_point and j < self.last:
            return []
        half, y = self.smoothed(level)
        s = self.power.clamp(min=1e-12).sqrt()
        blocks = []
        if self.one_point:
            size = y.abs()
            blocks = [size.mean(axes) / s[:, j], (y * size).mean(axes) / s[:, j] ** 2]
        if j == self.last:
            blocks.append(grids.at_zero(half, self.dims).real / s[:, 0])
            first, second = [a for a, _ in self.pairs], [b for _, b in self.pairs]
            cross = half[:, first] * half[:, second].conj() * self.weight
            covariance = self.lags(cross).real
            covariance = covariance / (s[first, j] * s[second, j]).unsqueeze(-1)
            blocks.append(covariance.flatten(1)[:, self.kept])
        return blocks

    def powers(self, levels: Iterable[Level]) -> Tensor:
        """E y^2 over positions and fields, (channel, J) float64."""
        axes = tuple(range(-self.dims, 0))
        squares = [self.smoothed(level)[1].double().square().mean(axes).mean(0) for level in levels]
        return torch.stack(squares, 1)
