"""All linear algebra on vectors as long as a field: one tensor of rows, two products.

A basis holds R rows of d numbers for each of B samples, cut into K chunks of c numbers and
stored chunk by chunk, (B, K, R, c). A product is a small matrix product per chunk; the chunks'
results are added in float64, so that a dot product over a million pixels in float32 keeps an
error of about 1e-8 of the product of the norms, at the cost of the plain one.

On the CPU each sample is multiplied on its own, on aligned memory of a fixed shape: a sample's
numbers then have the same bits alone, in a batch, and in any place of it. Other devices take the
batch at once, because they are bound by launches.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

CHUNK = 1024
ALIGNMENT = 16  # numbers; 64 bytes of float32, the widest vector load


def chunk_size(d: int) -> int:
    """Length c of a chunk for vectors of ``d`` numbers: 1024, or the aligned d when smaller."""
    return min(CHUNK, -(-d // ALIGNMENT) * ALIGNMENT)


def to_chunks(vectors: Tensor) -> Tensor:
    """Cut (B, d) into (B, K, c), the last chunk filled up with zeros."""
    c = chunk_size(vectors.shape[1])
    padding = -vectors.shape[1] % c
    if padding:
        vectors = torch.nn.functional.pad(vectors, (0, padding))
    return vectors.reshape(len(vectors), -1, c)


def from_chunks(chunks: Tensor, d: int) -> Tensor:
    """Join (B, K, c) into (B, d), the filling dropped."""
    return chunks.flatten(1)[:, :d]


def dot(a: Tensor, b: Tensor) -> Tensor:
    """Inner products of the samples' vectors, (B, K, c) with (B, K, c) -> (B,) float64."""
    return dots(a.unsqueeze(2), b.unsqueeze(2))[:, 0, 0]


def dots(basis: Tensor, vectors: Tensor) -> Tensor:
    """Inner products of all rows with a few vectors, in one pass over the basis.

    Parameters
    ----------
    basis : Tensor (B, K, R, c)
    vectors : Tensor (B, K, V, c)

    Returns
    -------
    Tensor (B, V, R) float64
    """

    def product(rows: Tensor, few: Tensor) -> Tensor:  # (n, K, R, c), (n, K, V, c)
        n, K = rows.shape[:2]
        partial = torch.bmm(few.flatten(0, 1), rows.flatten(0, 1).transpose(1, 2))  # (nK, V, R)
        return partial.double().unflatten(0, (n, K)).sum(1)

    return _by_sample(product, basis, vectors)


def combine(coefficients: Tensor, basis: Tensor) -> Tensor:
    """Linear combination of the rows, (B, R) float64 with (B, K, R, c) -> (B, K, c)."""

    def product(weights: Tensor, rows: Tensor) -> Tensor:  # (n, R), (n, K, R, c)
        n, K, R, _ = rows.shape
        weights = weights.unsqueeze(1).expand(n, K, R).reshape(n * K, 1, R)
        return torch.bmm(weights, rows.flatten(0, 1)).reshape(n, K, -1)

    return _by_sample(product, coefficients.to(basis.dtype), basis)


def _by_sample(product: Callable[[Tensor, Tensor], Tensor], a: Tensor, b: Tensor) -> Tensor:
    """Apply ``product`` to each sample on a CPU, to the batch at once elsewhere."""
    if a.device.type != "cpu" or len(a) == 1:
        return product(a, b)
    return torch.cat([product(a[i : i + 1], b[i : i + 1]) for i in range(len(a))])
