r"""The coordinates in which the descent runs.

The mismatch of a band's moments, in units of their sampling spread, changes with a Fourier
coefficient of that band at a rate ~ 1 / sqrt(P_lambda), P_lambda the power of the whole band.
Taking y^ = x^ / sqrt(S(w) |w|^D), S the power spectrum and D the dimension, makes this rate the
same at every scale: S |w|^D is the power of an octave around w.  In the steps of a vector field the
compressive part has the share that it has in the spectrum, none if the field is free of divergence.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from moments import grids
from synth.estimation.helmholtz import Helmholtz
from synth.estimation.spectra import radial_frequency

#: Bands weaker than this share of the strongest are not stretched any further.
FLOOR = 1e-8


def field_by_field(transform: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """``transform`` of each field (n, ...), on a CPU one after the other.

    A transform of several fields rounds differently there, and a sample must not depend on its
    neighbours.
    """
    if x.device.type == "cpu" and len(x) > 1:
        return torch.cat([transform(one) for one in x.split(1)])
    return transform(x)


class Preconditioner:
    """The change of variables x = T y, T = H A: A diagonal in Fourier, H the shares of a vector.

    Parameters
    ----------
    power : Tensor, (channel, *space) float64
        Power spectrum S of each channel, which A evens out.
    helmholtz : Helmholtz, optional
        H, of vector fields; without it T = A.
    """

    def __init__(self, power: Tensor, helmholtz: Helmholtz | None = None) -> None:
        dims = power.ndim - 1
        self.space = tuple(range(-dims, 0))
        radius = radial_frequency(power.shape[1:])
        octave = (power * radius**dims).flatten(1)
        # The mean of the field has no octave: it moves like the slowest mode.
        octave[:, 0] = octave[:, 1]
        largest = octave.amax(1, keepdim=True)
        amplitude = (octave / largest).clamp(min=FLOOR).sqrt()
        amplitude = amplitude.reshape(power.shape)
        half = power.shape[-1] // 2 + 1
        self.amplitude = amplitude[..., :half].float().contiguous()
        self.shape = tuple(power.shape[1:])
        self.helmholtz = helmholtz

    def on_grid(self, grid: Sequence[int]) -> Preconditioner:
        """The same for fields kept on a coarser grid, whose Nyquist wavenumbers do not move."""
        out = copy.copy(self)
        out.shape = tuple(grid)
        out.amplitude = grids.regrid(self.amplitude, self.shape, out.shape, half=True)
        out.helmholtz = self.helmholtz and self.helmholtz.on_grid(grid)
        return out

    def to_field(self, y: Tensor) -> Tensor:
        """x = T y, (n, channel, *space)."""
        return self._mapped(y, lambda half: self._shared(half * self._amplitude(half)))

    def pulled_back(self, gradient: Tensor) -> Tensor:
        """Gradient in y of one in x, by the adjoint A H of T."""
        return self._mapped(gradient, lambda half: self._shared(half) * self._amplitude(half))

    def to_coordinates(self, x: Tensor) -> Tensor:
        """y = T^-1 x; of what T takes away, nothing."""

        def undone(half: Tensor) -> Tensor:
            if self.helmholtz is not None:
                half = self.helmholtz.inverse(half)
            amplitude = self._amplitude(half)
            return half * torch.where(amplitude > 0, 1 / amplitude, 0.0)

        return self._mapped(x, undone)

    def _amplitude(self, half: Tensor) -> Tensor:
        return self.amplitude.to(half.device)

    def _shared(self, half: Tensor) -> Tensor:
        return half if self.helmholtz is None else self.helmholtz.forward(half)

    def _mapped(self, x: Tensor, change: Callable[[Tensor], Tensor]) -> Tensor:
        def mapped(fields: Tensor) -> Tensor:
            half = change(torch.fft.rfftn(fields, dim=self.space))
            return torch.fft.irfftn(half, s=fields.shape[-len(self.space) :], dim=self.space)

        return field_by_field(mapped, x)
