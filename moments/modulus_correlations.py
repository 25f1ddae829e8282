"""Moments between the modulus of a band and other bands: S01, C10, C00 and C01."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

import numpy as np
import torch
from torch import Tensor

from moments import grids
from moments.classes import MomentClass
from moments.labels import Labels
from moments.products import Right, products
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
            fields = even.new_zeros((2, *even.shape, 2))  # even and i odd
            fields[0, ..., 0], fields[1, ..., 1] = even, odd
            own = grids.half_weights(grid).expand(*grid[:-1], -1)
            self.register_buffer(f"fields_{j}", fields, persistent=False)
            self.register_buffer(f"own_{j}", torch.stack([own, 0 * own], -1), persistent=False)
            # The zero lag is among the products of all pairs.
            lags = shells(self.shape, j, cross_shells, self.angles, both_signs=True)[1:]
            self.lags.append(lags)
            if len(lags):
                self.add_module(f"lags_{j}", Lags(self.shape, grid, -lags, half=True))
            self.register_buffer(f"entries_{j}", torch.as_tensor(self._entries(j)), False)

    def _right_kinds(self) -> list[str]:
        """Right features: |W_2 x| for C00, and x^ psi_2 as two parts for the others."""
        real = ["|W|"] if "C00" in self.kinds else []
        return real + (["W re", "W im"] if set(self.kinds) - {"C00"} else [])

    def _lagged(self, j: int) -> list[str]:
        """Classes that have lags at level j."""
        if j == 0 or not len(self.lags[j]):
            return []
        return [kind for kind in ("C00", "C01") if kind in self.kinds]

    def _entries(self, j: int) -> np.ndarray:
        """Where the moments lie in the flat products, in the order of :meth:`labels`."""
        right, bands = self._right_kinds(), self.channels * self.angles
        sizes = (len(right), bands, (j + 1) * bands)
        place = np.arange(np.prod(sizes)).reshape(sizes)
        lagged_sizes = (len(right), j - self._first(j), bands, len(self.lags[j]))
        lagged = place.size + np.arange(np.prod(lagged_sizes)).reshape(lagged_sizes)
        entries = []
        for kind, pairs in self._pairs(j).items():
            c1, j1, l1, c2, l2 = pairs.T
            left, own = (j1 * self.channels + c1) * self.angles + l1, c2 * self.angles + l2
            entries += [place[right.index(part), own, left] for part in self._parts(kind)]
        for kind in self._lagged(j):
            entries += [lagged[right.index(part)].ravel() for part in self._parts(kind)]
        return np.concatenate(entries) if entries else np.zeros(0, dtype=int)

    def _parts(self, kind: str) -> list[str]:
        return ["|W|"] if kind == "C00" else ["W re", "W im"]

    def _first(self, j: int) -> int:
        """Finest scale whose moduli meet those of level j."""
        return max(0, j - self.delta_scale)

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
        blocks += [self._lagged_labels(kind, j) for kind in self._lagged(j)]
        return Labels.join(blocks)

    def _lagged_labels(self, kind: str, j: int) -> Labels:
        every = list(
            itertools.product(
                range(self._first(j), j),
                range(self.channels),
                range(self.angles),
                self.lags[j].tolist(),
            )
        )
        j1, c, l = (np.array([row[i] for row in every]) for i in range(3))
        lag = np.array([row[3] for row in every])
        columns = {"c1": c, "c2": c, "j1": j1, "j2": j, "l1": l, "l2": l, "shift": lag, "k1": 0}
        if kind == "C00":
            return self.rows(kind, len(every), k2=0, **columns)
        return self.rows(kind, len(every), k2=1, **columns).complex_parts()

    def _right(self, j: int) -> Right:
        own, fields = (
            torch.view_as_complex(self.get_buffer(f"{n}_{j}")) for n in ("own", "fields")
        )
        kinds = self._right_kinds()
        lags = cast(Lags, self.get_submodule(f"lags_{j}")).tables() if self._lagged(j) else []
        return Right(
            channels=self.channels,
            angles=self.angles,
            own=own if "|W|" in kinds else None,
            fields=fields if "W re" in kinds else None,
            lags=lags,
            first=self._first(j),
        )

    def forward(self, level: Level, frozen: Frozen) -> list[Tensor]:
        j, kinds = level.j, self._right_kinds()
        right = self._right(j)
        gram, lagged = products(level.features, right)
        gram = gram[..., self.channels :]
        # (scale, channel, orientation) as the features are ordered.
        spread, centre = (
            values[:, : j + 1].transpose(0, 1).flatten()
            for values in (frozen.modulus, frozen.means)
        )
        own = torch.stack(
            [(frozen.modulus if kind == "|W|" else frozen.wave)[:, j].flatten() for kind in kinds]
        )
        norm = own.unsqueeze(-1) * spread
        finer = slice(right.first * right.bands, j * right.bands)
        if kinds[0] == "|W|":
            means, own_means = level.carried_means, level.modulus_means.flatten(1)
            own_centre = frozen.means[:, j].reshape(-1, 1)
            centred = (centre - means).unsqueeze(1) * own_centre - centre * own_means.unsqueeze(-1)
            gram = torch.cat([gram[:, :1] + centred.unsqueeze(1), gram[:, 1:]], dim=1)
        values = (gram / norm).flatten(1)
        if right.lags:
            if kinds[0] == "|W|":
                same = centred[..., finer].unflatten(2, (-1, right.bands)).diagonal(dim1=1, dim2=3)
                first = lagged[:, :1] + same[:, None, :, :, None]
                lagged = torch.cat([first, lagged[:, 1:]], dim=1)
            norm = spread[finer].reshape(-1, right.bands) * own.unsqueeze(1)
            values = torch.cat([values, (lagged / norm.unsqueeze(-1)).flatten(1)], dim=1)
        return [values.index_select(1, self.get_buffer(f"entries_{j}"))]
