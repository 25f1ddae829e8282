"""Scattering covariance with wavelets that no model here is fitted with by default.

Morlet wavelets, three orientations in 2-D, against the bump-steerable ones of the models: the
moments of order 3 and 4 that a model did not see.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

import moments
from synth.evaluation.statistics.base import Batch, Frame, Panel, Statistic

MOST_SCALES = 5
ANGLES = {1: 1, 2: 3, 3: 3}


@dataclass(frozen=True)
class Reduction:
    """How the scattering covariance of one channel is normalised and averaged over rotations."""

    family: moments.MomentFamily
    kept: Tensor  # rows of S1, S3 and S4
    power: tuple[Tensor, Tensor]  # for each kept row the rows of P of its two features
    group: Tensor  # for each kept row the number of its feature
    names: tuple[str, ...]  # of the features


@lru_cache(maxsize=4)
def reduction(shape: tuple[int, ...]) -> Reduction:
    """Rows that differ by a rotation of all their wavelets share a feature."""
    scales = min(MOST_SCALES, int(math.log2(min(shape))) - 1)
    angles = ANGLES[len(shape)]
    family = moments.build(
        "scattering-covariance", shape, scales=scales, angles=angles, wavelet="morlet"
    )
    table = family.labels.table
    power_row = {(row["j1"], row["l1"]): i for i, row in enumerate(table) if row["kind"] == "P"}
    kept = np.flatnonzero(np.isin(table["kind"], ("S1", "S3", "S4")))
    rows = table[kept]
    first = [power_row[j, l] for j, l in zip(rows["j1"], rows["l1"], strict=True)]
    second = [power_row.get((j, l), -1) for j, l in zip(rows["j2"], rows["l2"], strict=True)]
    keys = [_key(row, angles if len(shape) == 2 else 0) for row in rows]
    unique = sorted(set(keys))
    number = {key: i for i, key in enumerate(unique)}
    return Reduction(
        family,
        torch.from_numpy(kept),
        (torch.tensor(first), torch.tensor(second)),
        torch.tensor([number[key] for key in keys]),
        tuple(" ".join(map(str, key)) for key in unique),
    )


def _key(row: np.void, angles: int) -> tuple[str | int, ...]:
    """What a row has in common with its rotations; without `angles`, all orientations are one.

    The axes of 3-D have no cyclic order.
    """
    scales = tuple(int(row[column]) for column in ("j1", "j2", "j3"))
    turns = tuple(
        int(row[column] - row["l1"]) % angles if angles and row[column] >= 0 else -1
        for column in ("l2", "l3")
    )
    return (str(row["kind"]), *scales, *turns, str(row["part"]))


class HeldOutScattering(Statistic):
    """S1, S3 and S4 with Morlet wavelets, normalised by each field's own powers.

    Definitions in `moments.scattering_covariance`; averaged over a common rotation of the wavelets
    in 2-D, and over all triples of axes in 3-D.
    """

    name = "scattering"
    title = "Scattering covariance, other wavelets"
    meaning = "Sparsity of each scale, and how the strength of scales varies together."
    effect = "rms difference of the coefficients"

    def applies(self, frame: Frame) -> bool:
        return min(frame.shape) >= 32

    def features(self, batch: Batch) -> Tensor:
        r = reduction(batch.frame.shape)
        channels = []
        for c in range(len(batch.frame.channels)):
            with torch.no_grad():
                s = r.family(batch.periodic[:, c : c + 1]).double()
            # S1 has one power under the root: its second row of P is row -1, a column of ones.
            power = torch.cat([s, torch.ones(len(s), 1)], 1)
            norm = (power[:, r.power[0]] * power[:, r.power[1]]).clamp(min=1e-24).sqrt()
            reduced = torch.zeros(len(s), len(r.names), dtype=torch.float64)
            counts = torch.bincount(r.group, minlength=len(r.names))
            reduced.index_add_(1, r.group, s[:, r.kept] / norm)
            channels.append(reduced / counts)
        return torch.cat(channels, 1)

    def labels(self, frame: Frame) -> list[str]:
        return [
            f"{label}; {name}" for name in frame.channels for label in reduction(frame.shape).names
        ]

    def panels(self, frame: Frame) -> list[Panel]:
        names = reduction(frame.shape).names
        chosen = [i for i, name in enumerate(names) if name.startswith("S1")]
        return [
            Panel(
                range(len(chosen)),
                [c * len(names) + i for i in chosen],
                "scale j",
                "S1: mean of |Wx| / rms",
                name if len(frame.channels) > 1 else "",
                xscale="linear",
                reference=math.sqrt(math.pi) / 2,
            )
            for c, name in enumerate(frame.channels)
        ]
