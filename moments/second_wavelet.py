"""Moments of a field and its moduli through a second wavelet: S1, P, S3 and S4."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from moments.classes import MomentClass
from moments.gram import SecondWavelets
from moments.labels import Labels
from moments.orbits import averages
from moments.pyramid import Level

if TYPE_CHECKING:
    from moments.family import Frozen, WaveletFamily


class SecondWavelet(MomentClass):
    r"""S1, P, S3 and S4 of a level: the field and the carried moduli through the level's wavelets.

    With the second wavelet as the weight psi_2^2, P, S3 and S4 are entries of Gram matrices of
    (fields, moduli), one for each orientation.  Of the pairs with j1 = j1' each is kept once.

    Parameters
    ----------
    family : WaveletFamily
    with_power : bool
        Whether P is among the moments.
    averaged : sequence of str
        Kinds, S3 or S4, that are averaged over rotations; of the coarsest scale S3 is if any is.
    delta_scale : int, optional
        Largest j2 - j1 of S3 and S4; None for all.
    cross_channels : str
        Which pairs of different channels meet: "all", or "band", those of one scale and angle.
    """

    def __init__(
        self,
        family: WaveletFamily,
        with_power: bool = True,
        averaged: Sequence[str] = (),
        delta_scale: int | None = None,
        cross_channels: str = "all",
    ) -> None:
        super().__init__(family)
        self.with_power, self.averaged = with_power, tuple(averaged)
        self.delta_scale = self.scales if delta_scale is None else delta_scale
        self.cross_channels = cross_channels
        self.products: list[Labels] = []
        for j in range(self.scales):
            self.add_module(f"weights_{j}", SecondWavelets(family.bank.psi(j)))
            labels, place = self._every(j)
            kept = self._kept(labels)
            labels, place = Labels(labels.table[kept]), place[kept]
            turning = self._turning(j, labels)
            if turning.any():
                made = averages(labels, self.dims, self.angles, turning=turning)
                labels, place = made.labels, place[made.rows]
                self.register_buffer(f"into_{j}", torch.as_tensor(made.into), persistent=False)
                self.register_buffer(f"share_{j}", torch.as_tensor(made.weight), persistent=False)
            self.register_buffer(f"entries_{j}", torch.as_tensor(place), persistent=False)
            self.products.append(labels)

    def _moduli(self, j: int) -> np.ndarray:
        """Rows (scale, channel, orientation) of the carried moduli of level j."""
        spans = (range(j + 1), range(self.channels), range(self.angles))
        return np.array(list(itertools.product(*spans)))

    def _every(self, j: int) -> tuple[Labels, np.ndarray]:
        """Labels of all P, S3 and S4, and where they lie in the flat Gram matrices."""
        moduli = self._moduli(j)
        count, leading = self.channels + len(moduli), self._leading(j)
        real = np.arange(self.angles * count**2).reshape(self.angles, count, count)
        imaginary = np.arange(self.angles * leading * count).reshape(self.angles, leading, count)
        imaginary += real.size
        own = moduli[moduli[:, 0] == j]
        _, c, l = own.T
        power = self.rows("P", len(c), k1=1, k2=1, c1=c, c2=c, j1=j, j2=j, l1=l, l2=l)
        first, second = np.indices((len(moduli), len(own))).reshape(2, -1)
        third = self.rows("S3", len(first), k2=1, j3=j, l3=own[second, 2],
                          **_pair(moduli[first], own[second])).complex_parts()  # fmt: skip
        upper = np.array(np.triu_indices(len(moduli)))
        apart = upper[:, (upper[0] != upper[1]) & (self.channels + upper[0] < leading)]
        fourth = [
            self.rows("S4", self.angles * len(one), k2=0, j3=j, part=part,
                      l3=np.repeat(np.arange(self.angles), len(one)),
                      **_pair(*(np.tile(moduli[n], (self.angles, 1)) for n in (one, two))))
            for (one, two), part in ((upper, "re"), (apart, "im"))
        ]  # fmt: skip
        at = [
            real[l, c, c],
            *(part[own[second, 2], own[second, 1], self.channels + first]
              for part in (real, imaginary)),
            real[:, self.channels + upper[0], self.channels + upper[1]],
            imaginary[:, self.channels + apart[0], self.channels + apart[1]],
        ]  # fmt: skip
        return Labels.join([power, third, *fourth]), np.concatenate([a.ravel() for a in at])

    def _leading(self, j: int) -> int:
        """Features of level j, from the first, whose imaginary products are wanted.

        Those of the fields, for S3; of the moduli too where S4 is not averaged over rotations.
        """
        turned = "S4" in self.averaged and self.dims > 1
        return self.channels * (1 if turned else 1 + self.angles * (j + 1))

    def _kept(self, labels: Labels) -> np.ndarray:
        """Which of the moments are within the options, (M,) bool."""
        power, c1, c2 = labels["kind"] == "P", labels["c1"], labels["c2"]
        near = labels["j3"] - labels["j1"] <= self.delta_scale
        band = (labels["j1"] == labels["j2"]) & (labels["l1"] == labels["l2"])
        meet = (self.cross_channels == "all") | (c1 == c2) | band
        return np.where(power, self.with_power, near & meet)

    def _turning(self, j: int, labels: Labels) -> np.ndarray:
        """Which of the moments are averaged over rotations, (M,) bool."""
        coarsest = bool(self.averaged) and 0 < j == self.scales - 1
        kinds = {*self.averaged, "S3"} if coarsest else set(self.averaged)
        return np.isin(labels["kind"], list(kinds)) & (self.dims > 1)

    def labels(self, j: int) -> Labels:
        c, l = np.divmod(np.arange(self.channels * self.angles), self.angles)
        return Labels.join([self.rows("S1", len(c), c1=c, j1=j, l1=l, k1=0), self.products[j]])

    def forward(self, level: Level, frozen: Frozen) -> list[Tensor]:
        j = level.j
        parts = self.get_submodule(f"weights_{j}")(level.features, self._leading(j))
        own = frozen.wave[:, j]
        moduli = frozen.wave[:, : j + 1].transpose(0, 1).flatten()
        unit = torch.cat([own.T, moduli.expand(self.angles, -1)], dim=1).unsqueeze(-2)  # (L, 1, N)
        flat = [(part / (unit.mT[:, : part.shape[2]] * unit)).flatten(1) for part in parts]
        values = torch.cat(flat, dim=1).index_select(1, self.get_buffer(f"entries_{j}"))
        if hasattr(self, f"into_{j}"):
            shares = values * self.get_buffer(f"share_{j}")
            values = values.new_zeros((len(values), len(self.products[j])))
            values = values.index_add(1, self.get_buffer(f"into_{j}"), shares)
        return [(level.modulus_means / own).flatten(1), values]


def _pair(first: np.ndarray, second: np.ndarray) -> dict[str, np.ndarray]:
    """Columns of labels of a modulus and another feature, rows (scale, channel, orientation)."""
    (j1, c1, l1), (j2, c2, l2) = first.T, second.T
    return {"j1": j1, "c1": c1, "l1": l1, "k1": np.zeros_like(j1), "j2": j2, "c2": c2, "l2": l2}
