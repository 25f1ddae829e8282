"""Moments of stationary fields: filters, wavelet transforms and the families of moments built on
them.

``moments.build(name, shape, ...)`` gives a family: a map from fields (batch, channel, *space) to
labelled moments (batch, M).
"""

from __future__ import annotations

from moments.bank import FilterBank
from moments.build import build, families
from moments.family import MomentFamily
from moments.labels import Labels
from moments.wavelets import WaveletTransform

__all__ = ["FilterBank", "Labels", "MomentFamily", "WaveletTransform", "build", "families"]
