"""Samples to write, with all that a samples file keeps."""

from __future__ import annotations

import numpy as np

from synth.field import Ensemble, Field

RNG = np.random.default_rng(11)


def ensemble(n: int = 3, channels: int = 1, shape: tuple[int, ...] = (8, 10)) -> Ensemble:
    field = Field.from_array(
        RNG.normal(size=(n, channels, *shape)),
        name="vorticity",
        channels=("u", "v", "w")[:channels] if channels > 1 else ("vorticity",),
        spacing=(0.5,) * len(shape),
        units="1/s",
        boundary="periodic",
        attributes={"source_code": "none", "viscosity": 1e-3},
    )
    outcomes = [
        {
            "status": "converged" if i else "max_steps",
            "steps": 10 + i,
            "loss": 0.5**i,
            "mismatch_rms": 0.1,
            "mismatch_max": 0.4,
            "mismatch_sigma": 0.05,
        }
        for i in range(n)
    ]
    provenance = {"command": "synth sample m.h5", "model_hash": "ab12", "device": None, "list": [1]}
    return Ensemble(field, outcomes, 7, provenance)
