"""How alike two fields are, wherever and however one lies in the other.

Two measures. The largest correlation of whitened fields over all shifts, quarter turns and
reflections: whitening by the real spectrum makes every mode count the same, so that independent
fields score little and a copy scores 1, whereas unwhitened fields with a steep spectrum correlate
by their few largest waves alone. And the nearest patches: how near small patches of one whitened
field come to any patch of another, which also sees fields quilted from pieces of real ones.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from synth.evaluation.statistics.bands import crop
from synth.evaluation.statistics.base import Batch, Frame
from synth.evaluation.statistics.shells import shells

LARGEST = {1: 65536, 2: 256, 3: 64}  # longer sides are reduced to this by cropping the spectrum
COARSEST = {1: 256, 2: 16, 3: 8}
PATCH = {1: 64, 2: 12, 3: 6}
QUERIES = 128
TAPER = 8
NEAREST = 4
FALSE_ALARMS = 1e-3


def whiten(fields: Tensor, frame: Frame, reference: Tensor, side: int) -> tuple[Tensor, Frame]:
    """Fields of norm 1 with equal power in every mode, on a grid of at most `side` an axis.

    Every mode is divided by the root of the mean shell power of `reference`. Shells with less than
    1e-8 of the power of the strongest are left out: they hold rounding noise.
    """
    edges = shells(frame.shape)
    wrapped = replace(frame, boundary="periodic")  # the taper below stands for the window
    reference = _tapered(reference, frame)
    power = edges.mean(Batch(reference, wrapped).power.flatten(2)).mean((0, 1))
    gain = torch.where(power > 1e-8 * power.max(), power.clamp(min=1e-300).rsqrt(), 0.0)
    gain = torch.cat([gain, torch.zeros(1)])[edges.index].float()
    spectrum = Batch(_tapered(fields, frame), wrapped).spectrum
    spectrum = spectrum * gain.reshape(spectrum.shape[2:])
    own = tuple(min(n, side) for n in frame.shape)
    small = torch.fft.irfftn(crop(spectrum, frame.shape, own), s=own, dim=frame.space)
    norm = small.flatten(1).norm(dim=1).clamp(min=1e-30)
    small = small / norm.reshape(-1, *[1] * (small.ndim - 1))
    return small, Frame(own, frame.boundary, frame.channels, frame.components)


def _tapered(fields: Tensor, frame: Frame) -> Tensor:
    """Open fields centred and brought to 0 over the outer eighth of each side.

    A narrow taper, since a copy may be shifted: what two windows share is all that is compared.
    """
    if frame.periodic:
        return fields
    fields = fields - fields.mean(frame.space, keepdim=True)
    for axis, size in zip(frame.space, frame.shape, strict=True):
        edge = torch.arange(1, size + 1).minimum(torch.arange(size, 0, -1)) / (size / TAPER)
        ramp = torch.sin(edge.clamp(max=1.0) * (math.pi / 2)).square()
        fields = fields * ramp.reshape([-1 if a == axis else 1 for a in range(-fields.ndim, 0)])
    return fields


def tamed(fields: Tensor) -> Tensor:
    """asinh(x / mean |x|) of every field, centred and of norm 1.

    A few spikes that hold most of the energy, as in sparse or heavy-tailed fields, would otherwise
    correlate any two fields by nearly 1, once shifted onto each other. Other fields hardly change.
    """
    view = (-1, *[1] * (fields.ndim - 1))
    size = fields.abs().flatten(1).mean(1).clamp(min=1e-30)
    out = torch.asinh(fields / size.reshape(view))
    out = out - out.flatten(2).mean(2).reshape(*out.shape[:2], *view[2:])
    return out / out.flatten(1).norm(dim=1).clamp(min=1e-30).reshape(view)


def sides(frame: Frame) -> list[int]:
    """Resolutions at which copies are sought, each half of the one before.

    A field may copy only the large scales of another, which are few among all modes.
    """
    side = min(LARGEST[frame.ndim], max(frame.shape))
    found = [side]
    while found[-1] // 2 >= COARSEST[frame.ndim]:
        found.append(found[-1] // 2)
    return found


def turned(fields: Tensor, frame: Frame) -> Iterator[Tensor]:
    """The fields under every quarter turn and reflection of the grid; vectors turn along."""
    for order in itertools.permutations(range(frame.ndim)):
        if any(frame.shape[a] != frame.shape[i] for i, a in enumerate(order)):
            continue
        permuted = fields.permute(0, 1, *(2 + a for a in order))
        for flips in itertools.product((False, True), repeat=frame.ndim):
            out = permuted.flip([2 + i for i, flip in enumerate(flips) if flip])
            if frame.is_vector:
                channel_of = {axis: c for c, axis in enumerate(frame.components)}
                sources = [channel_of[order[axis]] for axis in frame.components]
                signs = torch.tensor([-1.0 if flips[axis] else 1.0 for axis in frame.components])
                out = out[:, sources] * signs.reshape(-1, *[1] * frame.ndim)
            yield out


def largest_correlations(
    a: Tensor, b: Tensor, frame: Frame, pairs: Sequence[tuple[int, int]]
) -> np.ndarray:
    """(pair, turn): max over shifts of |sum_u a_i(u + shift) b_j(u)| for pairs (i, j) of fields.

    The fields are whitened ones, and are tamed here.
    """
    a, b = tamed(a), tamed(b)
    targets = torch.fft.rfftn(b, dim=frame.space).conj()
    left, right = (torch.tensor(side) for side in zip(*pairs, strict=True))
    columns = []
    for version in turned(a, frame):
        spectrum = torch.fft.rfftn(version, dim=frame.space)
        best = torch.zeros(len(pairs))
        for i in left.unique().tolist():
            chosen = (left == i).nonzero().flatten()
            cross = (spectrum[i] * targets[right[chosen]]).sum(1)
            correlation = torch.fft.irfftn(cross, s=frame.shape, dim=frame.space).abs()
            best[chosen] = correlation.flatten(1).amax(1)
        columns.append(best)
    return torch.stack(columns, 1).numpy()


def nearest_patches(fields: Tensor, library: Tensor, frame: Frame, seed: int) -> Tensor:
    """(n, library) mean distance of the few best query patches of each field to each other field.

    Queries stand at random places, the patches of the library at every second pixel. Patches are
    centred and have norm 1; the distance is sqrt(2 - 2 correlation).
    """
    size = min(PATCH[frame.ndim], min(frame.shape) // 2)
    generator = np.random.default_rng(seed)
    places = [generator.integers(0, n - size + 1, QUERIES).tolist() for n in frame.shape]
    queries = _unit(
        torch.stack([_patch(f, place, size) for f in fields for place in zip(*places, strict=True)])
    )
    columns = []
    for other in library:
        best = (queries @ _unit(_all_patches(other, size)).T).amax(1).clamp(max=1.0)
        distance = (2 - 2 * best).sqrt().reshape(len(fields), QUERIES)
        columns.append(distance.sort(1).values[:, :NEAREST].mean(1))
    return torch.stack(columns, 1)


def _patch(field: Tensor, place: Sequence[int], size: int) -> Tensor:
    for axis, start in enumerate(place):
        field = field.narrow(1 + axis, start, size)
    return field.flatten()


def _all_patches(field: Tensor, size: int) -> Tensor:
    """(patches, channel * size^ndim) at every second pixel of each axis."""
    patches = field
    for axis in range(field.ndim - 1):
        patches = patches.unfold(1 + axis, size, 2)
    space = field.ndim - 1
    moved = patches.permute(*range(1, 1 + space), 0, *range(1 + space, 1 + 2 * space))
    return moved.reshape(-1, field.shape[0] * size**space)


def _unit(patches: Tensor) -> Tensor:
    return F.normalize(patches - patches.mean(1, keepdim=True), dim=1)


def whitened(
    sets: Sequence[Tensor], frame: Frame, reference: Tensor, side: int
) -> tuple[list[Tensor], Frame]:
    """All sets whitened, and the frame of the result."""
    own = whiten(reference[:1], frame, reference, side)[1]
    return [whiten(x, frame, reference, side)[0] for x in sets], own


def fisher_z(correlation: np.ndarray) -> np.ndarray:
    """Fisher's z = artanh r, which is r where it is small and has no upper end."""
    return np.arctanh(np.minimum(correlation, 1 - 1e-7))


def threshold(independent: np.ndarray, trials: int) -> float:
    """Correlation that this many trials with independent fields exceed once in a thousand times.

    The maximum over shifts of a correlation follows Gumbel's law; its parameters come from the
    mean and the sd over pairs of real fields and turns. Few pairs of heavy-tailed fields tell them
    badly, so a copy must also exceed what independent fields reach by three quarters. Both are
    meant for Fisher's z.
    """
    z = fisher_z(independent)
    beta = z.std() * math.sqrt(6) / math.pi
    mode = z.mean() - 0.5772 * beta
    rare = mode + beta * math.log(trials / FALSE_ALARMS)
    return math.tanh(max(1.75 * z.max(), rare))
