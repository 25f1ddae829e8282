"""Rectifier covariances: bands split by their phase, and how the splits occur together."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from moments import grids
from moments.bank import FilterBank
from moments.classes import as_reals
from moments.family import LEAST_POWER, WaveletFamily
from moments.labels import Labels
from moments.low_pass import LowPass
from moments.pyramid import Level, climb
from moments.shifts import Lags
from moments.shifts import shells as lag_shells
from moments.wavelets import half_spectrum, synthesis

#: Phases 0, pi/2, pi, 3 pi/2; the labels hold their number as k.
PHASES = 4


def rectified(coefficients: Tensor, dims: int) -> Tensor:
    r"""ReLU(Re(e^{ia} z)) for the four phases a.

    Parameters
    ----------
    coefficients : Tensor, (batch, channel, L, *grid) complex

    Returns
    -------
    Tensor, (batch, channel, L, 4, *grid) real
    """
    real, imaginary = coefficients.real, coefficients.imag
    parts = torch.stack([real, -imaginary, -real, imaginary], dim=-dims - 1)
    return torch.relu(parts)


class Rectifier(WaveletFamily):
    r"""Covariances of rectified wavelet coefficients.

    .. math:: \rho_{\lambda,a} = \mathrm{ReLU}(\mathrm{Re}(e^{ia} W_\lambda x)),\quad
              a\in\{0,\tfrac\pi2,\pi,\tfrac{3\pi}2\},\qquad
              C = \mathrm{Cov}\Big(\frac{\rho_{\lambda,a}(u+\tau)}{\sigma_{\lambda,a}},
              \frac{\rho_{\lambda',a'}(u)}{\sigma_{\lambda',a'}}\Big),

    with the frozen means and deviations of the target (Brochard, Zhang & Mallat 2022, arXiv
    2203.07902).  The Fourier series of rho along a are the phase harmonics of W x, so these moments
    hold those of k = -1, 0, 1 and 2 at once.  At lag 0 all angles, phases and channels of scales up
    to ``delta_scale`` apart meet, each pair once; the lags are those of a feature with itself.  The
    mean and the covariance of the low pass are added.

    Since :math:`\rho_0 - \rho_2 = \mathrm{Re}\,W` and :math:`\rho_3 - \rho_1 = \mathrm{Im}\,W`, and
    the real part of a band and the imaginary part of another of the same channel do not correlate
    (filters are real in Fourier), the pairs (a, a') of the phases 1 and 2 follow from the others:
    within a channel they are left out.  The kink of rho spreads over twice the frequencies of the
    modulus: it is taken, and the products are, on grids an octave finer than a scale's own.

    Brochard et al. keep a' = 0 only, Morlet wavelets, lags of all pairs, and the modulus of the low
    pass; here all a' are kept, since moments of a' = 0 alone cannot see Im W of the second band.

    Parameters
    ----------
    shape : sequence of int
    channels : int
    bank : FilterBank
    delta_scale : int
        Largest difference of scale.
    shells : int
        Shells of lags; see :func:`moments.shifts.shells`.
    cross_channels : str
        Which pairs of different channels meet: "all", or "band", those of one scale and angle.
    """

    name = "rectifier"
    rise: Tensor
    square: Tensor

    def __init__(
        self,
        shape: Sequence[int],
        channels: int,
        bank: FilterBank,
        *,
        delta_scale: int = 2,
        shells: int = 1,
        cross_channels: str = "all",
    ) -> None:
        super().__init__(shape, channels, bank)
        if cross_channels not in ("all", "band"):
            raise ValueError(
                f"cross_channels={cross_channels!r} was asked for; all or band would work."
            )
        if delta_scale < 0:
            raise ValueError(f"delta_scale={delta_scale} was asked for; 0 or more would work.")
        self.delta_scale, self.cross_channels = delta_scale, cross_channels
        self.grids = [
            tuple(max(g, f) for g, f in zip(grid, finer, strict=True))
            for grid, finer in zip(bank.grids, [bank.grids[0], *bank.grids], strict=False)
        ]
        self.per_scale = self.channels * bank.angles * PHASES
        size = (bank.scales, self.channels, bank.angles, PHASES)
        self.register_buffer("rise", torch.zeros(size, dtype=torch.float64))
        self.register_buffer("square", torch.ones(size, dtype=torch.float64))
        self.low = LowPass(self, shells, one_point=False)
        self.lags: list[np.ndarray] = []
        blocks: list[Labels] = []
        self.starts = []
        for j, grid in enumerate(self.grids):
            self.starts.append(sum(map(len, blocks)))
            self.lags.append(lag_shells(self.shape, j, shells, bank.angles, False))
            self.add_module(f"lags_{j}", Lags(self.shape, grid, self.lags[j], half=True))
            self.register_buffer(f"weight_{j}", grids.half_weights(grid), persistent=False)
            pairs = self._pairs(j)
            self.register_buffer(f"first_{j}", torch.as_tensor(pairs[0]), persistent=False)
            self.register_buffer(f"second_{j}", torch.as_tensor(pairs[1]), persistent=False)
            blocks += [self._labels(j, *pairs), self._lagged_labels(j), self.low.labels(j)]
        self.labels = Labels.join(blocks)

    def _first_scale(self, j: int) -> int:
        return max(0, j - self.delta_scale)

    def _features(self, j: int) -> np.ndarray:
        """Rows (scale, channel, orientation, phase) of the features that meet on the grid of j."""
        spans = (range(self._first_scale(j), j + 1), range(self.channels))
        return np.array(list(itertools.product(*spans, range(self.bank.angles), range(PHASES))))

    def _pairs(self, j: int) -> tuple[np.ndarray, np.ndarray]:
        """Indices of a feature and of one of scale j, numbered from the first of scale j."""
        finer = (j - self._first_scale(j)) * self.per_scale
        first, second = np.nonzero(
            np.arange(finer + self.per_scale)[:, None] <= finer + np.arange(self.per_scale)
        )
        j1, c1, l1, k1 = self._features(j)[first].T
        _, c2, l2, k2 = self._features(j)[finer + second].T
        implied = (k1 * k2 == 2) & (c1 == c2)
        apart = (c1 != c2) & ((j1 != j) | (l1 != l2))
        kept = ~implied & ~(apart & (self.cross_channels == "band"))
        return first[kept], second[kept]

    def _labels(self, j: int, first: np.ndarray, second: np.ndarray) -> Labels:
        features = self._features(j)
        j1, c1, l1, k1 = features[first].T
        j2, c2, l2, k2 = features[len(features) - self.per_scale + second].T
        columns = {"c1": c1, "j1": j1, "l1": l1, "k1": k1, "c2": c2, "j2": j2, "l2": l2, "k2": k2}
        return Labels.rows(self.name, "R", len(first), **columns)

    def _lagged_labels(self, j: int) -> Labels:
        own, lags = self._features(j)[-self.per_scale :], self.lags[j][1:]
        _, c, l, k = np.repeat(own, len(lags), axis=0).T
        columns = {"c1": c, "l1": l, "k1": k, "c2": c, "l2": l, "k2": k, "j1": j, "j2": j}
        shift = np.tile(lags, (len(own), 1))
        return Labels.rows(self.name, "R", len(shift), shift=shift, **columns)

    def constants(self, x: Tensor) -> dict[str, Tensor]:
        """Power of the bands and low pass, mean and mean square of the rectified features."""
        axes, rise, square = tuple(range(-self.dims, 0)), [], []
        for level in climb(self.checked(x), self.bank):
            r = self._features_of(level).double()
            rise.append(r.mean(axes).mean(0))
            square.append(r.square().mean(axes).mean(0))
        return {
            **super().constants(x),
            "rise": torch.stack(rise),
            "square": torch.stack(square),
            "low.power": self.low.powers(climb(x, self.bank)),
        }

    def _features_of(self, level: Level) -> Tensor:
        """Rectified coefficients of a level on its finer grid, (batch, channel, L, 4, *grid)."""
        bands = grids.regrid(level.band_spectra, level.grid, self.grids[level.j])
        return rectified(synthesis(bands, self.dims), self.dims)

    def forward(self, x: Tensor, first: int = 0) -> Tensor:
        """Rectifier covariances, (batch, M); see :class:`Rectifier`."""
        dims, frozen = self.dims, self.frozen()
        deviation = (self.square - self.rise**2).clamp(min=LEAST_POWER).sqrt()
        blocks, finer = [x.new_zeros(len(x), self.starts[first])], None
        for level in climb(self.checked(x, first), self.bank, first=first):
            j, grid, weight = level.j, self.grids[level.j], self.get_buffer(f"weight_{level.j}")
            own = half_spectrum(self._features_of(level), dims).flatten(1, 3)
            count = (j - self._first_scale(j)) * self.per_scale
            if finer is None:
                finer = own.new_zeros(len(own), count, *own.shape[2:])
            else:
                kept = finer[:, finer.shape[1] - count :]
                finer = grids.regrid(kept, self.grids[j - 1], grid, half=True)
            finer = carried = torch.cat([finer, own], dim=1)
            gram = as_reals(carried, dims) @ as_reals(own * weight, dims).mT
            centre = self.rise[self._first_scale(j) : j + 1].flatten()
            norm = deviation[self._first_scale(j) : j + 1].flatten()
            means = grids.at_zero(carried, dims).real
            a, b = self.get_buffer(f"first_{j}"), self.get_buffer(f"second_{j}")
            b_all = b + len(centre) - self.per_scale
            product = (centre[a] - means[:, a]) * centre[b_all] - centre[a] * means[:, b_all]
            blocks.append((gram[:, a, b] + product) / (norm[a] * norm[b_all]))
            blocks.append(self._lagged(j, own, means[:, -self.per_scale :], deviation[j].flatten()))
            blocks += self.low(level, frozen)
        return torch.cat(blocks, dim=1)

    def _lagged(self, j: int, own: Tensor, means: Tensor, deviation: Tensor) -> Tensor:
        """Autocovariances at the lags of scale j but 0, (batch, feature * lag)."""
        centre = self.rise[j].flatten()
        power = torch.view_as_real(own).square().sum(-1) * self.get_buffer(f"weight_{j}")
        covariance = self.get_submodule(f"lags_{j}")(power).real[..., 1:]
        covariance = covariance + (centre**2 - 2 * centre * means).unsqueeze(-1)
        return (covariance / deviation.square().unsqueeze(-1)).flatten(1)
