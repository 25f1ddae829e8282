"""The statistics that `synth.compare` measures: one small object each, listed in `ALL`.

To add one, write a subclass of `Statistic` and put an instance in the list.
"""

from __future__ import annotations

from synth.evaluation.statistics.base import Batch, Frame, Panel, Statistic
from synth.evaluation.statistics.bispectrum import Bispectrum
from synth.evaluation.statistics.coherence import PhaseCoherence
from synth.evaluation.statistics.increments import (
    Flatness,
    IncrementHistogram,
    LocalSlopes,
    StructureFunctions,
    ThirdOrder,
)
from synth.evaluation.statistics.longrange import LongRange
from synth.evaluation.statistics.minkowski import Minkowski
from synth.evaluation.statistics.onepoint import (
    Histogram,
    MeanSd,
    OctaveHistogram,
    SkewnessKurtosis,
)
from synth.evaluation.statistics.scattering import HeldOutScattering
from synth.evaluation.statistics.spectrum import (
    Anisotropy,
    ChannelCoherence,
    RadialSpectrum,
    SpectralSlope,
)
from synth.evaluation.statistics.velocity import Divergence, Enstrophy

ALL: tuple[Statistic, ...] = (
    RadialSpectrum(),
    SpectralSlope(),
    Anisotropy(),
    ChannelCoherence(),
    MeanSd(),
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
