"""Bias of the moments of open and of gappy fields, in units of the sampling spread of one field.

    python benchmarks/open_fields.py

On the turbulence of samples/, which is periodic: crops of 128x128 against the moments of the whole
fields, and fields with a tenth of their area missing in discs against the same fields without gaps.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

import moments
import synth
from synth import gaps, surrogates

SAMPLES = Path(__file__).parents[1] / "samples" / "vorticity_2d.h5"
FAMILIES = ("covariance", "wph", "scattering-covariance")
POOLED = ("kind", "j1", "j2", "j3", "part")


def bias(op: moments.MomentFamily, values: Tensor, truth: Tensor) -> dict[str, float]:
    """Largest bias of a scale, for each class: rms over its moments, in their sampling spread."""
    labels = op.labels
    group = labels.groups(*POOLED)
    variance = values.double().var(0).numpy()
    spread = np.sqrt((np.bincount(group, variance) / np.bincount(group))[group])
    z = (values.double().mean(0) - truth.double()).numpy() / spread.clip(min=1e-6)
    scales = np.maximum.reduce([labels["j1"], labels["j2"], labels["j3"]])
    worst = {}
    for kind in dict.fromkeys(labels["kind"].tolist()):
        rows = labels["kind"] == kind
        by_scale = [z[rows & (scales == j)] for j in np.unique(scales[rows])]
        worst[kind] = max(float(np.sqrt((part**2).mean())) for part in by_scale)
    return worst


def measure(op: moments.MomentFamily, fields: Tensor) -> Tensor:
    """Moments field by field, (n, M)."""
    return torch.cat([op(field[None]) for field in fields])


def crops(family: str, x: Tensor) -> tuple[dict[str, float], dict[str, float]]:
    """Bias of periodically wrapped crops, and of their periodic components."""
    half = x.shape[-1] // 2
    parts = [x[..., a : a + half, b : b + half] for a in (0, half) for b in (0, half)]
    scales = moments.default_scales((half, half))
    whole = moments.build(family, x.shape[2:], scales=scales)
    op: moments.MomentFamily = moments.build(family, (half, half), scales=scales)
    whole.freeze(whole.constants(x))
    op.load_state_dict(whole.state_dict())
    place = {row.tobytes(): number for number, row in enumerate(whole.labels.table)}
    rows = [place[row.tobytes()] for row in op.labels.table]
    truth = measure(whole, x).mean(0)[rows]
    cut = torch.cat(parts)
    return tuple(  # type: ignore[return-value]
        bias(op, measure(op, fields), truth) for fields in (cut, surrogates.periodic_component(cut))
    )


def holes(family: str, x: Tensor) -> tuple[dict[str, float], dict[str, float]]:
    """Bias where gaps hold the mean, and as `synth.fit` treats them."""
    size, draw = x.shape[-1], np.random.default_rng(0)
    valid = np.ones(x.shape, dtype=bool)
    u = np.arange(size)
    for mask in valid[:, 0]:
        while mask.mean() > 0.9:
            dy, dx = (np.abs(u - c) for c in draw.integers(0, size, 2))
            dy, dx = np.minimum(dy, size - dy), np.minimum(dx, size - dx)
            mask[dy[:, None] ** 2 + dx**2 <= 6**2] = False
    seen = torch.from_numpy(valid)
    op = moments.build(family, x.shape[2:])
    op.freeze(op.constants(x))
    truth = measure(op, x).mean(0)
    filled = gaps.fill(x, seen, seed=0)
    unbias = gaps.Correction(op, filled[:1], float(1 - valid.mean()))
    plain = measure(op, torch.where(seen, x, 0.0))
    return bias(op, plain, truth), bias(op, unbias(measure(op, filled)), truth)


def main() -> None:
    """Print a table in markdown."""
    x = torch.from_numpy(synth.read(SAMPLES).load())
    x = (x - x.mean()) / x.std()
    print(
        "| family | class | crop, wrapped | crop, periodic component | gaps, mean | gaps, filled |"
    )
    print("|---|---|---|---|---|---|")
    with torch.no_grad():
        for family in FAMILIES:
            columns = (*crops(family, x), *holes(family, x))
            for kind in columns[0]:
                cells = " | ".join(f"{column[kind]:.2f}" for column in columns)
                print(f"| {family} | {kind} | {cells} |", flush=True)


if __name__ == "__main__":
    main()
