"""Moments between the modulus of a band and other bands: S01, C10, C00 and C01."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from moments import grids
from moments.classes import MomentClass, flat
from moments.labels import Labels
from moments.products import Right, products
from moments.pyramid import Level
from moments.shifts import phases, shells

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
            none = torch.zeros_like(even)
            fields = torch.stack([torch.stack([even, none], -1), torch.stack([none, odd], -1)])
            own = grids.half_weights(grid).expand(*grid[:-1], -1)
            self.register_buffer(f"fields_{j}", fields, persistent=False)
            self.register_buffer(f"own_{j}", torch.stack([own, 0 * own], -1), persistent=False)
            # The zero lag is among the products of all pairs.
            lags = shells(self.shape, j, cross_shells, self.angles, both_signs=True)[1:]
            self.lags.append(lags)
            for axis, table in enumerate(phases(self.shape, grid, lags)):
                self.register_buffer(f"lags_{j}_{axis}", table, persistent=False)
            for kind, pairs in self._pairs(j).items():
                moduli = (pairs[:, 1] * self.channels + pairs[:, 0]) * self.angles + pairs[:, 2]
                right = pairs[:, 3] * self.angles + pairs[:, 4]
                for side, index in (("left", moduli), ("right", right)):
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

    def _right(self, j: int) -> Right:
        """|W_2 x| for C00, and x^ psi_2 as its two parts on the half spectrum for the others."""

        def table(name: str) -> Tensor:
            return torch.view_as_complex(self.get_buffer(name))

        lagged = j > 0 and len(self.lags[j]) > 0 and bool({"C00", "C01"} & set(self.kinds))
        return Right(
            channels=self.channels,
            angles=self.angles,
            own=table(f"own_{j}") if "C00" in self.kinds else None,
            fields=tuple(table(f"fields_{j}")) if set(self.kinds) - {"C00"} else (),
            lags=[table(f"lags_{j}_{axis}") for axis in range(self.dims)] if lagged else [],
            first=max(0, j - self.delta_scale),
        )

    def forward(self, level: Level, frozen: Frozen) -> list[Tensor]:
        j, right = level.j, self._right(level.j)
        gram, lagged = products(level.features, right)
        # (scale, channel, orientation) as the features are ordered.
        spread = frozen.modulus[:, : j + 1].transpose(0, 1).flatten()
        centre = frozen.means[:, : j + 1].transpose(0, 1).flatten()
        parts = right.kinds - len(right.fields)
        blocks = []
        for kind in self.kinds:
            a, b = self.get_buffer(f"{kind}_left_{j}"), self.get_buffer(f"{kind}_right_{j}")
            if kind == "C00":
                means = level.carried_means
                own, own_centre = level.modulus_means.flatten(1), frozen.means[:, j].flatten()
                centred = (centre[a] - means[:, a]) * own_centre[b] - centre[a] * own[:, b]
                norm = spread[a] * frozen.modulus[:, j].flatten()[b]
                blocks.append((gram[:, 0, b, a + self.channels] + centred) / norm)
            else:
                norm = spread[a] * frozen.wave[:, j].flatten()[b]
                for part in (parts, parts + 1):
                    blocks.append(gram[:, part, b, a + self.channels] / norm)
        if right.lags:
            blocks += self._lagged(level, frozen, lagged, right)
        return blocks

    def _lagged(self, level: Level, frozen: Frozen, cross: Tensor, right: Right) -> list[Tensor]:
        """C00 and C01 of cross, (batch, kind, finer scale, channel x L, T)."""
        j, first = level.j, right.first
        spread, centre = (
            values[:, first:j].transpose(0, 1).flatten(1).unsqueeze(-1)
            for values in (frozen.modulus, frozen.means)
        )
        blocks = []
        parts = cross.unbind(1)
        if "C00" in self.kinds:
            means = level.carried_means[:, first * right.bands : j * right.bands]
            means = means.unflatten(1, (-1, right.bands)).unsqueeze(-1)
            own = level.modulus_means.flatten(1)[:, None, :, None]
            own_centre = frozen.means[:, j].flatten().unsqueeze(-1)
            centred = (centre - means) * own_centre - centre * own
            norm = spread * frozen.modulus[:, j].flatten().unsqueeze(-1)
            blocks += flat((parts[0] + centred) / norm)
        if "C01" in self.kinds:
            norm = spread * frozen.wave[:, j].flatten().unsqueeze(-1)
            blocks += flat(parts[-2] / norm, parts[-1] / norm)
        return blocks
