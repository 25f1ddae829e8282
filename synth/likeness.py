"""Whether synthetic fields copy the real ones, and whether they are too alike among themselves.

Two measures. The largest correlation of whitened fields over all shifts, quarter turns and
reflections: whitening by the real spectrum makes every mode count the same, so that independent
fields score little and a copy scores 1, whereas unwhitened fields with a steep spectrum correlate
by their few largest waves alone. And the nearest patches: how near a small patch of one field comes
to any patch of another, which also sees fields that are quilted from pieces of a real one.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from synth.statistics.bands import crop
from synth.statistics.base import Batch, Frame
from synth.statistics.shells import shells

LARGEST = {1: 65536, 2: 256, 3: 64}  # longer sides are reduced to this by cropping the spectrum
PATCH = {1: 32, 2: 16, 3: 8}
QUERIES = 48
COPY = 0.5


def whiten(fields: Tensor, frame: Frame, reference: Tensor) -> tuple[Tensor, Frame]:
    """Fields with every mode divided by the root of the mean shell power of `reference`, norm 1.

    Only shells with at least 1e-8 of the power of the strongest count: below is rounding noise.
    """
    edges = shells(frame.shape)
    power = edges.mean(Batch(reference, frame).power.flatten(2)).mean((0, 1))
    gain = torch.where(power > 1e-8 * power.max(), power.clamp(min=1e-300).rsqrt(), 0.0)
    gain = torch.cat([gain, torch.zeros(1)])[edges.index].float()
    spectrum = Batch(fields, frame).spectrum
    spectrum = spectrum * gain.reshape(spectrum.shape[2:])
    own = tuple(min(n, LARGEST[frame.ndim]) for n in frame.shape)
    small = torch.fft.irfftn(crop(spectrum, frame.shape, own), s=own, dim=frame.space)
    norm = small.flatten(1).norm(dim=1).clamp(min=1e-30)
    return small / norm.reshape(-1, *[1] * (small.ndim - 1)), Frame(
        own, frame.boundary, frame.channels, frame.components
    )


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


def largest_correlation(
    a: Tensor, b: Tensor, frame: Frame, pairs: Sequence[tuple[int, int]], turns: bool = True
) -> np.ndarray:
    """max over shifts (and turns) of |sum_u a_i(u + shift) b_j(u)| for pairs (i, j) of fields."""
    space = frame.space
    targets = torch.fft.rfftn(b, dim=space).conj()
    best = torch.zeros(len(pairs))
    left, right = (torch.tensor(side) for side in zip(*pairs, strict=True))
    for version in turned(a, frame) if turns else [a]:
        spectrum = torch.fft.rfftn(version, dim=space)
        for i in range(len(a)):
            chosen = (left == i).nonzero().flatten()
            if len(chosen) == 0:
                continue
            cross = (spectrum[i] * targets[right[chosen]]).sum(1)
            correlation = torch.fft.irfftn(cross, s=frame.shape, dim=space).abs()
            best[chosen] = torch.maximum(best[chosen], correlation.flatten(1).amax(1))
    return best.numpy()


def nearest_patches(
    a: Tensor, b: Tensor, frame: Frame, pairs: Sequence[tuple[int, int]], seed: int
) -> np.ndarray:
    """Mean over the nearest quarter of the query patches of a_i of their distance to b_j.

    Patches are centred and have norm 1; the distance is sqrt(2 - 2 correlation). Queries stand at
    random places, the patches of b_j at every second pixel.
    """
    size = min(PATCH[frame.ndim], min(frame.shape) // 2)
    generator = np.random.default_rng(seed)
    places = [
        tuple(generator.integers(0, n - size + 1, QUERIES).tolist()) for n in frame.shape
    ]
    queries = [
        _unit(torch.stack([_patch(field, place, size) for place in zip(*places, strict=True)]))
        for field in a
    ]
    result = np.empty(len(pairs))
    order = sorted(range(len(pairs)), key=lambda n: pairs[n][1])
    for j, group in itertools.groupby(order, key=lambda n: pairs[n][1]):
        library = _unit(_all_patches(b[j], size))
        for n in group:
            nearest = (queries[pairs[n][0]] @ library.T).amax(1).clamp(max=1.0)
            distance = (2 - 2 * nearest).sqrt().sort().values
            result[n] = distance[: max(1, QUERIES // 4)].mean().item()
    return result


def _patch(field: Tensor, place: tuple[int, ...], size: int) -> Tensor:
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


def likeness(
    real: Tensor, synthetic: Tensor, control: Tensor, frame: Frame, seed: int
) -> tuple[dict, dict]:
    """The `memorisation` and `diversity` entries of a card.

    Parameters
    ----------
    real, synthetic, control
        (n, channel, *space) of the real, the synthetic and the Gaussian control fields. With fewer
        than three real fields the control stands in for other real fields.
    """
    fields = {"real": real, "synthetic": synthetic, "control": control}
    white = {name: whiten(x, frame, real)[0] for name, x in fields.items()}
    _, own = whiten(real[:1], frame, real)
    enough = len(real) >= 3
    null = (
        list(itertools.combinations(range(len(real)), 2))
        if enough
        else list(itertools.product(range(len(control)), range(len(real))))
    )
    other = "real" if enough else "control"
    pairs = list(itertools.product(range(len(synthetic)), range(len(real))))
    expected = largest_correlation(white[other], white["real"], own, null)
    found = largest_correlation(white["synthetic"], white["real"], own, pairs)
    patches = [
        float(np.mean(nearest_patches(fields[name], real, frame, which, seed)))
        for name, which in (("synthetic", pairs), (other, null))
    ]
    threshold = min(COPY, float(expected.max() + 3 * expected.std()))
    per_field = found.reshape(len(synthetic), -1)
    copies = np.flatnonzero(per_field.max(1) > threshold).tolist()
    memorisation = {
        "verdict": "copied" if copies else "none",
        "correlation": float(found.max()),
        "correlation_real": float(expected.max()),
        "threshold": threshold,
        "nearest": [int(i) for i in divmod(int(found.argmax()), len(real))],
        "copies": copies,
        "patch_distance": patches[0],
        "patch_distance_real": patches[1],
        "patch_ratio": patches[0] / max(patches[1], 1e-12),
    }
    return memorisation, _diversity(white, own, enough)


def _diversity(white: dict[str, Tensor], frame: Frame, enough: bool) -> dict:
    """Pairwise likeness within the synthetic fields beside that within the real ones."""
    other = white["real"] if enough else white["control"]
    within = {}
    for name, x in (("synthetic", white["synthetic"]), ("real", other)):
        pairs = list(itertools.combinations(range(len(x)), 2))
        within[name] = (
            largest_correlation(x, x, frame, pairs, turns=False) if pairs else np.array([math.nan])
        )
    return {
        "correlation": float(within["synthetic"].max()),
        "correlation_real": float(within["real"].max()),
    }
