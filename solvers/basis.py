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

import torch
from torch import Tensor

CHUNK = 1024  # largest c
ALIGNMENT = 16  # numbers; 64 bytes of float32, the widest vector load


def chunk_size(d: int) -> int:
    """Length c of the chunks of vectors of ``d`` numbers, at most 1024."""
    K = max(1, -(-d // CHUNK))
    return ALIGNMENT * max(1, -(-d // (K * ALIGNMENT)))


def to_chunks(vectors: Tensor) -> Tensor:
    """Cut (B, d) into (B, K, c), the last chunk filled up with zeros."""
    c = chunk_size(vectors.shape[1])
    padding = max(c, -(-vectors.shape[1] // c) * c) - vectors.shape[1]
    if padding:
        vectors = torch.nn.functional.pad(vectors, (0, padding))
    return vectors.unflatten(1, (-1, c))


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
    Tensor (B, R, V) float64
    """
    B, K, R, _ = basis.shape
    result = basis.new_empty(B, R, vectors.shape[2], dtype=torch.float64)
    for part in _parts(basis):
        partial = torch.bmm(
            basis[part].flatten(0, 1), vectors[part].flatten(0, 1).transpose(1, 2)
        )  # (nK, R, V)
        result[part] = partial.double().unflatten(0, (-1, K)).sum(1)
    return result


def combine(weights: Tensor, basis: Tensor) -> Tensor:
    """Linear combination of the rows, (B, R) float64 with (B, K, R, c) -> (B, K, c)."""
    B, K, R, c = basis.shape
    weights = weights.to(basis.dtype)[:, None, None].expand(B, K, 1, R)
    result = basis.new_empty(B, K, 1, c)
    for part in _parts(basis):
        torch.bmm(
            weights[part].flatten(0, 1), basis[part].flatten(0, 1), out=result[part].flatten(0, 1)
        )
    return result[:, :, 0]


def _parts(basis: Tensor) -> list[slice]:
    """One sample after the other on a CPU, the whole batch elsewhere."""
    B = len(basis)
    return [slice(i, i + 1) for i in range(B)] if basis.device.type == "cpu" else [slice(B)]
