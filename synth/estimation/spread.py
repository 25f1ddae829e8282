"""How much the moments of one realization scatter: the unit in which mismatch is measured."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from moments import MomentFamily
from synth.estimation import surrogates

SURROGATES = 16
#: Least spread, over that of the mean of as many independent pixels: a moment that every field of
#: the process shares exactly, such as a mean of zero, would otherwise outweigh all others.
LEAST_SPREAD = 0.1
BLOCKS_PER_AXIS = 4
#: Moments of one class between the same scales share a spread: pooling tames its own noise.
POOLED_BY = ("family", "kind", "j1", "j2", "j3", "q", "level", "part")


def surrogate_spread(op: MomentFamily, field: Tensor) -> np.ndarray:
    """Standard deviation of each moment over realizations of a process known from one field.

    The larger of two surrogates': Gaussian fields of the same spectrum, which fluctuate at every
    scale but know nothing of intermittency, and fields put together from randomly drawn blocks of
    the one, which do but hold no scale larger than a block.

    Parameters
    ----------
    op : MomentFamily
        With its constants frozen.
    field : Tensor, (1, channel, *space)
        Standardised.

    Returns
    -------
    ndarray, (M,) float64
    """
    gaussian = surrogates.gaussian(field.cpu(), SURROGATES, True, seed=0)
    blocks = shuffled_blocks(field[0].cpu(), SURROGATES, seed=0)
    deviations = []
    for drawn in (gaussian, blocks):
        values = torch.cat([op(one[None].to(field)) for one in drawn]).double()
        variance = values.var(0, unbiased=True).cpu().numpy()
        deviations.append(pooled_deviation(op, variance))
    return np.maximum(*deviations)


def pooled_deviation(op: MomentFamily, variance: np.ndarray) -> np.ndarray:
    """Root of the variances (M,) averaged over the moments that share :data:`POOLED_BY`."""
    group = op.labels.groups(*POOLED_BY)
    mean = np.bincount(group, variance) / np.bincount(group)
    return np.sqrt(mean[group]).clip(min=LEAST_SPREAD / math.sqrt(math.prod(op.shape)))


def shuffled_blocks(field: Tensor, n: int, seed: int) -> Tensor:
    """Fields (n, channel, *space) put together from blocks of one, drawn at random with
    wrap-around.

    Blocks overlap by half and are blended by windows whose squares sum to 1, which keeps the
    variance of independent blocks.
    """
    space = field.shape[1:]
    draw = np.random.default_rng(seed)
    spans, windows = [], []  # of the blocks of each axis: where they lie, and their weights there
    for axis, size in enumerate(space):
        count = min(2 * BLOCKS_PER_AXIS, size)
        u = torch.arange(size)
        width = 2 * size / count
        along = [-1 if a == axis else 1 for a in range(len(space))]
        rows = []
        for centre in np.linspace(0, size, count, endpoint=False).round():
            distance = torch.remainder(u.double() - centre + size / 2, size) - size / 2
            inside = distance.abs() < width / 2
            rows.append(torch.where(inside, torch.cos(np.pi * distance / width), 0.0))
        weights = torch.stack(rows)
        weights /= weights.square().sum(0).sqrt()
        spans.append([u[row > 0].reshape(along) for row in weights])
        windows.append([row[row > 0].to(field.dtype).reshape(along) for row in weights])
    mean = field.mean(tuple(range(1, field.ndim)), keepdim=True)
    centred = field - mean
    out = []
    for _ in range(n):
        total = torch.zeros_like(field)
        for cell in itertools.product(*[range(len(rows)) for rows in spans]):
            place: list[Any] = [slice(None)]
            source: list[Any] = [slice(None)]
            weight = torch.ones((), dtype=field.dtype)
            for axis, (index, size) in enumerate(zip(cell, space, strict=True)):
                place.append(spans[axis][index])
                source.append((spans[axis][index] - int(draw.integers(size))) % size)
                weight = weight * windows[axis][index]
            total[tuple(place)] += centred[tuple(source)] * weight
        out.append(total + mean)
    return torch.stack(out)
