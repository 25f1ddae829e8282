"""Cosine transforms over scales: how correlations across scales change along a cascade."""

from __future__ import annotations

import numpy as np

from moments.combine import Combination
from moments.family import MomentFamily
from moments.labels import Labels

#: Families with correlations that depend on differences of scales, and the kinds of these.
CASCADING = {"scattering-covariance": ("S3", "S4")}


class ScaleCosines(Combination):
    r"""Low orders of the cosine transform of S3 and S4 over scales, at fixed differences of scales.

    .. math:: \hat S(q; a, b) = \sqrt{\tfrac{2 - \delta_q}{n}} \sum_{j=0}^{n-1}
              \cos\Big(\frac{\pi q (2j+1)}{2n}\Big)\, S(j, j+a, j+a+b), \qquad q < \text{orders},

    n the number of scales j with all three (the orthonormal DCT-II; Cheng et al. 2024, arXiv
    2306.17210).  Of a self-similar field only q = 0 differs from 0; slow changes along the cascade
    need few more.  The other moments stay.  Labels hold the scales of the first term and q.

    Parameters
    ----------
    inner : MomentFamily
    orders : int
        Number of orders kept, 1 or more.

    Raises
    ------
    ValueError
        If no order would remain.
    """

    def __init__(self, inner: MomentFamily, orders: int) -> None:
        if orders < 1:
            raise ValueError(f"scale_orders={orders} was asked for; 1 or more would work.")
        table = inner.labels.table
        turned = inner.labels.where(kind=CASCADING[inner.name])
        apart = Labels(table.copy())
        for name in ("j2", "j3"):
            apart.table[name] -= table["j1"]
        apart.table["j1"] = 0
        chain = apart.groups("kind", "c1", "l1", "c2", "l2", "l3", "j2", "j3", "part")
        rows, into, weight = [], [], []
        labels: list[np.ndarray] = []
        for number in dict.fromkeys(np.where(turned, chain, -1 - np.arange(len(table))).tolist()):
            members = [-1 - number] if number < 0 else np.flatnonzero((chain == number) & turned)
            n = len(members)
            for q in range(min(orders, n) if number >= 0 else 1):
                row = table[members[0]].copy()
                row["q"] = q if number >= 0 else -1
                scale = np.sqrt((2 - (q == 0)) / n)
                rows += list(members)
                into += [len(labels)] * n
                weight += list(scale * np.cos(np.pi * q * (2 * np.arange(n) + 1) / (2 * n)))
                labels.append(row)
        super().__init__(inner, rows, into, weight, Labels(np.array(labels)))
