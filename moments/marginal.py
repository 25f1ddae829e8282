"""One-point laws: the distribution of the values of a field and of its low passes."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from moments.bank import FilterBank
from moments.family import LEAST_POWER, Frozen, LevelwiseFamily
from moments.filters import WAVELETS, gaussian_low_pass
from moments.labels import Labels
from moments.pyramid import Level, climb
from moments.wavelets import real_synthesis

KINDS = ("variance", "skewness", "kurtosis")
#: The innermost edges of the first and last bin, in deviations of a normal law.
TAIL = 3.0
#: Independent values for each bin of the quantile function that a low pass needs to have a law.
VALUES_PER_BIN = 4


def quantile_edges(bins: int) -> Tensor:
    """Edges p of bins of the quantile function, (bins + 1,) float64, 0 and 1 at the ends.

    Equal steps of a normal law's quantile, so that the tails are resolved like the centre.
    """
    z = torch.linspace(-TAIL, TAIL, bins - 1, dtype=torch.float64)
    ends = torch.zeros(1, dtype=torch.float64)
    return torch.cat([ends, torch.special.ndtr(z), ends + 1])


def ascending(values: Tensor) -> Tensor:
    """Values in ascending order along the last axis; equal ones in any order."""
    if values.device.type == "cpu":  # where NumPy's sort is vectorised and several times faster
        order = torch.from_numpy(np.argsort(values.detach().numpy(), axis=-1))
    else:
        order = values.argsort(-1)
    return values.gather(-1, order)


def quantile_means(values: Tensor, edges: Tensor) -> Tensor:
    r"""Means of the quantile function q over bins, :math:`\frac1{b-a}\int_a^b q(p)\,dp`.

    q is the inverse of the empirical distribution: a step of width 1/d for each sorted value.
    Every value has a gradient, and the bins do not depend on how many values there are.

    Parameters
    ----------
    values : Tensor, (..., d) real
    edges : Tensor, (bins + 1,) float64
        Increasing, from 0 to 1.

    Returns
    -------
    Tensor, (..., bins)
    """
    count = values.shape[-1]
    ordered = ascending(values).double()
    below = torch.nn.functional.pad(ordered.cumsum(-1), (1, 0))
    at = edges.double() * count
    rank = at.floor().clamp(max=count - 1).long()
    integral = below[..., rank] + (at - rank) * ordered[..., rank]
    return (integral.diff(dim=-1) / at.diff()).to(values)


class Marginal(LevelwiseFamily):
    r"""Marginal moments of the pixels and of the low passes :math:`y_j = x\star\phi_j`.

    .. math:: z = \frac{y - \mu}{\sigma_y}:\qquad \langle z^2\rangle,\;\langle z^3\rangle,\;
              \langle z^4\rangle,\qquad \frac1{b-a}\int_a^b q_z(p)\,dp,

    the variance, skewness, kurtosis and binned quantile function q_z of each, and the mean of the
    pixels; mu and sigma_y are the target's, frozen, and phi_j has the deviation sigma_0 2^j.  The
    statistics are those of Portilla & Simoncelli 2000 (Int. J. Comput. Vision 40, 49), the quantile
    function in place of their range.  Low passes of fewer than 4 independent values a bin, of about
    d / 2^(j D), are left out: so few have no law to tell, and fitting one takes most of a descent.
    In the labels j1 = -1 marks the pixels, ``level`` the middle of a quantile bin.  Channel by
    channel.

    Parameters
    ----------
    shape : sequence of int
    channels : int
    bank : FilterBank
    quantiles : int
        Bins of the quantile function; see :func:`quantile_edges`.

    Raises
    ------
    ValueError
        If there are fewer than 3 bins.
    """

    name = "marginal"
    mean: Tensor
    square: Tensor
    edges: Tensor

    def __init__(
        self, shape: Sequence[int], channels: int, bank: FilterBank, *, quantiles: int = 14
    ) -> None:
        super().__init__(shape, channels, bank)
        if quantiles < 3:
            raise ValueError(f"quantiles={quantiles} was asked for; 3 or more would work.")
        self.register_buffer("edges", quantile_edges(quantiles), persistent=False)
        enough = VALUES_PER_BIN * quantiles
        size = math.prod(self.shape)
        self.kept = sum(size >= enough * 2 ** (j * self.dims) for j in range(bank.scales))
        for j, grid in enumerate(bank.grids[: self.kept]):
            phi = gaussian_low_pass(self.shape, grid, WAVELETS[bank.wavelet][2] * 2**j)
            self.register_buffer(f"phi_{j}", phi[..., : grid[-1] // 2 + 1], persistent=False)
        self.register_buffer("mean", torch.zeros(self.channels, dtype=torch.float64))
        # Of every scale, kept or not: so the constants fit any size of field.
        every = (self.channels, bank.scales + 1)
        self.register_buffer("square", torch.ones(every, dtype=torch.float64))
        c = np.arange(self.channels)
        blocks = [Labels.rows(self.name, "mean", len(c), c1=c)]
        middle = 0.5 * (self.edges[1:] + self.edges[:-1]).numpy()
        for j in range(-1, self.kept):
            blocks += [Labels.rows(self.name, kind, len(c), c1=c, j1=j) for kind in KINDS]
            columns = {"c1": np.repeat(c, quantiles), "level": np.tile(middle, len(c))}
            size_ = quantiles * len(c)
            blocks.append(Labels.rows(self.name, "quantile", size_, j1=j, **columns))
        self.labels = Labels.join(blocks)
        per_scale = (len(KINDS) + quantiles) * self.channels
        self.starts = [len(c) + per_scale * (1 + min(j, self.kept)) for j in range(bank.scales)]

    def smoothed(self, level: Level) -> Tensor:
        """y_j on the grid of its scale, (batch, channel, points)."""
        phi = self.get_buffer(f"phi_{level.j}")
        return real_synthesis(level.field[..., : phi.shape[-1]] * phi, level.grid).flatten(2)

    def constants(self, x: Tensor) -> dict[str, Tensor]:
        """Power of the bands, mean of the pixels, mean square of the pixels and low passes."""
        x = self.checked(x)
        kept = itertools.islice(climb(x, self.bank), self.kept)
        squares = [
            y.double().square().mean(-1).mean(0)
            for y in [x.flatten(2), *(self.smoothed(level) for level in kept)]
        ]
        return {
            **super().constants(x),
            "mean": x.double().flatten(2).mean(-1).mean(0),
            "square": torch.nn.functional.pad(
                torch.stack(squares, 1), (0, self.bank.scales - self.kept), value=1.0
            ),
        }

    def before(self, x: Tensor, first: int) -> list[Tensor]:
        if first:
            return super().before(x, first)
        return [self._standardised(x.flatten(2), -1).mean(-1), *self._law(x.flatten(2), -1)]

    def of_level(self, level: Level, frozen: Frozen) -> list[Tensor]:
        return self._law(self.smoothed(level), level.j) if level.j < self.kept else []

    def _standardised(self, y: Tensor, j: int) -> Tensor:
        """z of the low pass of scale j, -1 for the pixels, (batch, channel, points)."""
        variance = self.square[:, j + 1] - self.mean**2
        return (y - self.mean.unsqueeze(-1)) / variance.clamp(min=LEAST_POWER).sqrt().unsqueeze(-1)

    def _law(self, y: Tensor, j: int) -> list[Tensor]:
        z = self._standardised(y, j)
        square = z.square()
        powers = [(square * factor).mean(-1) for factor in (z, square)]
        return [square.mean(-1), *powers, quantile_means(z, self.edges).flatten(1)]
