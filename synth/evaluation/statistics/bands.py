"""The fields split into octaves of wavenumber, each on a grid of its own size.

Octave m has the weight cos(pi/2 log2(k / 2^m)) between k = 2^(m-1) and 2^(m+1), the steerable
pyramid's radial window, whose squares add up to 1. A band is made by cropping its spectrum, so that
coarse octaves cost little.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from synth.evaluation.statistics.base import Batch, Frame
from synth.evaluation.statistics.shells import wavenumber

LEAST_SIDE = {1: 4096, 2: 64, 3: 32}  # a smaller grid would see coarse bands at too few points


@dataclass(frozen=True)
class Band:
    """One octave: its centre in waves per shortest side, and (n, channel, *own grid)."""

    centre: float
    values: Tensor


def band_centres(frame: Frame) -> list[float]:
    """Centres 2^m of the octaves, from two waves per side to half the Nyquist wavenumber."""
    top = int(math.log2(min(frame.shape) / 2))
    return [2.0**m for m in range(1, top)]


def octave_bands(batch: Batch) -> Iterator[Band]:
    """The octaves of a batch, coarse first."""
    frame = batch.frame
    spectrum = batch.periodic_spectrum
    for centre in band_centres(frame):
        sides = (2 * math.ceil(2 * centre * n / min(frame.shape)) for n in frame.shape)
        least = LEAST_SIDE[frame.ndim]
        own = tuple(min(n, max(side, least)) for n, side in zip(frame.shape, sides, strict=True))
        k = crop(wavenumber(frame.shape), frame.shape, own)
        octave = torch.log2(k.clamp(min=1e-9) / centre)
        weight = torch.where(octave.abs() < 1, torch.cos(octave * (math.pi / 2)), 0.0)
        cropped = crop(spectrum, frame.shape, own) * weight.float()
        values = torch.fft.irfftn(cropped, s=own, dim=frame.space, norm="forward")
        yield Band(centre, values)


def crop(spectrum: Tensor, shape: tuple[int, ...], own: tuple[int, ...]) -> Tensor:
    """The modes of a half grid of size `shape` that a grid of size `own` <= `shape` holds."""
    for axis, (size, kept) in enumerate(zip(shape[:-1], own[:-1], strict=True)):
        dim = spectrum.ndim - len(shape) + axis
        if kept < size:
            positive, negative = (kept + 1) // 2, kept // 2
            low = spectrum.narrow(dim, 0, positive)
            spectrum = torch.cat([low, spectrum.narrow(dim, size - negative, negative)], dim)
    return spectrum.narrow(-1, 0, own[-1] // 2 + 1)
