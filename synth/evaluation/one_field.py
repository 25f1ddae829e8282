"""One real field against several synthetic ones: what chance does to the ratio.

Blocks of one field share its largest waves, so that they are more alike than blocks of different
fields: the ratio of `calibration` then exceeds 1.25 on up to a quarter of the comparisons of
fields of one process. So each synthetic field takes the place of the real one in turn: T_i is the
ratio of the blocks of field i and those of all other fields, i = 0 the real one. Under the same
process the n + 1 values are exchangeable, and T_0 is the largest once in n + 1 times.

Ranks alone can thus not give a p-value below 1 / (n + 1); to go lower takes an assumption on the
upper tail. The T_i are skewed, since few features, those that vary most from field to field,
decide: a Gaussian law is too light, even for ln T_i. So the law is taken to be exponential, from an
unknown start and of unknown scale. Then

    p = n / (n + 1) (1 + (T_0 - m) / sum_i (T_i - m))^-(n - 1),   m = min T_i, i = 1 .. n,

is exact where T_0 > m: that has the probability n / (n + 1), the excess of T_0 over m is then
exponential again, and the sum, which tells the scale, follows a gamma law of order n - 1. Laws with
a lighter tail give fewer false alarms; benchmarks/CALIBRATION.md counts them.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from synth.evaluation import calibration

LEAST_SYNTHETIC = 5  # fewer fields do not tell how much the ratio varies


def ratios(real: Tensor, synthetic: Tensor, n_fields: int) -> np.ndarray:
    """T_0 .. T_n from features of blocks (blocks, q); block b is of field b modulo `n_fields`."""
    owner = torch.cat([torch.full((len(real),), -1), torch.arange(len(synthetic)) % n_fields])
    numbers = torch.arange(-1, n_fields)
    labels = (owner != numbers[:, None]).double()  # 0 marks the blocks of the one field
    order = torch.cat([real, synthetic])
    return calibration.distances(order[: len(real)], order[len(real) :], labels)[1].numpy()


def p_value(ratios: np.ndarray) -> float:
    """Probability that chance makes T_0 so large, from T_0 .. T_n; 1 where T_0 is the smallest."""
    n = len(ratios) - 1
    finite = np.minimum(ratios, 1e12)  # infinite where blocks of a field do not differ at all
    excess = finite - finite[1:].min()
    if excess[0] <= 0:
        return 1.0
    return n / (n + 1) * (1 + excess[0] / max(excess[1:].sum(), 1e-12)) ** (1 - n)


def verdict(ratio: float, p: float, n_fields: int) -> str:
    """different: p < 0.05, adjusted over statistics, and ratio > 1.25; else close.

    underpowered: fewer than five synthetic fields.
    """
    if n_fields < LEAST_SYNTHETIC:
        return "underpowered"
    return "different" if p < calibration.LEVEL and ratio > calibration.CLOSE_RATIO else "close"
