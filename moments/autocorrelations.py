"""Moments of a band with itself at lags: S11 and S00."""

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
from moments.pyramid import Level
from moments.shifts import Lags, shells

if TYPE_CHECKING:
    from moments.family import Frozen, WaveletFamily


class AutoCorrelations(MomentClass):
    r"""S11 and S00: a band with itself, and with the same band of another channel, at lags.

    S11 = sum_w psi^2 x^_c1 conj(x^_c2) e^{iw tau}; S00 the same of the centred moduli.  One channel
    half of the lags, two channels need both signs.
    """

    def __init__(self, family: WaveletFamily, kinds: Sequence[str], count: int) -> None:
        super().__init__(family)
        self.kinds = tuple(kinds)
        self.pairs = list(itertools.combinations(range(self.channels), 2))
        self.lags = [
            [shells(self.shape, j, count, self.angles, both) for both in (False, True)]
            for j in range(self.scales)
        ]
        for j, grid in enumerate(self.grids):
            for both in (0, 1) if self.pairs else (0,):
                self.add_module(f"full_{j}_{both}", Lags(self.shape, grid, self.lags[j][both]))
                half = Lags(self.shape, grid, self.lags[j][both], half=True)
                self.add_module(f"half_{j}_{both}", half)
            self.register_buffer(f"energy_{j}", family.bank.psi(j) ** 2, persistent=False)
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
        j, dims = level.j, self.dims
        lead = self.get_submodule
        blocks = []
        first, second = [a for a, _ in self.pairs], [b for _, b in self.pairs]
        for kind in self.kinds:
            if kind == "S11":
                energy = self.get_buffer(f"energy_{j}")
                field = level.field
                scale = frozen.wave[:, j]
                power = torch.view_as_real(field).square().sum(-1).unsqueeze(-dims - 1) * energy
                real, imaginary = lead(f"full_{j}_0")(power)
                norm = scale.square().unsqueeze(-1)
                blocks += flat(real / norm, imaginary[..., 1:] / norm)
                if self.pairs:
                    cross = (field[:, first] * field[:, second].conj()).unsqueeze(-dims - 1)
                    lags = lead(f"full_{j}_1")
                    (rr, ri), (ir, ii) = lags(cross.real * energy), lags(cross.imag * energy)
                    norm = (scale[first] * scale[second]).unsqueeze(-1)
                    blocks += flat((rr - ii) / norm, (ri + ir) / norm)
            else:
                weight = self.get_buffer(f"weight_{j}")
                moduli, scale = level.moduli, frozen.modulus[:, j]
                means, centre = level.modulus_means, frozen.means[:, j]
                power = torch.view_as_real(moduli).square().sum(-1) * weight
                real = lead(f"half_{j}_0")(power)[0]
                centred = centre.square() - 2 * centre * means
                norm = scale.square().unsqueeze(-1)
                blocks += flat((real + centred.unsqueeze(-1)) / norm)
                if self.pairs:
                    cross = moduli[:, first] * moduli[:, second].conj() * weight
                    lags = lead(f"half_{j}_1")
                    real = lags(cross.real)[0] - lags(cross.imag)[1]
                    a, b = centre[first], centre[second]
                    centred = a * b - means[:, first] * b - means[:, second] * a
                    norm = (scale[first] * scale[second]).unsqueeze(-1)
                    blocks += flat((real + centred.unsqueeze(-1)) / norm)
        return blocks
