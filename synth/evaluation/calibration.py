"""How far two sets of fields differ, in units of how far real fields differ from each other.

Every statistic gives each field a feature vector f. With the features divided by their sd pooled
over both sets, the distances between fields give

- distance D = 2 E|f(s)-f(r)| - E|f(r)-f(r')| - E|f(s)-f(s')|, the unbiased energy distance
  (Szekely & Rizzo 2004), and its p-value by permutation of the labels real and synthetic;
- ratio = 2 E|f(s)-f(r)| / (E|f(r)-f(r')| + E|f(s)-f(s')|), 1 for the same process;
- spread = median over features of Var_S / Var_R, below 1 where the synthetic fields are too alike;
- skill = 1 - D(S, R) / D(G, R) against a Gaussian control G: 1 is real, 0 is Gaussian. The real
  fields' own distance D(R, R), averaged over all their halves, is exactly 0 for the unbiased D.

The same permutations serve all statistics, so that the number of verdicts that chance produces is
calibrated as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

PERMUTATIONS = 999
LEVEL = 0.05
CLOSE_RATIO = 1.25
LEAST_FIELDS = 5
VERDICTS = ("indistinguishable", "close", "underpowered", "different")


@dataclass(frozen=True)
class Shuffled:
    """The three scores of a statistic: entry 0 as labelled, the others with permuted labels."""

    distance: np.ndarray
    ratio: np.ndarray
    spread: np.ndarray

    @property
    def p(self) -> float:
        """Share of the labellings whose distance is at least the observed one."""
        return p_value(torch.from_numpy(self.distance))

    def excess(self) -> np.ndarray:
        """For every labelling the largest of its scores, in sd of that score over the labellings.

        The distance counts upwards, the ratio and the logarithm of the spread both ways.
        """
        spread = np.log(np.clip(self.spread, 1e-12, 1e12))
        up = _standard(self.distance)
        return np.maximum.reduce([up, np.abs(_standard(self.ratio)), np.abs(_standard(spread))])


def _standard(scores: np.ndarray) -> np.ndarray:
    """Scores less their mean over the labellings, in units of their sd; 0 where they are equal."""
    finite = np.where(np.isfinite(scores), scores, np.finfo(np.float32).max)
    return (finite - finite.mean()) / max(finite.std(), 1e-300)


def band(scores: np.ndarray) -> tuple[float, float]:
    """The central 95% of a score over the labellings."""
    low, high = np.quantile(scores, [LEVEL / 2, 1 - LEVEL / 2])
    return float(low), float(high)


def labellings(n_real: int, n_synthetic: int, seed: int) -> Tensor:
    """(1 + 999, n_real + n_synthetic) float64: 1 marks a synthetic field; row 0 is the truth."""
    generator = np.random.default_rng(seed)
    truth = np.repeat([0.0, 1.0], [n_real, n_synthetic])
    rows = np.tile(truth, (PERMUTATIONS, 1))
    return torch.from_numpy(np.vstack([truth, generator.permuted(rows, axis=1)]))


def pooled_sd(*sets: Tensor) -> Tensor:
    """(q,) sd of each feature over the union of the sets; infinite where it does not vary."""
    union = torch.cat(sets)
    sd = (union - union.mean(0)).square().mean(0).sqrt()
    constant = sd <= 1e-9 * union.abs().amax(0).clamp(min=1e-9)
    return torch.where(constant, torch.inf, sd)


def distances(real: Tensor, synthetic: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Energy distance and ratio of features (n, q) of both sets under every labelling."""
    union = _varying(real, synthetic)
    within_real, within_synthetic, across = _mean_distances(torch.cdist(union, union), labels)
    within = within_real + within_synthetic
    ratio = torch.where(within > 0, 2 * across / within, torch.inf if across[0] > 0 else 1.0)
    return 2 * across - within, ratio


def shuffle(real: Tensor, synthetic: Tensor, labels: Tensor) -> Shuffled:
    """Scores of one statistic, features (n, q) of both sets, under every labelling."""
    distance, ratio = distances(real, synthetic, labels)
    union = _varying(real, synthetic)
    # A millionth of the pooled variance is none: fields of few values can agree on a feature.
    variances = [_variances(union, z).clamp(min=1e-6) for z in (labels, 1 - labels)]
    quotient = variances[0] / variances[1]
    spread = quotient.median(dim=1).values if union.shape[1] else torch.ones_like(distance)
    return Shuffled(distance.numpy(), ratio.numpy(), spread.numpy())


def p_value(distance: Tensor) -> float:
    """Share of the labellings whose distance is at least that of the first, the truth."""
    # Rounding must not separate labellings that are mirror images of each other.
    rounded = distance.numpy().round(12)
    return float(np.mean(rounded >= rounded[0]))


def _varying(real: Tensor, synthetic: Tensor) -> Tensor:
    """The union (n + m, q) of both sets in units of the pooled sd, without constant features."""
    sd = pooled_sd(real, synthetic)
    return (torch.cat([real, synthetic]) / sd)[:, sd.isfinite()]


def _mean_distances(matrix: Tensor, labels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Mean distance within label 0, within label 1 and across, for each labelling."""
    other = 1 - labels
    n, m = other[0].sum(), labels[0].sum()
    pull = labels @ matrix
    synthetic = (pull * labels).sum(1) / (m * (m - 1)).clamp(min=1)
    across = (pull * other).sum(1) / (m * n)
    real = ((other @ matrix) * other).sum(1) / (n * (n - 1)).clamp(min=1)
    return real, synthetic, across


def _variances(features: Tensor, weights: Tensor) -> Tensor:
    """(labellings, q): variance of each feature over the fields of weight 1."""
    count = weights.sum(1, keepdim=True)
    centred = features - features.mean(0)
    mean = weights @ centred / count
    return (weights @ centred.square() / count - mean.square()).clamp(min=0) * (
        count / (count - 1).clamp(min=1)
    )


def energy_distance(a: Tensor, b: Tensor, sd: Tensor) -> float:
    """Unbiased energy distance of two sets of features in units of `sd`."""
    union = torch.cat([a, b]) / sd
    labels = torch.tensor([0.0] * len(a) + [1.0] * len(b), dtype=torch.float64)
    real, synthetic, across = _mean_distances(torch.cdist(union, union), labels[None])
    return float(2 * across - real - synthetic)


def skill(real: Tensor, synthetic: Tensor, gaussian: Tensor, gaussian_ratio: float) -> float | None:
    """1 - D(S, R) / D(G, R).

    None where the Gaussian control is about as near as real fields are (ratio at most 1.25): the
    quotient would be noise.
    """
    few = min(len(real), len(synthetic), len(gaussian)) < 2
    if few or gaussian_ratio <= CLOSE_RATIO:
        return None
    sd = pooled_sd(real, gaussian)
    return 1 - energy_distance(synthetic, real, sd) / energy_distance(gaussian, real, sd)


def holm(p: Sequence[float]) -> list[float]:
    """Holm's (1979) adjusted p-values, in the order given."""
    order = np.argsort(p)
    adjusted, running = np.empty(len(p)), 0.0
    for rank, i in enumerate(order):
        running = max(running, min(1.0, (len(p) - rank) * p[i]))
        adjusted[i] = running
    return adjusted.tolist()


def verdict(scores: Shuffled, p: float, n_real: int, n_synthetic: int) -> str:
    """The verdict on one statistic; `p` is adjusted over statistics.

    indistinguishable: p >= 0.05, and ratio and spread inside their own permutation bands;
    close: ratio <= 1.25; underpowered: fewer than five fields on a side; different: otherwise.
    """
    ratio, spread = float(scores.ratio[0]), float(scores.spread[0])
    if min(n_real, n_synthetic) < LEAST_FIELDS:
        return "underpowered"
    inside = all(
        low <= score <= high
        for score, (low, high) in ((ratio, band(scores.ratio)), (spread, band(scores.spread)))
    )
    if p >= LEVEL and inside:
        return "indistinguishable"
    return "close" if ratio <= CLOSE_RATIO else "different"


def overall_p(statistics: Sequence[Shuffled]) -> float:
    """p-value of the largest excess over all statistics and scores (max-T permutation test)."""
    largest = np.stack([s.excess() for s in statistics]).max(axis=0).round(9)
    return float(np.mean(largest >= largest[0]))
