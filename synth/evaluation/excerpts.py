"""Copies of a single real field: blocks of synthetic fields sought anywhere in it.

One real field gives no pairs of independent fields to compare with. Its own blocks take their
place: how well a block matches the rest of the field, at any shift and after any turn, tells what
chance does. A synthetic block that matches some window of the field much better is an excerpt.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from synth.evaluation.likeness import COARSEST, LARGEST, tamed, threshold, turned, whiten
from synth.evaluation.statistics import Frame

#: A window with less energy than this share of the mean is compared as if it had as much.
LEAST_ENERGY = 0.25


def excerpts(
    real: Tensor, synthetic: Tensor, frame: Frame, whole: Tensor, around: Frame
) -> list[dict[str, Any]]:
    """For each resolution, the largest correlations of blocks with windows of the whole field.

    Parameters
    ----------
    real, synthetic
        Blocks (n, channel, *space) of `frame`; the real ones are cut from `whole`.
    whole
        The real field (1, channel, *space) of the frame `around`.

    Returns
    -------
    list of dict
        `step` (pixels), `correlation` of every synthetic block (n,), the largest `expected`
        between real blocks and the rest of the field, and the `threshold` of a copy.
    """
    levels = []
    for step in steps(frame, around):
        field = tamed(thinned(whiten(whole, around, whole, max(around.shape))[0], around, step))[0]
        blocks = [
            tamed(thinned(whiten(x, frame, real, max(frame.shape))[0], frame, step))
            for x in (real, synthetic)
        ]
        small = Frame(tuple(blocks[0].shape[2:]), "open", frame.channels, frame.components)
        expected = best_matches(blocks[0], field, small, around.periodic, elsewhere=True)
        found = best_matches(blocks[1], field, small, around.periodic)
        levels.append(
            {
                "step": step,
                "correlation": found.max(1),
                "expected": expected.max(),
                "threshold": threshold(expected, found.size),
            }
        )
    return levels


def steps(frame: Frame, around: Frame) -> list[int]:
    """Pixels kept: every one, or every second and so on; as long as a block has enough of them."""
    step = 1
    while max(around.shape) / step > LARGEST[frame.ndim]:
        step *= 2
    found = [step]
    while min(frame.shape) / (2 * found[-1]) >= COARSEST[frame.ndim]:
        found.append(2 * found[-1])
    return found


def thinned(fields: Tensor, frame: Frame, step: int) -> Tensor:
    """Every `step`-th pixel of fields without their waves that are shorter than two such steps."""
    if step == 1:
        return fields
    spectrum = torch.fft.rfftn(fields, dim=frame.space)
    for axis, size in zip(frame.space, frame.shape, strict=True):
        last = axis == -1
        k = torch.fft.rfftfreq(size) if last else torch.fft.fftfreq(size)
        kept = (k.abs() < 0.5 / step).reshape([-1 if a == axis else 1 for a in frame.space])
        spectrum = spectrum * kept
    low = torch.fft.irfftn(spectrum, s=frame.shape, dim=frame.space)
    return low[(..., *[slice(None, None, step)] * frame.ndim)]


def best_matches(
    blocks: Tensor, field: Tensor, frame: Frame, periodic: bool, elsewhere: bool = False
) -> np.ndarray:
    """(block, turn): largest |correlation| of each turned block with a window of the field.

    Windows of an open field do not leave it. `elsewhere` leaves out, for the blocks as they stand,
    the windows that overlap their best match: their own place.
    """
    shape, space = tuple(field.shape[1:]), frame.space
    spectrum = torch.fft.rfftn(field, dim=space)
    box = torch.fft.rfftn(torch.ones(frame.shape), s=shape, dim=space).conj()
    square = torch.fft.rfftn(field.square().sum(0), dim=space)
    energy = torch.fft.irfftn(square * box, s=shape, dim=space)
    energy = energy.clamp(min=LEAST_ENERGY * float(energy.mean()))
    allowed = torch.ones(shape, dtype=torch.bool)
    if not periodic:
        for axis, (whole, part) in enumerate(zip(shape, frame.shape, strict=True)):
            allowed.narrow(axis, whole - part + 1, part - 1).fill_(False)
    columns = []
    for number, version in enumerate(turned(blocks, frame)):
        column = []
        for block in version:
            other = torch.fft.rfftn(block, s=shape, dim=space).conj()
            cross = torch.fft.irfftn((spectrum * other).sum(0), s=shape, dim=space).abs()
            match = cross / (energy.sqrt() * block.norm().clamp(min=1e-30)) * allowed
            if elsewhere and number == 0:
                match = match * _apart(match, frame.shape, periodic)
            column.append(float(match.max()))
        columns.append(column)
    return np.array(columns).T


def _apart(match: Tensor, size: tuple[int, ...], periodic: bool) -> Tensor:
    """Windows that do not overlap the one that matches best."""
    place = np.unravel_index(int(match.argmax()), match.shape)
    apart = torch.zeros(match.shape, dtype=torch.bool)
    for axis, (whole, part, start) in enumerate(zip(match.shape, size, place, strict=True)):
        offset = (torch.arange(whole) - int(start)).abs()
        offset = torch.minimum(offset, whole - offset) if periodic else offset
        view = [-1 if a == axis else 1 for a in range(match.ndim)]
        apart |= (offset >= part).reshape(view)
    return apart
