"""What a statistic is, and the batch of fields that it measures.

A statistic turns every field into a vector of real features; everything else (calibration,
verdicts, figures) is the same for all of them. Intermediate results that several statistics need,
such as the power spectrum and the moments of increments, are computed once per batch.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import torch
from torch import Tensor

from synth.estimation.moisan import periodic_component
from synth.estimation.spectra import apodised

N_ORDERS = 6  # structure functions of order 1 .. 6


@dataclass(frozen=True)
class Frame:
    """What the compared fields have in common besides their values.

    Attributes
    ----------
    shape
        Sizes of the space axes, in pixels.
    boundary
        "periodic" or "open". Power spectra of open fields are those of the apodised fields, other
        statistics that need waves see their periodic component, and increments do not wrap around.
    channels
        Names of the channels.
    components
        For a vector field, the space axis along which each channel points; empty for scalars.
    """

    shape: tuple[int, ...]
    boundary: str = "periodic"
    channels: tuple[str, ...] = ("field",)
    components: tuple[int, ...] = ()

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def n_pixels(self) -> int:
        return math.prod(self.shape)

    @property
    def space(self) -> tuple[int, ...]:
        """The space axes of an array (sample, channel, *space), counted from the end."""
        return tuple(range(-self.ndim, 0))

    @property
    def periodic(self) -> bool:
        return self.boundary == "periodic"

    @property
    def is_vector(self) -> bool:
        return bool(self.components)

    @property
    def lags(self) -> tuple[int, ...]:
        """Lags in pixels, two an octave, up to a quarter of the shortest side."""
        longest = max(1, min(self.shape) // 4)
        halves = range(2 * longest.bit_length() + 1)
        return tuple(sorted({r for h in halves if (r := round(2 ** (h / 2))) <= longest}))

    @property
    def groups(self) -> dict[str, list[tuple[int, int]]]:
        """Increments averaged together: name -> pairs (channel, axis of the lag)."""
        axes = range(self.ndim)
        if self.is_vector:
            along = list(enumerate(self.components))
            across = [(c, a) for c, own in along for a in axes if a != own]
            return {"longitudinal": along, "transverse": across}
        return {name: [(c, a) for a in axes] for c, name in enumerate(self.channels)}


@dataclass(frozen=True)
class Batch:
    """Fields (sample, channel, *space), float32, in units of the real fields' mean and sd."""

    values: Tensor
    frame: Frame
    _kept: dict[str, Tensor] = field(default_factory=dict, repr=False)

    def once(self, name: str, compute: Callable[[], Tensor]) -> Tensor:
        """The result of `compute`, remembered under `name` for this batch."""
        if name not in self._kept:
            self._kept[name] = compute()
        return self._kept[name]

    @cached_property
    def spectrum(self) -> Tensor:
        """x^ of the (apodised) fields on the half grid of `rfftn`, norm="forward"."""
        return torch.fft.rfftn(self.apodised, dim=self.frame.space, norm="forward")

    @cached_property
    def power(self) -> Tensor:
        """|x^|^2 on the half grid; summed over the full grid it is the mean square of x."""
        return self.spectrum.real.square() + self.spectrum.imag.square()

    @cached_property
    def apodised(self) -> Tensor:
        """The fields; where they are open, centred and times a Hann window of mean square 1."""
        return self.values if self.frame.periodic else apodised(self.values)

    @cached_property
    def periodic(self) -> Tensor:
        """The fields; where they are open, their periodic component, as strong at the borders.

        A window would make a Gaussian field look intermittent: its strength varies with the window.
        """
        return self.values if self.frame.periodic else periodic_component(self.values)

    @cached_property
    def periodic_spectrum(self) -> Tensor:
        """x^ of the periodic fields on the half grid."""
        if self.frame.periodic:
            return self.spectrum
        return torch.fft.rfftn(self.periodic, dim=self.frame.space, norm="forward")

    def increments(self, channel: int, axis: int, lag: int) -> Tensor:
        """x(u + lag e_axis) - x(u) of one channel, (n, *space'); open fields do not wrap."""
        x, dim = self.values[:, channel], 1 + axis
        if self.frame.periodic:
            return torch.roll(x, -lag, dim) - x
        size = x.shape[dim]
        return x.narrow(dim, lag, size - lag) - x.narrow(dim, 0, size - lag)

    @cached_property
    def increment_moments(self) -> Tensor:
        """Means of |dx|^p, p = 1 .. 6, and of dx^3: (n, group, lag, 7), float64."""
        groups = [
            torch.stack([self._moments(pairs, lag) for lag in self.frame.lags], dim=1)
            for pairs in self.frame.groups.values()
        ]
        return torch.stack(groups, dim=1)

    def _moments(self, pairs: Sequence[tuple[int, int]], lag: int) -> Tensor:
        total = torch.zeros(len(self.values), N_ORDERS + 1, dtype=torch.float64)
        for channel, axis in pairs:
            signed = self.increments(channel, axis, lag).flatten(1)
            size = signed.abs()
            power = size
            for order in range(N_ORDERS):
                total[:, order] += power.mean(1, dtype=torch.float64)
                if order + 1 == 3:
                    cube = torch.copysign(power, signed)
                    total[:, N_ORDERS] += cube.mean(1, dtype=torch.float64)
                power = power * size
        return total / len(pairs)


@dataclass(frozen=True)
class Panel:
    """One pair of axes: columns of the drawn quantities against `x`.

    `logarithmic` says that the columns are natural logarithms, to be shown as what they are the
    logarithm of; `reference` is a value worth a line, such as the flatness 3 of a Gaussian;
    `names` replaces the numbers of `x` where the columns are categories.
    """

    x: Sequence[float]
    columns: Sequence[int]
    xlabel: str
    ylabel: str
    title: str = ""
    xscale: str = "log"
    yscale: str = "linear"
    logarithmic: bool = False
    reference: float | None = None
    names: Sequence[str] = ()


class Statistic(ABC):
    """One way to look at a field: features, their labels, and how they are drawn.

    Subclasses set `name` (the key in files), `title` (for people), `meaning` (one sentence for
    the report), `effect` (what `value` measures) and `families`, the moment families that
    constrain the statistic directly, so that agreement is no evidence. `value_from` is "features"
    or "drawn": what `value` is computed from.
    """

    name: str
    title: str
    meaning: str
    effect: str
    families: frozenset[str] = frozenset()
    value_from: str = "features"

    def applies(self, frame: Frame) -> bool:
        """Whether the statistic is defined for such fields."""
        return True

    def matched_by(self, families: frozenset[str]) -> bool:
        """Whether a model of these families was given the statistic as a constraint."""
        return bool(self.families & families)

    @abstractmethod
    def features(self, batch: Batch) -> Tensor:
        """(n, q) float64: one vector a field, comparable by differences."""

    @abstractmethod
    def labels(self, frame: Frame) -> list[str]:
        """A name for each of the q features."""

    def drawn(self, batch: Batch) -> Tensor:
        """(n, m): the quantities shown in the figure, the features unless overridden."""
        return self.features(batch)

    @abstractmethod
    def panels(self, frame: Frame) -> list[Panel]:
        """The axes of the figure, over the columns of `drawn`."""

    def value(self, real: Tensor, synthetic: Tensor, frame: Frame) -> float:
        """One number in natural units: the rms over features of the difference of the means.

        The arguments are the features, or what is drawn where `value_from` says so.
        """
        return (synthetic.mean(0) - real.mean(0)).square().mean().sqrt().item()

    def visible(self, real: Tensor, n_synthetic: int, frame: Frame) -> float:
        """The smallest `value` that this many fields show: every feature off by 2.8 sd of its mean.

        That shift, 2.8 sd sqrt(1/n_real + 1/n_synthetic), is seen at level 5% with power 0.8.
        """
        sd = real.std(0) if len(real) > 1 else torch.zeros_like(real[0])
        shift = smallest_bias(len(real), n_synthetic) * sd
        return self.value(real, real + shift, frame)

    def details(self, real: Tensor, synthetic: Tensor, frame: Frame) -> dict[str, float]:
        """Further numbers worth a place beside the value."""
        return {}


def smallest_bias(n_real: int, n_synthetic: int) -> float:
    """Shift of a feature seen with power 0.8 at level 5%, in units of its field-to-field sd."""
    return 2.8 * math.sqrt(1 / n_real + 1 / n_synthetic)
