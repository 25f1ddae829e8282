"""Moments between the modulus of a band and other bands: S01, C10, C00 and C01."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from moments import grids
from moments.classes import MomentClass, as_reals, flat
from moments.labels import Labels
from moments.pyramid import Level
from moments.shifts import Lags, shells

if TYPE_CHECKING:
    from moments.family import Frozen, WaveletFamily


class ModulusCorrelations(MomentClass):
    r"""S01, C10, C00 and C01: moduli of the bands j1 <= j2 with the modulus and the coefficients of
    band j2.

    All pairs that meet on the grid of j2 are one matrix product between the carried moduli and the
    right features ``|W_2 x|^`` and ``x^ psi_2``, the latter folded onto the half spectrum.
    """

    def __init__(
        self,
        family: WaveletFamily,
        kinds: Sequence[str],
        delta_scale: int | None,
        delta_angle: int | None,
        cross_shells: int,
    ) -> None:
        super().__init__(family)
        self.kinds = tuple(kinds)
        self.delta_scale = self.scales if delta_scale is None else delta_scale
        self.delta_angle = self.angles if delta_angle is None else delta_angle
        self.lags = []
        for j, grid in enumerate(self.grids):
            even, odd = grids.fold_to_half(family.bank.psi(j), grid)
            self.register_buffer(f"even_{j}", even, persistent=False)
            self.register_buffer(f"odd_{j}", odd, persistent=False)
            self.register_buffer(f"weight_{j}", grids.half_weights(grid), persistent=False)
            # The zero lag belongs to the matrix product.
            lags = shells(self.shape, j, cross_shells, self.angles, both_signs=True)[1:]
            self.lags.append(lags)
            if len(lags):
                self.add_module(f"lags_{j}", Lags(self.shape, grid, lags, half=True))
            for kind, pairs in self._pairs(j).items():
                left = (pairs[:, 1] * self.channels + pairs[:, 0]) * self.angles + pairs[:, 2]
                right = pairs[:, 3] * self.angles + pairs[:, 4]
                for side, index in (("left", left), ("right", right)):
                    index = torch.as_tensor(index, dtype=torch.long)
                    self.register_buffer(f"{kind}_{side}_{j}", index, persistent=False)

    def _pairs(self, j: int) -> dict[str, np.ndarray]:
        """Rows (c1, j1, l1, c2, l2) of every pair of level j2 = j, by class."""
        spans = (range(j + 1), range(self.channels), range(self.angles))
        found: dict[str, list[tuple[int, ...]]] = {kind: [] for kind in self.kinds}
        for (j1, c1, l1), (c2, l2) in itertools.product(
            itertools.product(*spans), itertools.product(*spans[1:])
        ):
            turn = min(abs(l1 - l2), self.angles - abs(l1 - l2))
            far = j - j1 > self.delta_scale or turn > self.delta_angle
            pair = (c1, j1, l1, c2, l2)
            if j1 == j and l1 == l2 and "S01" in found:
                found["S01"].append(pair)
            if far:
                continue
            if j1 == j and l1 != l2 and "C10" in found:
                found["C10"].append(pair)
            if j1 < j and "C01" in found:
                found["C01"].append(pair)
            once = j1 < j or (l1 != l2 and (c1 < c2 or (c1 == c2 and l1 < l2)))
            if once and "C00" in found:
                found["C00"].append(pair)
        return {kind: np.array(rows, dtype=int).reshape(-1, 5) for kind, rows in found.items()}

    def labels(self, j: int) -> Labels:
        blocks = []
        for kind, pairs in self._pairs(j).items():
            c1, j1, l1, c2, l2 = pairs.T
            columns = {"c1": c1, "j1": j1, "l1": l1, "k1": 0, "c2": c2, "j2": j, "l2": l2}
            if kind == "C00":
                blocks.append(self.rows(kind, len(pairs), k2=0, **columns))
            else:
                blocks.append(self.rows(kind, len(pairs), k2=1, **columns).complex_parts())
        if len(self.lags[j]) and j > 0:
            for kind in ("C00", "C01"):
                if kind in self.kinds:
                    blocks.append(self._lagged_labels(kind, j))
        return Labels.join(blocks)

    def _lagged_labels(self, kind: str, j: int) -> Labels:
        first = max(0, j - self.delta_scale)
        every = list(
            itertools.product(
                range(first, j), range(self.channels), range(self.angles), self.lags[j].tolist()
            )
        )
        j1, c, l = (np.array([row[i] for row in every]) for i in range(3))
        lag = np.array([row[3] for row in every])
        columns = {"c1": c, "c2": c, "j1": j1, "j2": j, "l1": l, "l2": l, "shift": lag, "k1": 0}
        if kind == "C00":
            return self.rows(kind, len(every), k2=0, **columns)
        return self.rows(kind, len(every), k2=1, **columns).complex_parts()

    def forward(self, level: Level, frozen: Frozen) -> list[Tensor]:
        j, dims = level.j, self.dims
        weight = self.get_buffer(f"weight_{j}")
        left = as_reals(level.carried, dims)
        right: list[Tensor] = []
        sides = {}
        if "C00" in self.kinds:
            sides["C00"] = len(right)
            right.append(level.moduli * weight)
        if {"S01", "C10", "C01"} & set(self.kinds):
            sides["C01"] = len(right)
            half = level.field[..., : weight.shape[-1]].unsqueeze(-dims - 1)
            right += [
                half * self.get_buffer(f"even_{j}"),
                half * torch.complex(torch.zeros_like(weight), self.get_buffer(f"odd_{j}")),
            ]
        columns = as_reals(torch.cat([r.flatten(1, 2) for r in right], dim=1), dims)
        gram = (left @ columns.mT).unflatten(2, (len(right), -1))
        # (scale, channel, orientation) as the carried features are ordered.
        spread = frozen.modulus[:, : j + 1].transpose(0, 1).flatten()
        centre = frozen.means[:, : j + 1].transpose(0, 1).flatten()
        blocks = []
        for kind in self.kinds:
            a, b = self.get_buffer(f"{kind}_left_{j}"), self.get_buffer(f"{kind}_right_{j}")
            if kind == "C00":
                means = level.carried_means
                own, own_centre = level.modulus_means.flatten(1), frozen.means[:, j].flatten()
                centred = (centre[a] - means[:, a]) * own_centre[b] - centre[a] * own[:, b]
                norm = spread[a] * frozen.modulus[:, j].flatten()[b]
                blocks.append((gram[:, a, sides["C00"], b] + centred) / norm)
            else:
                norm = spread[a] * frozen.wave[:, j].flatten()[b]
                at = sides["C01"]
                blocks += [gram[:, a, at, b] / norm, gram[:, a, at + 1, b] / norm]
        if len(self.lags[j]) and j > 0:
            blocks += self._lagged(level, frozen)
        return blocks

    def _lagged(self, level: Level, frozen: Frozen) -> list[Tensor]:
        j, dims = level.j, self.dims
        first = max(0, j - self.delta_scale)
        sizes = (j - first, self.channels, self.angles)
        per_scale = self.channels * self.angles
        finer = level.carried[:, first * per_scale : j * per_scale].unflatten(1, sizes)
        spread = frozen.modulus[:, first:j].transpose(0, 1).unsqueeze(-1)
        lags = self.get_submodule(f"lags_{j}")
        weight = self.get_buffer(f"weight_{j}")
        blocks = []
        for kind in ("C00", "C01"):
            if kind not in self.kinds:
                continue
            if kind == "C00":
                cross = finer * level.moduli.unsqueeze(1).conj() * weight
                real = lags(cross.real)[0] - lags(cross.imag)[1]
                means = level.carried_means[:, first * per_scale : j * per_scale].unflatten(
                    1, sizes
                )
                centre = frozen.means[:, first:j].transpose(0, 1)
                own, own_centre = level.modulus_means.unsqueeze(1), frozen.means[:, j]
                centred = (centre - means) * own_centre - centre * own
                norm = spread * frozen.modulus[:, j].unsqueeze(-1)
                blocks += flat((real + centred.unsqueeze(-1)) / norm)
            else:
                half = level.field[..., : weight.shape[-1]].unsqueeze(-dims - 1).unsqueeze(1)
                cross = finer * half.conj()
                even, odd = self.get_buffer(f"even_{j}"), self.get_buffer(f"odd_{j}")
                real = lags(cross.real * even)[0] - lags(cross.imag * even)[1]
                imaginary = lags(cross.imag * odd)[0] + lags(cross.real * odd)[1]
                norm = spread * frozen.wave[:, j].unsqueeze(-1)
                blocks += flat(real / norm, imaginary / norm)
        return blocks
