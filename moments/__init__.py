"""Moments of stationary fields: filters, wavelet transforms, and families built on them.

``moments.build(name, shape, ...)`` gives a family: a map from fields (batch, channel, *space) to
labelled moments (batch, M).
"""

from __future__ import annotations

from moments.bank import FilterBank, default_scales
from moments.build import build, families, options_of, presets, savings_of
from moments.combine import Subset
from moments.family import MomentFamily
from moments.labels import Labels
from moments.wavelets import WaveletTransform

__all__ = [
    "FilterBank",
    "Labels",
    "MomentFamily",
    "Subset",
    "WaveletTransform",
    "build",
    "default_scales",
    "families",
    "options_of",
    "presets",
    "savings_of",
]
