"""The statistics that `synth.compare` measures: one small object each, listed in `ALL`.

To add one, write a subclass of `Statistic` and put an instance in the list.
"""

from __future__ import annotations

from synth.statistics.base import Batch, Frame, Panel, Statistic
from synth.statistics.bispectrum import Bispectrum
from synth.statistics.coherence import PhaseCoherence
from synth.statistics.increments import (
    Flatness,
    IncrementHistogram,
    LocalSlopes,
    StructureFunctions,
    ThirdOrder,
)
from synth.statistics.longrange import LongRange
from synth.statistics.minkowski import Minkowski
from synth.statistics.onepoint import Histogram, OctaveHistogram, SkewnessKurtosis
from synth.statistics.scattering import HeldOutScattering
from synth.statistics.spectrum import Anisotropy, ChannelCoherence, RadialSpectrum, SpectralSlope
from synth.statistics.velocity import Divergence, Enstrophy

ALL: tuple[Statistic, ...] = (
    RadialSpectrum(),
    SpectralSlope(),
    Anisotropy(),
    ChannelCoherence(),
    Histogram(),
    SkewnessKurtosis(),
    OctaveHistogram(),
    IncrementHistogram(),
    StructureFunctions(),
    LocalSlopes(),
    Flatness(),
    ThirdOrder(),
    Bispectrum(),
    Minkowski(),
    PhaseCoherence(),
    HeldOutScattering(),
    LongRange(),
    Divergence(),
    Enstrophy(),
)


def applicable(frame: Frame) -> list[Statistic]:
    """The statistics that are defined for fields of this frame."""
    return [statistic for statistic in ALL if statistic.applies(frame)]


__all__ = ["ALL", "Batch", "Frame", "Panel", "Statistic", "applicable"]
