"""Whether synthetic fields copy the real ones, and whether they are too alike among themselves."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from synth.evaluation.excerpts import excerpts
from synth.evaluation.likeness import (
    fisher_z,
    largest_correlations,
    nearest_patches,
    sides,
    threshold,
    whitened,
)
from synth.evaluation.pairing import Pairing
from synth.evaluation.statistics import Frame

#: Synthetic patches this much nearer to real ones than those of other real fields are too near.
#: Random splits of turbulence, Gaussian and lognormal fields stay above 0.88 in 99.9% of cases.
NEAR = 0.85
#: A copy correlates with its original by 1, an excerpt, whose rim is tapered, by 0.85 or more:
#: where every threshold lies above these, copies might be missed.
FULL, PARTIAL = 0.9, 0.75
#: A field that is more like a real one than chance allows is a copy of it where Fisher's z of their
#: correlation exceeds that of the threshold by this factor. Beyond it lie noisy copies that overlap
#: in part; short of it samples whose largest scales follow the moments of one real field closely.
COPY = 1.25


def likeness(pairing: Pairing, synthetic: Tensor, seed: int) -> tuple[dict[str, Any], dict]:
    """The `memorisation` and `diversity` entries of a card.

    Parameters
    ----------
    pairing
        With at least two real fields or blocks.
    synthetic
        (n, channel, *space), one of the synthetic sets of `pairing`.
    seed
        Of the places of the query patches.
    """
    frame, real = pairing.frame, pairing.real
    find = like_fields if pairing.whole is None else like_parts_of_one
    levels, alike = find(pairing, synthetic)
    chosen = copied(alike)
    most = max(levels, key=lambda level: level["correlation"] / level["threshold"])
    patches = _patches(real, synthetic, frame, seed)
    limit = FULL if pairing.whole is None else PARTIAL
    verdict = "none"
    if chosen:
        verdict = "copied"
    elif alike or _too_near(patches):
        verdict = "near"
    elif min(level["threshold"] for level in levels) > limit:
        verdict = "underpowered"
    found = {"verdict": verdict, "copies": chosen, "alike": sorted(alike), **most}
    found["copy_above"] = math.tanh(COPY * math.atanh(most["threshold"]))
    found |= {"levels": levels, **patches}
    sentence = _sentence(found, len(synthetic), pairing.whole is not None)
    return {**found, "sentence": sentence}, _diversity(real, synthetic, frame)


def like_fields(
    pairing: Pairing, synthetic: Tensor
) -> tuple[list[dict[str, Any]], dict[int, float]]:
    """Largest correlations with the real fields at each resolution.

    And of each synthetic field that is more like a real one than chance allows, by its number, how
    many times Fisher's z of its correlation exceeds that of the threshold.
    """
    frame, real = pairing.frame, pairing.real
    pairs = list(itertools.product(range(len(synthetic)), range(len(real))))
    independent = list(itertools.combinations(range(len(real)), 2))
    levels: list[dict[str, Any]] = []
    alike: dict[int, float] = {}
    for side in sides(frame):
        (white, targets), own = whitened((synthetic, real), frame, real, side)
        expected = largest_correlations(targets, targets, own, independent)
        found = largest_correlations(white, targets, own, pairs)
        limit = threshold(expected, found.size)
        found = found.max(1)
        _keep_largest(alike, found.reshape(len(synthetic), -1).max(1), limit)
        levels.append(
            {
                "side": side,
                "correlation": float(found.max()),
                "correlation_real": float(expected.max()),
                "threshold": limit,
                "nearest": list(pairs[int(found.argmax())]),
            }
        )
    return levels, alike


def like_parts_of_one(
    pairing: Pairing, synthetic: Tensor
) -> tuple[list[dict[str, Any]], dict[int, float]]:
    """The same for blocks, which are sought anywhere in the one real field."""
    assert pairing.whole is not None and pairing.around is not None
    levels: list[dict[str, Any]] = []
    alike: dict[int, float] = {}
    for level in excerpts(pairing.real, synthetic, pairing.frame, pairing.whole, pairing.around):
        found = level["correlation"]
        _keep_largest(alike, found, level["threshold"])
        levels.append(
            {
                "side": max(pairing.around.shape) // level["step"],
                "correlation": float(found.max()),
                "correlation_real": float(level["expected"]),
                "threshold": level["threshold"],
                "nearest": [int(found.argmax()), 0],
            }
        )
    return levels, alike


def copied(alike: dict[int, float]) -> list[int]:
    """Those of the fields that are more like a real one than chance allows that copy it."""
    return sorted(number for number, excess in alike.items() if excess >= COPY)


def _keep_largest(alike: dict[int, float], found: np.ndarray, limit: float) -> None:
    """Note by how much the correlations exceed the limit, for each field at its worst."""
    excess = fisher_z(found) / math.atanh(limit)
    for number in np.flatnonzero(excess > 1).tolist():
        alike[number] = max(alike.get(number, 0.0), float(excess[number]))


def _sentence(found: dict[str, Any], n: int, excerpt: bool) -> str:
    """What there is to warn of; empty where there is nothing."""
    count, kind = len(found["copies"]), "blocks" if excerpt else "fields"
    which = "a part of the real field" if excerpt else "a real one"
    among = "its other parts" if excerpt else "independent real ones"
    reach = (
        f"the correlation reaches {found['correlation']:.2f}, with {among} "
        f"{found['correlation_real']:.2f}."
    )
    if found["verdict"] == "copied":
        verb = "copies" if count == 1 else "copy"
        return f"{count} of the {n} synthetic {kind} {verb} {which}: {reach}"
    if found["alike"]:
        verb = "is" if len(found["alike"]) == 1 else "are"
        return (
            f"{len(found['alike'])} of the {n} synthetic {kind} {verb} more like {which}, at "
            f"{found['side']} points a side, than by chance: {reach}"
        )
    if found["verdict"] == "near":
        return (
            f"Patches of the synthetic {kind} lie nearer to real ones than patches of other real "
            f"{kind} do, {found['patch_ratio']:.2f} times as far: parts may have been copied."
        )
    if found["verdict"] == "underpowered":
        return (
            f"Whether {kind} were copied cannot be told: the real ones correlate by up to "
            f"{found['correlation_real']:.2f} among themselves."
        )
    return ""


def _patches(real: Tensor, synthetic: Tensor, frame: Frame, seed: int) -> dict[str, float | None]:
    """Distance of synthetic patches to the nearest real ones, and between real fields.

    The more real fields, the nearer the nearest: each real field has one less to be near to than a
    synthetic one, whose distance is therefore averaged over leaving out one real field.
    """
    if len(real) == 1:
        return dict.fromkeys(
            ("patch_distance", "patch_distance_real", "patch_ratio", "patch_ratio_error")
        )
    (white, targets), own = whitened((synthetic, real), frame, real, sides(frame)[0])
    first, second = nearest_patches(white, targets, own, seed).sort(1).values[:, :2].unbind(1)
    found = ((len(real) - 1) * first + second) / len(real)
    between = nearest_patches(targets, targets, own, seed).fill_diagonal_(math.inf)
    expected = between.amin(1)
    deviations = torch.cat([x - x.mean() for x in (found, expected)])
    error = (deviations.square().mean() * (1 / len(found) + 1 / len(expected))).sqrt().item()
    unit = max(expected.mean().item(), 1e-12)
    return {
        "patch_distance": found.mean().item(),
        "patch_distance_real": expected.mean().item(),
        "patch_ratio": found.mean().item() / unit,
        "patch_ratio_error": error / unit,
    }


def _too_near(patches: dict[str, float | None]) -> bool:
    """Whether patches are nearer than chance brings them: below NEAR, and three errors below 1.

    Patches of sparse fields that hold one spike each are alike, and their distance varies much.
    """
    ratio, error = patches["patch_ratio"], patches["patch_ratio_error"]
    return ratio is not None and error is not None and ratio < min(NEAR, 1 - 3 * error)


def _diversity(real: Tensor, synthetic: Tensor, frame: Frame) -> dict[str, float | None]:
    """Largest correlation within the synthetic set beside that within the real one."""
    sets, own = whitened((synthetic, real), frame, real, sides(frame)[0])
    within: list[float | None] = []
    for x in sets:
        pairs = list(itertools.combinations(range(len(x)), 2))
        within.append(float(largest_correlations(x, x, own, pairs).max()) if pairs else None)
    return {"correlation": within[0], "correlation_real": within[1]}
