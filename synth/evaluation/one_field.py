"""One real field against several synthetic ones: what chance does to the ratio.

Blocks of one field share its largest waves, so that they are more alike than blocks of different
fields: the ratio of `calibration` then exceeds 1.25 on up to a quarter of the comparisons of
fields of one process. So each synthetic field takes the place of the real one in turn: T_i is the
ratio of the blocks of field i and those of all other fields, i = 0 the real one. Under the same
process the n + 1 values are exchangeable, and with the mean m and the sd s of ln T_1 .. ln T_n

    t = (ln T_0 - m) / (s sqrt(1 + 1/n))

follows about Student's law of n - 1 degrees of freedom, which gives a p-value. It is not exact: the
T_i have distances in common and their law is skewed, so that p <= 0.05 comes in 9.6% of comparisons
of one field with six others of its process. With Holm's correction and the ratio above 1.25, which
a verdict takes too, 0 to 8% of them find some statistic different (benchmarks/CALIBRATION.md).
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from synth.evaluation import calibration

LEAST_SYNTHETIC = 3  # fewer fields do not tell how much the ratio varies


def ratios(real: Tensor, synthetic: Tensor, n_fields: int) -> np.ndarray:
    """T_0 .. T_n from features of blocks (blocks, q); block b is of field b modulo `n_fields`."""
    owner = torch.cat([torch.full((len(real),), -1), torch.arange(len(synthetic)) % n_fields])
    numbers = torch.arange(-1, n_fields)
    labels = (owner != numbers[:, None]).double()  # 0 marks the blocks of the one field
    order = torch.cat([real, synthetic])
    return calibration.distances(order[: len(real)], order[len(real) :], labels)[1].numpy()


def p_value(ratios: np.ndarray) -> float:
    """Probability that chance makes T_0 so large, from T_0 .. T_n; 1 where n is less than 3."""
    n = len(ratios) - 1
    if n < LEAST_SYNTHETIC:
        return 1.0
    first, others = np.log(ratios[0]), np.log(ratios[1:])
    error = others.std(ddof=1) * np.sqrt(1 + 1 / n)
    return student_tail((first - others.mean()) / max(error, 1e-12), n - 1)


def student_tail(t: float, dof: int) -> float:
    """P(T > t) of Student's law: the integral of cos(a)^(dof - 1) over a > atan(t / sqrt(dof))."""
    angle = np.linspace(math.atan(t / math.sqrt(dof)), math.pi / 2, 2001)
    whole = math.exp(0.5 * math.log(math.pi) + math.lgamma(dof / 2) - math.lgamma((dof + 1) / 2))
    return float(np.trapezoid(np.cos(angle) ** (dof - 1), angle)) / whole


def verdict(ratio: float, p: float, n_fields: int) -> str:
    """different: p < 0.05, adjusted over statistics, and ratio > 1.25; else close.

    underpowered: fewer than three synthetic fields.
    """
    if n_fields < LEAST_SYNTHETIC:
        return "underpowered"
    return "different" if p < calibration.LEVEL and ratio > calibration.CLOSE_RATIO else "close"
