"""Fit a moment model to a physical field, draw new fields from it, and judge them honestly."""

from __future__ import annotations

import importlib
from typing import Any

_HOMES = {
    "read": "synth.files.reading",
    "fit": "synth.estimation.fitting",
    "measure": "synth.estimation.measurement",
    "sample": "synth.synthesis.sampling",
    "merge": "synth.merging",
    "read_model": "synth.model",
    "write_model": "synth.model",
    "Model": "synth.model",
    "read_samples": "synth.files.samples_file",
    "read_synthetic": "synth.files.samples_file",
    "write_samples": "synth.files.samples_file",
    "write_xdmf": "synth.files.xdmf",
    "inspect": "synth.inspection",
    "compare": "synth.evaluation.comparison",
    "Field": "synth.field",
    "Ensemble": "synth.field",
    "SynthError": "synth.errors",
}


def __getattr__(name: str) -> Any:
    """Import on first use: `import synth` alone loads neither torch nor h5py."""
    if name not in _HOMES:
        raise AttributeError(f"module 'synth' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)
