"""What every moment family is: a labelled average over positions with frozen normalisers."""

from __future__ import annotations

import abc
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from moments.bank import FilterBank
from moments.labels import Labels
from moments.pyramid import Level, climb

#: Floor of the frozen normalisers: a band without power (a field with no such scale) stays finite.
LEAST_POWER = 1e-12


@dataclass(frozen=True)
class Frozen:
    """Constants measured on the target, (channel, J, L) each."""

    wave: Tensor  # deviation of the bands
    modulus: Tensor  # deviation of their moduli
    means: Tensor  # mean of their moduli


class MomentFamily(nn.Module, abc.ABC):
    """A map from fields to the moments of the stationary process behind them.

    Subclasses are final: they fill ``labels`` and implement :meth:`constants` and :meth:`forward`.
    Filters are plain buffers; the normalising constants, frozen from the target by :meth:`freeze`,
    are the persistent ones, so ``state_dict()`` is what a model file keeps.

    Parameters
    ----------
    shape : sequence of int
        The field's grid.
    channels : int
        Number of channels; moments between them are included.
    """

    name: str
    labels: Labels
    bank: FilterBank

    def __init__(self, shape: Sequence[int], channels: int = 1) -> None:
        super().__init__()
        if channels < 1:
            raise ValueError(f"channels={channels} was asked for; at least 1 is needed.")
        self.shape = tuple(int(n) for n in shape)
        self.dims = len(self.shape)
        self.channels = int(channels)

    @property
    def n_moments(self) -> int:
        """M, the length of the vector of moments."""
        return len(self.labels)

    @property
    def finest_scales(self) -> np.ndarray:
        """Finest scale that each moment depends on, (M,) int; 0 for those that need the pixels.

        Moments of finest scale ``first`` or coarser can be measured on the grid of that scale:
        ``forward(x, first)``.
        """
        return np.zeros(self.n_moments, dtype=int)

    @property
    def coarsest_scales(self) -> np.ndarray:
        """Coarsest scale that each moment depends on, (M,) int; 0 for those of the pixels."""
        return np.max([self.labels[name] for name in ("j1", "j2", "j3")], axis=0).clip(min=0)

    @abc.abstractmethod
    def constants(self, x: Tensor) -> dict[str, Tensor]:
        """Normalising constants measured on fields, averaged over the batch.

        Parameters
        ----------
        x : Tensor, (batch, channel, *space)

        Returns
        -------
        dict of str to Tensor
            Each an average over positions and fields, so that those of several batches average too.
        """

    @abc.abstractmethod
    def forward(self, x: Tensor, first: int = 0) -> Tensor:
        """Moments of each field.

        Parameters
        ----------
        x : Tensor, (batch, channel, *space) real
            On the grid ``bank.grids[first]`` if ``first`` is given.
        first : int
            Leave out all scales finer than this.  Moments that depend on them keep their places and
            hold nothing of use.

        Returns
        -------
        Tensor, (batch, M) real
        """

    @abc.abstractmethod
    def band_power(self) -> Tensor:
        """Frozen power of the bands of ``bank``, (channel, J, L): the spectrum of the target."""

    def freeze(self, constants: dict[str, Tensor]) -> MomentFamily:
        """Set the normalising constants (see :meth:`constants`); returns the family itself.

        Raises
        ------
        ValueError
            If they are not those of this family by name and shape.
        """
        own = self.state_dict()
        if set(constants) != set(own):
            raise ValueError(
                f"The constants {', '.join(sorted(constants))} were given to a {self.name} family; "
                f"{', '.join(sorted(own))} would work."
            )
        for name, value in constants.items():
            buffer = self.get_buffer(name)
            if tuple(value.shape) != tuple(buffer.shape):
                raise ValueError(
                    f"Constant {name!r} of shape {tuple(value.shape)} was given to a "
                    f"{self.name} family of {self.channels} channel(s); shape "
                    f"{tuple(buffer.shape)} would work."
                )
            buffer.copy_(value)
        return self

    def checked(self, x: Tensor, first: int = 0) -> Tensor:
        """The fields, if they have the shape this family was built for."""
        expected = (self.channels, *(self.bank.grids[first] if first else self.shape))
        if x.ndim != self.dims + 2 or tuple(x.shape[1:]) != expected:
            raise ValueError(
                f"Fields of shape {tuple(x.shape)} were given to moments built for "
                f"(batch, channel, *space) = (any, {', '.join(map(str, expected))})."
            )
        return x


class WaveletFamily(MomentFamily):
    r"""A family built on a filter bank, normalised by the power and the mean modulus of each band.

    Constants: ``power`` :math:`P_\lambda = \langle|W_\lambda x|^2\rangle` and ``modulus``
    :math:`\mu_\lambda = \langle|W_\lambda x|\rangle`, both (channels, J, L).
    """

    power: Tensor
    modulus: Tensor
    #: Rows at which the moments of each level start, finest first; those of the pixels are before.
    starts: list[int]

    def __init__(self, shape: Sequence[int], channels: int, bank: FilterBank) -> None:
        super().__init__(shape, channels)
        self.bank = bank
        size = (self.channels, bank.scales, bank.angles)
        self.register_buffer("power", torch.ones(size, dtype=torch.float64))
        self.register_buffer("modulus", torch.zeros(size, dtype=torch.float64))

    def constants(self, x: Tensor) -> dict[str, Tensor]:
        axes = tuple(range(-self.dims, 0))
        power, modulus = [], []
        for level in climb(self.checked(x), self.bank):
            r = torch.abs(level.coefficients).double()
            power.append((r**2).mean(axes).mean(0))
            modulus.append(r.mean(axes).mean(0))
        return {"power": torch.stack(power, 1), "modulus": torch.stack(modulus, 1)}

    @property
    def finest_scales(self) -> np.ndarray:
        """Of both bands of each moment; a moment of the low pass alone has the coarsest."""
        scales = np.stack([self.labels["j1"], self.labels["j2"]])
        finest = np.where(scales < 0, self.bank.scales - 1, scales).min(0)
        finest[: self.starts[0]] = 0
        return finest

    def band_power(self) -> Tensor:
        return self.power

    def frozen(self) -> Frozen:
        r"""The constants in the form in which moments use them.

        :math:`\sigma_1 = \sqrt{P_\lambda}` for the bands, :math:`\sigma_0 = \sqrt{P_\lambda -
        \mu_\lambda^2}` for their moduli.
        """
        variance = (self.power - self.modulus**2).clamp(min=LEAST_POWER)
        return Frozen(self.power.clamp(min=LEAST_POWER).sqrt(), variance.sqrt(), self.modulus)


class LevelwiseFamily(WaveletFamily):
    """A wavelet family each of whose moments is known at one level of the climb, finest first.

    Subclasses implement :meth:`before` and :meth:`of_level`; families that are added up share one
    climb (:class:`moments.combine.Sum`).
    """

    #: Whether a level needs the moduli of finer scales.
    carry: ClassVar[bool] = False

    @abc.abstractmethod
    def of_level(self, level: Level, frozen: Frozen) -> list[Tensor]:
        """Blocks (batch, m) of one level, in the order of the labels."""

    def before(self, x: Tensor, first: int) -> list[Tensor]:
        """Blocks that stand before those of level ``first``: zeros for the levels left out."""
        return [x.new_zeros(len(x), self.starts[first])]

    def forward(self, x: Tensor, first: int = 0) -> Tensor:
        """Moments of all levels, (batch, M)."""
        return climb_together([self], self.checked(x, first), first)[0]


def climb_together(families: Sequence[LevelwiseFamily], x: Tensor, first: int = 0) -> list[Tensor]:
    """Moments (batch, M) of several families on one bank, from one climb."""
    blocks = [family.before(x, first) for family in families]
    frozen = [family.frozen() for family in families]
    carry = any(family.carry for family in families)
    for level in climb(x, families[0].bank, carry=carry, first=first):
        for found, family, constants in zip(blocks, families, frozen, strict=True):
            found += family.of_level(level, constants)
    return [torch.cat(found, dim=1) for found in blocks]
