"""Moments of order 1 to 4 at lags: the polynomial baseline."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from moments import grids
from moments.bank import FilterBank
from moments.classes import flat
from moments.family import LEAST_POWER, Frozen, LevelwiseFamily
from moments.labels import Labels
from moments.pyramid import Level
from moments.shifts import Lags
from moments.shifts import shells as lag_shells
from moments.wavelets import half_spectrum, spectrum


class Polynomial(LevelwiseFamily):
    r"""Moments of order 1 to 4 of pixels and bands, at lags.

    .. math:: \langle z\rangle,\qquad \langle z(u+\tau)\,z(u)\rangle,\qquad
              \langle z(u+\tau)\,z(u)^2\rangle,\qquad \langle z(u+\tau)^2\,z(u)^2\rangle,
              \qquad z = (x-\mu)/\sigma,

    for the pixels (kinds x1, x11, x12, x22), with both signs of the lags where the factors differ,
    and for each band :math:`w = W_\lambda x/\sqrt{P_\lambda}`

    .. math:: \langle w(u+\tau)\,w(u)^*\rangle,\qquad \langle w(u+\tau)\,|w(u)|^2\rangle,\qquad
              \langle|w(u+\tau)|^2\,|w(u)|^2\rangle

    (W11, W12, W22); mu, sigma and P are the target's, frozen.  Lags are 0 and the first shells of
    every scale, for a band those of its own.  Channel by channel, and <z z> between channels.

    Kept as a baseline: moments of high order of heavy-tailed fields are dominated by a few values,
    scatter widely, and do not determine the field (see Bruna & Mallat 2018, arXiv 1801.02013).

    Parameters
    ----------
    shape : sequence of int
    channels : int
    bank : FilterBank
    shells : int
        Shells of lags; see :func:`moments.shifts.shells`.
    """

    name = "polynomial"
    mean: Tensor
    square: Tensor
    weight: Tensor

    def __init__(
        self, shape: Sequence[int], channels: int, bank: FilterBank, *, shells: int = 1
    ) -> None:
        super().__init__(shape, channels, bank)
        self.register_buffer("mean", torch.zeros(self.channels, dtype=torch.float64))
        self.register_buffer("square", torch.ones(self.channels, dtype=torch.float64))
        self.register_buffer("weight", grids.half_weights(self.shape), persistent=False)
        lags = [lag_shells(self.shape, j, shells, bank.angles, True) for j in range(bank.scales)]
        every = np.array(list(dict.fromkeys(tuple(lag) for scale in lags for lag in scale)))
        self.lags = Lags(self.shape, self.shape, every, half=True)
        self._add_terms(every)
        blocks = [Labels.rows(self.name, "x1", self.channels, c1=np.arange(self.channels))]
        blocks += [
            Labels.rows(self.name, kind, len(every[keep]), c1=a, c2=b, shift=every[keep])
            for kind, a, b, keep in zip(self.kinds, self.first, self.second, self.keep, strict=True)
        ]
        self.starts = []
        for j, grid in enumerate(bank.grids):
            self.starts.append(sum(map(len, blocks)))
            self.add_module(f"lags_{j}", Lags(self.shape, grid, lags[j]))
            half = torch.as_tensor(np.flatnonzero(_one_of_each_pair(lags[j])))
            self.register_buffer(f"half_{j}", half, persistent=False)
            blocks += self._band_labels(j, lags[j])
        self.labels = Labels.join(blocks)

    def _add_terms(self, lags: np.ndarray) -> None:
        """Products of pixels: kind, channels of the factors, and the lags to keep."""
        pairs = list(itertools.combinations_with_replacement(range(self.channels), 2))
        same = [(c, c) for c in range(self.channels)]
        terms = [("x11", *p) for p in pairs]
        terms += [("x12", *p) for p in same] + [("x22", *p) for p in same]
        self.kinds, self.first, self.second = zip(*terms, strict=True)
        half = _one_of_each_pair(lags)
        full = np.ones_like(half)
        self.keep = np.array([full if kind == "x12" or a != b else half for kind, a, b in terms])
        self.register_buffer("kept", torch.as_tensor(self.keep), persistent=False)

    def _band_labels(self, j: int, lags: np.ndarray) -> list[Labels]:
        half, every = lags[_one_of_each_pair(lags)], range(self.channels * self.bank.angles)
        blocks = []
        for kind, shift in (("W11", half), ("W12", lags), ("W22", half)):
            c, l = np.divmod(np.repeat(every, len(shift)), self.bank.angles)
            columns = {"c1": c, "c2": c, "j1": j, "j2": j, "l1": l, "l2": l}
            rows = Labels.rows(
                self.name, kind, len(c), shift=np.tile(shift, (len(every), 1)), **columns
            )
            blocks.append(rows if kind == "W22" else rows.complex_parts())
        # <|w|^2> has no imaginary part.
        real = (blocks[0]["part"] == "im") & ~blocks[0]["shift"].any(-1)
        return [Labels(blocks[0].table[~real]), *blocks[1:]]

    def constants(self, x: Tensor) -> dict[str, Tensor]:
        """Power of the bands, mean and mean square of the pixels."""
        pixels = self.checked(x).double().flatten(2)
        return {
            **super().constants(x),
            "mean": pixels.mean(-1).mean(0),
            "square": pixels.square().mean(-1).mean(0),
        }

    def before(self, x: Tensor, first: int) -> list[Tensor]:
        return super().before(x, first) if first else self._pixels(x)

    def _pixels(self, x: Tensor) -> list[Tensor]:
        deviation = (self.square - self.mean**2).clamp(min=LEAST_POWER).sqrt()
        z = (x - _spread(self.mean, x)) / _spread(deviation, x)
        powers = {1: half_spectrum(z, self.dims), 2: half_spectrum(z * z, self.dims)}
        left = [powers[int(k[1])][:, c] for k, c in zip(self.kinds, self.first, strict=True)]
        right = [powers[int(k[2])][:, c] for k, c in zip(self.kinds, self.second, strict=True)]
        cross = torch.stack(left, 1) * torch.stack(right, 1).conj() * self.weight
        products = self.lags(cross).real
        return [grids.at_zero(powers[1], self.dims).real, products[:, self.kept]]

    def of_level(self, level: Level, frozen: Frozen) -> list[Tensor]:
        scale = self.power[:, level.j].clamp(min=LEAST_POWER).sqrt()
        scale = scale.reshape(*scale.shape, *[1] * self.dims)
        bands = level.band_spectra / scale
        squares = torch.view_as_real(level.coefficients / scale).square().sum(-1)
        squares = spectrum(squares, self.dims)
        cross = bands * squares.conj()
        sums = torch.stack([_energy(bands), cross.real, cross.imag, _energy(squares)], dim=1)
        lagged = self.get_submodule(f"lags_{level.j}")(sums)
        real, imaginary = lagged.real, lagged.imag
        half = self.get_buffer(f"half_{level.j}")
        return flat(
            real[:, 0][..., half],
            imaginary[:, 0][..., half[1:]],
            real[:, 1] - imaginary[:, 2],
            imaginary[:, 1] + real[:, 2],
            real[:, 3][..., half],
        )


def _energy(spectrum: Tensor) -> Tensor:
    return torch.view_as_real(spectrum).square().sum(-1)


def _spread(values: Tensor, x: Tensor) -> Tensor:
    """One value a channel, to meet (batch, channel, *space)."""
    return values.reshape(-1, *[1] * (x.ndim - 2))


def _one_of_each_pair(lags: np.ndarray) -> np.ndarray:
    """Mask of 0 and of the first of each lag and its opposite, (T,)."""
    seen: set[tuple[int, ...]] = set()
    keep = []
    for lag in map(tuple, lags.tolist()):
        keep.append(tuple(-n for n in lag) not in seen)
        seen.add(lag)
    return np.array(keep)
