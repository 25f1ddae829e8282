r"""Scattering covariance: a field and its moduli, correlated through a second wavelet."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from moments import grids
from moments.bank import FilterBank
from moments.classes import MomentClass
from moments.composed import ComposedFamily
from moments.family import Frozen, WaveletFamily
from moments.gram import second_wavelet, weighted_gram
from moments.labels import Labels
from moments.low_pass import LowPass
from moments.pyramid import Level


class SecondWavelet(MomentClass):
    r"""S1, P, S3 and S4 of a level: the field and the carried moduli through the level's wavelets.

    With the second wavelet as the weight psi_2^2, P, S3 and S4 are entries of one Gram matrix of
    (fields, moduli).  Of the pairs with j1 = j1' each is kept once.
    """

    def __init__(self, family: WaveletFamily) -> None:
        super().__init__(family)
        for j, grid in enumerate(self.grids):
            even, odd = grids.fold_to_half(family.bank.psi(j) ** 2, grid)
            self.register_buffer(f"weights_{j}", second_wavelet(even, odd), persistent=False)
            entries = torch.as_tensor(self._entries(j))
            self.register_buffer(f"entries_{j}", entries, persistent=False)

    def _moduli(self, j: int) -> np.ndarray:
        """Rows (scale, channel, orientation) of the carried moduli of level j."""
        spans = (range(j + 1), range(self.channels), range(self.angles))
        return np.array(list(itertools.product(*spans)))

    def _entries(self, j: int) -> np.ndarray:
        """Where P, S3 and S4 lie in the flat Gram matrix, in the order of :meth:`labels`."""
        count = self.channels + len(self._moduli(j))
        place = np.arange(2 * self.angles * count**2).reshape(2, self.angles, count, count)
        field, moduli = np.arange(self.channels), np.arange(self.channels, count)
        first, second = np.triu_indices(len(moduli))
        first, second = moduli[first], moduli[second]
        other = first != second
        return np.concatenate(
            [
                place[0][:, field, field].T.ravel(),
                place[:, :, self.channels :, : self.channels].transpose(0, 2, 3, 1).ravel(),
                place[0][:, second, first].ravel(),
                place[1][:, second[other], first[other]].ravel(),
            ]
        )

    def labels(self, j: int) -> Labels:
        features = self._moduli(j)
        own = features[features[:, 0] == j]
        _, c, l = own.T
        columns = {"c1": c, "c2": c, "j1": j, "j2": j, "l1": l, "l2": l}
        rows = np.array(list(itertools.product(range(len(features)), range(len(own)))))
        j1, c1, l1 = features[rows[:, 0]].T
        _, c2, l2 = own[rows[:, 1]].T
        first, second = np.triu_indices(len(features))
        fourth = []
        for keep, part in ((slice(None), "re"), (first != second, "im")):
            one, two = features[first[keep]], features[second[keep]]
            repeated = {
                name: np.tile(column, self.angles)
                for name, column in zip(
                    ("j1", "c1", "l1", "j2", "c2", "l2"), (*one.T, *two.T), strict=True
                )
            }
            l3 = np.repeat(np.arange(self.angles), len(one))
            fourth.append(self.rows("S4", len(l3), k1=0, k2=0, j3=j, l3=l3, part=part, **repeated))
        return Labels.join(
            [
                self.rows("S1", len(c), c1=c, j1=j, l1=l, k1=0),
                self.rows("P", len(c), k1=1, k2=1, **columns),
                self.rows(
                    "S3",
                    len(rows),
                    c1=c1,
                    j1=j1,
                    l1=l1,
                    k1=0,
                    c2=c2,
                    j2=j,
                    l2=l2,
                    k2=1,
                    j3=j,
                    l3=l2,
                ).complex_parts(),
                *fourth,
            ]
        )

    def forward(self, level: Level, frozen: Frozen) -> list[Tensor]:
        j = level.j
        gram = weighted_gram(level.features, self.get_buffer(f"weights_{j}"))
        own = frozen.wave[:, j]
        moduli = frozen.wave[:, : j + 1].transpose(0, 1).flatten()
        unit = torch.cat([own.T, moduli.expand(self.angles, -1)], dim=1)  # (L, channel + feature)
        gram = gram / (unit.unsqueeze(-1) * unit.unsqueeze(-2))
        return [
            (level.modulus_means / own).flatten(1),
            gram.flatten(1).index_select(1, self.get_buffer(f"entries_{j}")),
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

    name = "scattering-covariance"

    def __init__(self, shape: Sequence[int], channels: int, bank: FilterBank) -> None:
        super().__init__(shape, channels, bank)
        self.compose([SecondWavelet(self), LowPass(self, 0, one_point=False)])
