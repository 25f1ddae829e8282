"""The classes of wavelet phase harmonic moments: which features of a level meet, and at which lags.

Each class sees one level of the climb at a time and returns blocks (batch, m) in the order of its
labels.
"""

from __future__ import annotations

import abc
import itertools
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from moments import grids
from moments.filters import WAVELETS, gaussian_low_pass
from moments.harmonics import harmonic
from moments.labels import Labels
from moments.pyramid import Level
from moments.shifts import Lags, shells
from moments.wavelets import synthesis

if TYPE_CHECKING:
    from moments.family import Frozen, WaveletFamily


class MomentClass(nn.Module, abc.ABC):
    """Some moments of every level.

    Parameters
    ----------
    family : WaveletFamily
        Gives the shape, the channels and the bank.
    """

    def __init__(self, family: WaveletFamily) -> None:
        super().__init__()
        self.family_name = family.name
        self.shape, self.dims = family.shape, family.dims
        self.channels, self.scales = family.channels, family.bank.scales
        self.angles = family.bank.angles
        self.grids = family.bank.grids

    @abc.abstractmethod
    def labels(self, j: int) -> Labels:
        """Labels of the moments of level j, in the order of :meth:`forward`."""

    @abc.abstractmethod
    def forward(self, level: Level, frozen: Frozen) -> list[Tensor]:
        """Blocks (batch, m) of one level, normalised by the frozen constants."""

    def rows(self, kind: str, size: int, **columns: object) -> Labels:
        return Labels.rows(self.family_name, kind, size, **columns)


def flat(*values: Tensor) -> list[Tensor]:
    """Each (batch, ...) as (batch, m)."""
    return [value.flatten(1) for value in values]


def as_reals(spectrum: Tensor, dims: int) -> Tensor:
    """Complex spectra (..., *grid) as rows of real numbers (..., 2 K)."""
    return torch.view_as_real(spectrum).flatten(-dims - 1)


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


class ModulusCorrelations(MomentClass):
    r"""S01, C00 and C01: moduli of the bands j1 <= j2 with the modulus and the coefficients of band
    j2.

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
        if {"S01", "C01"} & set(self.kinds):
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


class Harmonics(MomentClass):
    """Cphase: the coarse band's phase multiplied up to the fine band's frequency, at the same
    angle.

    C = mean_u [W_{j+d,l} x]^(2^d) (W_{j,l} x)^*, between all ordered pairs of channels.
    """

    def __init__(self, family: WaveletFamily, largest: int) -> None:
        super().__init__(family)
        if largest < 2:
            raise ValueError(f"harmonics={largest} was asked for; 2 or more would work.")
        self.steps = range(1, largest.bit_length())
        for j, d in itertools.product(range(self.scales), self.steps):
            if j + d < self.scales:
                coarse = family.bank.psi(j + d)
                padded = grids.regrid(coarse, self.grids[j + d], self.grids[j])
                self.register_buffer(f"psi_{j}_{d}", padded, persistent=False)

    def labels(self, j: int) -> Labels:
        every = list(itertools.product(*[range(self.channels)] * 2, range(self.angles)))
        coarse, fine, l = np.array(every).T
        return Labels.join(
            self.rows(
                "Cphase", len(every), c1=coarse, j1=j + d, l1=l, k1=2**d, c2=fine, j2=j, l2=l, k2=1
            ).complex_parts()
            for d in self.steps
            if j + d < self.scales
        )

    def forward(self, level: Level, frozen: Frozen) -> list[Tensor]:
        j, blocks = level.j, []
        for d in self.steps:
            if j + d >= self.scales:
                break
            coarse = level.field.unsqueeze(-self.dims - 1) * self.get_buffer(f"psi_{j}_{d}")
            turned = harmonic(synthesis(coarse, self.dims), 2**d).flatten(3).transpose(1, 2)
            fine = level.coefficients.flatten(3).transpose(1, 2)  # (batch, L, channel, K)
            cross = (turned @ fine.mH).permute(0, 2, 3, 1) / fine.shape[-1]
            norm = frozen.wave[:, None, j + d] * frozen.wave[None, :, j]
            blocks += flat(cross.real / norm, cross.imag / norm)
        return blocks


class LowPass(MomentClass):
    r"""L: what the wavelets do not see, and proxies of the one-point law at every scale.

    With y = x * phi_j, sigma_j = sigma_0 2^j: E|y|/s and E y|y|/s^2 at each scale, s the frozen
    deviation of y; at the last scale E x / s_0 and the covariance E y(u + tau) y(u) / s^2 between
    channels, at lags.

    Parameters
    ----------
    count : int
        Shells of lags.
    one_point : bool
        Whether E|y| and E y|y| are among the moments.
    """

    power: Tensor
    weight: Tensor

    def __init__(self, family: WaveletFamily, count: int, one_point: bool = True) -> None:
        super().__init__(family)
        self.one_point = one_point
        self.last = self.scales - 1
        sigma = WAVELETS[family.bank.wavelet][2]
        for j, grid in enumerate(self.grids):
            phi = gaussian_low_pass(self.shape, grid, sigma * 2**j)
            self.register_buffer(f"phi_{j}", phi[..., : grid[-1] // 2 + 1], persistent=False)
        grid = self.grids[-1]
        self.lag_table = shells(self.shape, self.last, count, self.angles, both_signs=True)
        self.lags = Lags(self.shape, grid, self.lag_table, half=True)
        self.register_buffer("weight", grids.half_weights(grid), persistent=False)
        self.register_buffer("power", torch.ones((self.channels, self.scales), dtype=torch.float64))
        self.pairs = list(itertools.combinations_with_replacement(range(self.channels), 2))

    def labels(self, j: int) -> Labels:
        c = np.arange(self.channels)
        names = ("L|y|", "Ly|y|") if self.one_point else ()
        blocks = [self.rows(name, len(c), c1=c, j1=j) for name in names]
        if j == self.last:
            blocks.append(self.rows("Lmean", len(c), c1=c))
            every = list(itertools.product(self.pairs, self.lag_table.tolist()))
            pair, lag = np.array([p for p, _ in every]), np.array([t for _, t in every])
            blocks.append(
                self.rows("Lyy", len(every), c1=pair[:, 0], c2=pair[:, 1], j1=j, j2=j, shift=lag)
            )
        return Labels.join(blocks)

    def smoothed(self, level: Level) -> tuple[Tensor, Tensor]:
        """Half spectrum of y, (batch, channel, *half grid), and y, (batch, channel, *grid)."""
        phi = self.get_buffer(f"phi_{level.j}")
        half = level.field[..., : phi.shape[-1]] * phi
        axes = tuple(range(-self.dims, 0))
        return half, torch.fft.irfftn(half, s=level.grid, dim=axes, norm="forward")

    def forward(self, level: Level, frozen: Frozen) -> list[Tensor]:
        j, axes = level.j, tuple(range(-self.dims, 0))
        if not self.one_point and j < self.last:
            return []
        half, y = self.smoothed(level)
        s = self.power.clamp(min=1e-12).sqrt()
        blocks = []
        if self.one_point:
            size = y.abs()
            blocks = [size.mean(axes) / s[:, j], (y * size).mean(axes) / s[:, j] ** 2]
        if j == self.last:
            blocks.append(grids.at_zero(half, self.dims).real / s[:, 0])
            first, second = [a for a, _ in self.pairs], [b for _, b in self.pairs]
            cross = half[:, first] * half[:, second].conj() * self.weight
            covariance = self.lags(cross.real)[0] - self.lags(cross.imag)[1]
            blocks += flat(covariance / (s[first, j] * s[second, j]).unsqueeze(-1))
        return blocks

    def powers(self, levels: Iterable[Level]) -> Tensor:
        """E y^2 over positions and fields, (channel, J) float64."""
        axes = tuple(range(-self.dims, 0))
        squares = [self.smoothed(level)[1].double().square().mean(axes).mean(0) for level in levels]
        return torch.stack(squares, 1)
