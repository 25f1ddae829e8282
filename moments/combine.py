"""Families made of families: sums of several, subsets and linear combinations of one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from moments.family import LevelwiseFamily, MomentFamily, climb_together
from moments.labels import Labels


class Sum(MomentFamily):
    """Several families of one field, as one; those that go level by level share one climb.

    Moments and labels follow each other in the order of the parts; the constants of a part are
    named ``parts.<family>.<name>``.

    Parameters
    ----------
    parts : sequence of MomentFamily
        For fields of the same shape and channels, on the same bank.
    """

    def __init__(self, parts: Sequence[MomentFamily]) -> None:
        super().__init__(parts[0].shape, parts[0].channels)
        self.name = "+".join(part.name for part in parts)
        self.bank = parts[0].bank
        self.parts = torch.nn.ModuleDict({part.name: part for part in parts})
        self.labels = Labels.join(part.labels for part in parts)

    def constants(self, x: Tensor) -> dict[str, Tensor]:
        """The constants of every part."""
        return {
            f"parts.{family}.{name}": value
            for family, part in self.parts.items()
            for name, value in part.constants(x).items()  # type: ignore[operator]
        }

    def band_power(self) -> Tensor:
        """As every part has it."""
        return next(iter(self.parts.values())).band_power()  # type: ignore[operator]

    @property
    def finest_scales(self) -> np.ndarray:
        """Of every part."""
        return np.concatenate([part.finest_scales for part in self.parts.values()])

    def forward(self, x: Tensor, first: int = 0) -> Tensor:
        """Moments of all parts, (batch, M)."""
        climbing = {n: p for n, p in self.parts.items() if isinstance(p, LevelwiseFamily)}
        found = {}
        if climbing:
            together = climb_together(list(climbing.values()), self.checked(x, first), first)
            found = dict(zip(climbing, together, strict=True))
        alone = {n: p(x, first) for n, p in self.parts.items() if n not in climbing}
        return torch.cat([(found | alone)[name] for name in self.parts], dim=1)


class Derived(MomentFamily):
    """A family whose moments are made of those of another, with the constants of that one.

    Parameters
    ----------
    inner : MomentFamily
    labels : Labels
        Of the moments made.
    """

    def __init__(self, inner: MomentFamily, labels: Labels) -> None:
        super().__init__(inner.shape, inner.channels)
        self.name, self.bank = inner.name, inner.bank
        self.inner, self.labels = inner, labels

    def constants(self, x: Tensor) -> dict[str, Tensor]:
        """The constants of the other family."""
        return {f"inner.{name}": value for name, value in self.inner.constants(x).items()}

    def band_power(self) -> Tensor:
        """As the other family has it."""
        return self.inner.band_power()


class Subset(Derived):
    """Some moments of a family, in a given order.

    Parameters
    ----------
    inner : MomentFamily
    index : sequence of int
        Positions of the moments to keep.
    """

    def __init__(self, inner: MomentFamily, index: Sequence[int]) -> None:
        super().__init__(inner, Labels(inner.labels.table[np.asarray(index)]))
        self.register_buffer("rows", torch.as_tensor(index), persistent=False)

    @property
    def finest_scales(self) -> np.ndarray:
        """As the whole family has them."""
        return self.inner.finest_scales[self.get_buffer("rows").cpu().numpy()]

    def forward(self, x: Tensor, first: int = 0) -> Tensor:
        """The moments that are kept, (batch, M)."""
        return self.inner(x, first)[:, self.rows]


class Combination(Derived):
    """Linear combinations of the moments of a family.

    Parameters
    ----------
    inner : MomentFamily
    rows, into : sequence of int
        Which moment of the family enters which combination.
    weight : sequence of float
        With what weight.
    labels : Labels
        Of the combinations.
    """

    into: Tensor

    def __init__(
        self,
        inner: MomentFamily,
        rows: Sequence[int] | np.ndarray,
        into: Sequence[int] | np.ndarray,
        weight: Sequence[float] | np.ndarray,
        labels: Labels,
    ) -> None:
        super().__init__(inner, labels)
        for name, values, dtype in (
            ("rows", rows, torch.long),
            ("into", into, torch.long),
            ("weight", weight, torch.float64),
        ):
            self.register_buffer(name, torch.as_tensor(values, dtype=dtype), persistent=False)

    @property
    def finest_scales(self) -> np.ndarray:
        """The finest of all that enters each combination."""
        rows, into = (self.get_buffer(name).cpu().numpy() for name in ("rows", "into"))
        finest = np.full(self.n_moments, self.bank.scales - 1)
        np.minimum.at(finest, into, self.inner.finest_scales[rows])
        return finest

    def forward(self, x: Tensor, first: int = 0) -> Tensor:
        """The combinations, (batch, M)."""
        values = self.inner(x, first)[:, self.get_buffer("rows")] * self.get_buffer("weight")
        out = values.new_zeros((len(values), self.n_moments))
        return out.index_add(1, self.into, values)
