"""Moments of bands of one scale: S11 and S00 with themselves at lags, C11 with each other."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from moments import grids
from moments.classes import MomentClass, flat
from moments.harmonics import squared
from moments.labels import Labels
from moments.pyramid import Level
from moments.shifts import Lags, shells

if TYPE_CHECKING:
    from moments.family import Frozen, WaveletFamily

#: Overlap of two filters, over that of one with itself, below which they do not correlate.
LEAST_OVERLAP = 1e-6


class AutoCorrelations(MomentClass):
    r"""S11 and S00: a band with itself, and with the same band of another channel, at lags.

    S11 = sum_w psi^2 x^_c1 conj(x^_c2) e^{iw tau}; S00 the same of the centred moduli.  One channel
    half of the lags, two channels need both signs.
    """

    def __init__(
        self, family: WaveletFamily, kinds: Sequence[str], count: int, form: str = "rings"
    ) -> None:
        super().__init__(family)
        self.kinds = tuple(kinds)
        self.pairs = list(itertools.combinations(range(self.channels), 2))
        self.lags = [
            [shells(self.shape, j, count, self.angles, both, form) for both in (False, True)]
            for j in range(self.scales)
        ]
        for j, grid in enumerate(self.grids):
            for both in (0, 1) if self.pairs else (0,):
                lags = Lags(self.shape, grid, self.lags[j][both], half=True)
                self.add_module(f"lags_{j}_{both}", lags)
            energy = torch.stack(grids.fold_to_half(family.bank.psi(j) ** 2, grid))
            self.register_buffer(f"energy_{j}", energy, persistent=False)
            self.register_buffer(f"weight_{j}", grids.half_weights(grid), persistent=False)

    def labels(self, j: int) -> Labels:
        blocks = []
        for kind, same in itertools.product(self.kinds, (True, False)):
            pairs = [(c, c) for c in range(self.channels)] if same else self.pairs
            if not pairs:
                continue
            lags = self.lags[j][0 if same else 1]
            k = 1 if kind == "S11" else 0
            every = list(itertools.product(pairs, range(self.angles), range(len(lags))))
            pair, l = np.array([p for p, _, _ in every]), np.array([a for _, a, _ in every])
            lag = lags[[t for _, _, t in every]]
            block = self.rows(
                kind, len(every), c1=pair[:, 0], c2=pair[:, 1], j1=j, j2=j, l1=l, l2=l, k1=k, k2=k,
                shift=lag,
            )  # fmt: skip
            if kind == "S11":
                block = block.complex_parts()
                real = same and (block["part"] == "im") & ~block["shift"].any(-1)
                block = Labels(block.table[~np.asarray(real)]) if same else block
            blocks.append(block)
        return Labels.join(blocks)

    def forward(self, level: Level, frozen: Frozen) -> list[Tensor]:
        j = level.j
        lags = [self.get_submodule(f"lags_{j}_{both}") for both in range(1 + bool(self.pairs))]
        first, second = [a for a, _ in self.pairs], [b for _, b in self.pairs]
        blocks = []
        for kind in self.kinds:
            if kind == "S11":
                energy, field = self.get_buffer(f"energy_{j}"), level.half
                scale = frozen.wave[:, j]
                power = squared(field)[:, None, :, None]
                even, odd = lags[0](power * energy.unsqueeze(1)).unbind(1)
                norm = scale.square().unsqueeze(-1)
                blocks += flat(even.real / norm, odd.imag[..., 1:] / norm)
                if self.pairs:
                    cross = (field[:, first] * field[:, second].conj())[:, None, :, None]
                    even, odd = lags[1](cross * energy.unsqueeze(1)).unbind(1)
                    norm = (scale[first] * scale[second]).unsqueeze(-1)
                    blocks += flat(even.real / norm, odd.imag / norm)
            else:
                weight = self.get_buffer(f"weight_{j}")
                moduli, scale = level.moduli, frozen.modulus[:, j]
                means, centre = level.modulus_means, frozen.means[:, j]
                real = lags[0](squared(moduli) * weight).real
                centred = centre.square() - 2 * centre * means
                norm = scale.square().unsqueeze(-1)
                blocks += flat((real + centred.unsqueeze(-1)) / norm)
                if self.pairs:
                    cross = moduli[:, first] * moduli[:, second].conj() * weight
                    a, b = centre[first], centre[second]
                    centred = a * b - means[:, first] * b - means[:, second] * a
                    norm = (scale[first] * scale[second]).unsqueeze(-1)
                    blocks += flat((lags[1](cross).real + centred.unsqueeze(-1)) / norm)
        return blocks


class AngleCovariances(MomentClass):
    r"""C11: a band with the other bands of its scale, at lag 0.

    C11 = sum_w psi_1 psi_2 x^_c1 conj(x^_c2), with orientations l2 up to 2 L - 1, since
    W_{l+L} = (W_l)^*.  Each pair is kept once; between bands of one channel it is real.  Pairs of
    filters that hardly overlap have covariances below single precision and are left out.
    """

    def __init__(self, family: WaveletFamily, delta_angle: int | None) -> None:
        super().__init__(family)
        self.channel_pairs = list(itertools.combinations_with_replacement(range(self.channels), 2))
        self.rows_of: list[np.ndarray] = []
        for j in range(self.scales):
            psi = family.bank.psi(j)
            around = torch.cat([psi, grids.mirrored(psi, self.dims)])
            self.register_buffer(f"psi_{j}", around.flatten(1), persistent=False)
            overlap = psi.flatten(1) @ around.flatten(1).mT
            met = (overlap > LEAST_OVERLAP * overlap[0, 0]).numpy()
            most = self.angles if delta_angle is None else delta_angle
            self.rows_of.append(self._rows(met, most))
            index = torch.as_tensor(self.rows_of[j]).T
            self.register_buffer(f"rows_{j}", index, persistent=False)

    def _rows(self, met: np.ndarray, most: int) -> np.ndarray:
        """Rows (pair of channels, l1, l2), those of one channel first."""
        found: tuple[list, list] = ([], [])
        for number, (a, b) in enumerate(self.channel_pairs):
            for l1, l2 in np.argwhere(met).tolist():
                turn = min(abs(l2 - l1), 2 * self.angles - abs(l2 - l1))
                # (l1, l2), (l2 + L, l1 + L) and their likes are one pair of one channel.
                again = a == b and l2 % self.angles < l1
                if l1 != l2 and turn <= most and not again:
                    found[a != b].append((number, l1, l2))
        return np.array(found[0] + found[1], dtype=int).reshape(-1, 3)

    def labels(self, j: int) -> Labels:
        pair, l1, l2 = self.rows_of[j].T
        c1, c2 = np.array(self.channel_pairs)[pair].T
        block = self.rows(
            "C11", len(l1), c1=c1, c2=c2, j1=j, j2=j, l1=l1, l2=l2, k1=1, k2=1
        ).complex_parts()
        return Labels(block.table[(block["part"] == "re") | (block["c1"] != block["c2"])])

    def forward(self, level: Level, frozen: Frozen) -> list[Tensor]:
        j, psi, x = level.j, self.get_buffer(f"psi_{level.j}"), level.field.flatten(2)
        a, b = torch.tensor(self.channel_pairs, device=x.device).T
        pair, l1, l2 = self.get_buffer(f"rows_{j}")
        cross = x[:, a] * x[:, b].conj()
        wave = frozen.wave[:, j]
        norm = wave[a[pair], l1] * wave[b[pair], l2 % self.angles]

        def gram(values: Tensor) -> Tensor:
            return ((values.unsqueeze(2) * psi[: self.angles]) @ psi.mT)[:, pair, l1, l2] / norm

        apart = (a != b)[pair]
        return [gram(cross.real), *([gram(cross.imag)[:, apart]] if self.channels > 1 else [])]
