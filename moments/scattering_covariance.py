r"""Scattering covariance: a field and its moduli, correlated through a second wavelet."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from moments import grids
from moments.bank import FilterBank
from moments.classes import MomentClass, as_reals
from moments.composed import ComposedFamily
from moments.family import Frozen, WaveletFamily
from moments.labels import Labels
from moments.low_pass import LowPass
from moments.pyramid import Level


class Scattering12(MomentClass):
    r"""S1 = <|W x|> / sqrt(P) and P = <|W x|^2> / P, with the frozen power P of each band."""

    def __init__(self, family: WaveletFamily) -> None:
        super().__init__(family)
        for j in range(self.scales):
            self.register_buffer(f"energy_{j}", family.bank.psi(j) ** 2, persistent=False)

    def labels(self, j: int) -> Labels:
        c, l = np.array(list(itertools.product(range(self.channels), range(self.angles)))).T
        columns = {"c1": c, "c2": c, "j1": j, "j2": j, "l1": l, "l2": l}
        return Labels.join(
            [
                self.rows("S1", len(c), c1=c, j1=j, l1=l, k1=0),
                self.rows("P", len(c), k1=1, k2=1, **columns),
            ]
        )

    def forward(self, level: Level, frozen: Frozen) -> list[Tensor]:
        wave, axes = frozen.wave[:, level.j], tuple(range(-self.dims, 0))
        spectrum = torch.view_as_real(level.field).square().sum(-1).unsqueeze(-self.dims - 1)
        power = (spectrum * self.get_buffer(f"energy_{level.j}")).sum(axes)
        return [(level.modulus_means / wave).flatten(1), (power / wave**2).flatten(1)]


class ScatteringCorrelations(MomentClass):
    r"""S3 and S4 of the level's wavelets, as weighted matrix products of the carried moduli.

    The second wavelet enters as the weight psi_2^2, folded onto the half spectrum.  Of the pairs
    with j1 = j1' each is kept once.
    """

    def __init__(self, family: WaveletFamily) -> None:
        super().__init__(family)
        for j, grid in enumerate(self.grids):
            even, odd = grids.fold_to_half(family.bank.psi(j) ** 2, grid)
            self.register_buffer(f"even_{j}", even, persistent=False)
            self.register_buffer(f"odd_{j}", odd, persistent=False)
            first, second, real = self._pairs(j)
            for name, index in (
                ("first", first),
                ("second", second),
                ("complex", np.nonzero(~real)[0]),
            ):
                self.register_buffer(f"{name}_{j}", torch.as_tensor(index), persistent=False)

    def _features(self, j: int) -> np.ndarray:
        """Rows (scale, channel, orientation) of the carried features of level j."""
        spans = (range(j + 1), range(self.channels), range(self.angles))
        return np.array(list(itertools.product(*spans)))

    def _pairs(self, j: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """First and second feature of S4 (j1 <= j1'), and whether the moment is real."""
        count = (j + 1) * self.channels * self.angles
        first, second = np.triu_indices(count)
        return first, second, first == second

    def labels(self, j: int) -> Labels:
        features = self._features(j)
        waves = features[features[:, 0] == j]
        rows = np.array(list(itertools.product(range(len(features)), range(len(waves)))))
        j1, c1, l1 = features[rows[:, 0]].T
        _, c2, l2 = waves[rows[:, 1]].T
        third = self.rows(
            "S3", len(rows), c1=c1, j1=j1, l1=l1, k1=0, c2=c2, j2=j, l2=l2, k2=1, j3=j, l3=l2
        ).complex_parts()
        first, second, real = self._pairs(j)
        fourth = []
        for keep, part in ((slice(None), "re"), (~real, "im")):
            one, two = features[first[keep]], features[second[keep]]
            repeated = {
                name: np.tile(column, self.angles)
                for name, column in zip(
                    ("j1", "c1", "l1", "j2", "c2", "l2"), (*one.T, *two.T), strict=True
                )
            }
            l3 = np.repeat(np.arange(self.angles), len(one))
            fourth.append(self.rows("S4", len(l3), k1=0, k2=0, j3=j, l3=l3, part=part, **repeated))
        return Labels.join([third, *fourth])

    def forward(self, level: Level, frozen: Frozen) -> list[Tensor]:
        j, dims = level.j, self.dims
        even, odd = self.get_buffer(f"even_{j}"), self.get_buffer(f"odd_{j}")
        features = level.carried
        left = as_reals(features, dims)
        half = level.field[..., : even.shape[-1]].unsqueeze(-dims - 1)
        turned = torch.complex(torch.zeros_like(odd), odd)
        waves = torch.stack([half * even, half * turned], dim=1).flatten(2, 3)
        third = left.unsqueeze(1) @ as_reals(waves, dims).mT  # (batch, re | im, feature, band)
        spread = frozen.wave[:, : j + 1].transpose(0, 1).flatten()
        third = third / (spread[:, None] * frozen.wave[:, j].flatten())

        # Im(conj(a) b) is the real product of a with -i b.  Bands and features share the rows of
        # one product each, so that the right side is read once for all bands.
        behind = as_reals(torch.complex(features.imag, -features.real), dims)
        pairs = (self.angles, features.shape[1])
        real, imaginary = (
            (
                as_reals((features.unsqueeze(1) * weight.unsqueeze(1)).flatten(1, 2), dims)
                @ right.mT
            ).unflatten(1, pairs)
            for weight, right in ((even, left), (odd, behind))
        )
        a, b = self.get_buffer(f"first_{j}"), self.get_buffer(f"second_{j}")
        norm = spread[a] * spread[b]
        keep = self.get_buffer(f"complex_{j}")
        return [
            third.flatten(1),
            (real[:, :, a, b] / norm).flatten(1),
            (imaginary[:, :, a[keep], b[keep]] / norm[keep]).flatten(1),
        ]


class ScatteringCovariance(ComposedFamily):
    r"""Scattering covariance, with the second wavelet on both sides.

    .. math:: S_1 = \frac{\langle|W_1x|\rangle}{\sqrt{P_1}},\quad
              P = \frac{\langle|W_1x|^2\rangle}{P_1},\quad
              S_3 = \frac{\langle (W_2x)^* (|W_1x|\star\psi_2)\rangle}{\sqrt{P_1P_2}},\quad
              S_4 = \frac{\langle (|W_1x|\star\psi_2)^* (|W_{1'}x|\star\psi_2)\rangle}
              {\sqrt{P_1P_{1'}}},

    :math:`j_1 \le j_{1'} \le j_2`, P_1 the frozen power of the target (Cheng et al. 2024,
    arXiv 2306.17210; Morel et al. 2022, arXiv 2204.10177, in 1-D).  The mean and the covariance of
    the low pass are added.  Between channels every pair is kept.

    Parameters
    ----------
    shape : sequence of int
    channels : int
    bank : FilterBank
    """

    name: ClassVar[str] = "scattering-covariance"

    def __init__(self, shape: Sequence[int], channels: int, bank: FilterBank) -> None:
        super().__init__(shape, channels, bank)
        self.compose(
            [Scattering12(self), ScatteringCorrelations(self), LowPass(self, 0, one_point=False)]
        )
