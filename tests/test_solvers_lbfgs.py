"""L-BFGS against the dense recursion that it abbreviates, and its exact bits in a batch."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch
from solver_problems import normal, phase_retrieval, quadratic, rosenbrock, separable

from solvers import LBFGS, Status, minimise
from solvers import basis as rows


def dense_direction(pairs: list[tuple[np.ndarray, np.ndarray]], g: np.ndarray) -> np.ndarray:
    """-H g with H updated pair by pair (Nocedal & Wright 2006, eq. 6.17) from gamma I (7.20)."""
    identity = np.eye(len(g))
    s, y = pairs[-1]
    H = (s @ y) / (y @ y) * identity
    for s, y in pairs:
        rho = 1 / (s @ y)
        V = identity - rho * np.outer(y, s)
        H = V.T @ H @ V + rho * np.outer(s, s)
    return -H @ g


@pytest.mark.parametrize("history", [1, 3, 8])
@pytest.mark.parametrize("function", [rosenbrock, phase_retrieval(12, seed=1)])
def test_directions_are_those_of_dense_bfgs(history, function):
    energy, d, B = separable(function), 12, 3
    method = LBFGS(history=history)
    state = method.init(normal(B, d, seed=4))
    iterates = [[] for _ in range(B)]
    worst, compared = 0.0, 0
    for _ in range(60):
        before = state.steps.clone()
        value, gradient = energy(rows.from_chunks(state.trial, d), torch.arange(B))
        accepted_at = rows.from_chunks(state.trial, d)
        state = method.step(state, value, gradient, torch.ones(B, dtype=torch.bool))
        for i in (state.steps > before).nonzero().flatten().tolist():
            iterates[i].append((accepted_at[i].numpy().copy(), gradient[i].numpy().copy()))
            path = iterates[i][-history - 1 :]
            pairs = [(b[0] - a[0], b[1] - a[1]) for a, b in pairwise(path)]
            if not pairs:
                continue
            dense = dense_direction(pairs, path[-1][1])
            ours = rows.from_chunks(state.direction, d)[i].numpy()
            worst = max(worst, np.linalg.norm(ours - dense) / np.linalg.norm(dense))
            compared += 1
    assert compared > 40 * B
    assert worst < 1e-8


def test_a_direction_that_climbs_is_replaced_by_the_gradients():
    energy, d = separable(quadratic(torch.logspace(0, 2, 12, dtype=torch.float64))), 12
    state, everyone = LBFGS(4).init(normal(1, d)), torch.ones(1, dtype=torch.bool)
    for evaluation in range(9):
        value, gradient = energy(rows.from_chunks(state.trial, d), torch.arange(1))
        if evaluation == 8:  # what rounding does, much exaggerated
            assert state.count == 4
            state.gram[:, 5:10, 5:10] *= -1e6
        state = LBFGS(4).step(state, value, gradient, everyone)
    assert state.steps == 8 and state.count == 0
    assert torch.equal(rows.from_chunks(state.direction, d), -gradient)
    assert state.search.slope == -rows.dot(state.direction, state.direction)


def test_quadratic_is_solved():
    curvatures = torch.logspace(0, 3, 60, dtype=torch.float64)
    centre = normal(60, seed=2)
    energy = separable(lambda x: quadratic(curvatures)(x - centre))
    result = minimise(energy, normal(2, 60), max_steps=400, tolerance=1e-20)
    assert result.status == [Status.converged] * 2
    assert (result.x - centre).abs().max() < 1e-9


@pytest.mark.parametrize("shape", [(437,), (61, 67), (7, 9, 11)])
def test_a_sample_has_the_same_bits_alone_and_in_a_batch(shape):
    """Odd sizes, so that samples would lie at changing alignments of memory."""
    d = int(np.prod(shape))
    curvatures = torch.logspace(0, 3, d)

    def function(x):
        x = x.flatten()
        return quadratic(curvatures)(x) + (1 - torch.cos(3 * x)).sum() + rosenbrock(x[:50])

    start = normal(5, *shape, dtype=torch.float32)
    # Different tolerances: samples finish, and are taken out of the batch, at different times.
    tolerance = torch.tensor([200.0, 20.0, 50.0, 10.0, 100.0], dtype=torch.float64)

    def run(order):
        return minimise(
            separable(function), start[order], LBFGS(5), max_steps=60, tolerance=tolerance[order]
        )

    together = run([0, 1, 2, 3, 4])
    assert len(set(together.evaluations.tolist())) > 2
    for order in ([4, 2, 0, 1, 3], [3], [1, 3], [0, 4]):
        apart = run(order)
        assert torch.equal(apart.x, together.x[order])
        assert torch.equal(apart.values, together.values[order])
        assert torch.equal(apart.evaluations, together.evaluations[order])


def test_inner_products_of_a_long_vector_keep_eight_digits():
    vectors = normal(2, 3, 10**6, dtype=torch.float32) + 0.3
    chunks = torch.stack([rows.to_chunks(v) for v in vectors.unbind(1)], 2)
    products = rows.dots(chunks, chunks)
    exact = vectors.double() @ vectors.double().transpose(1, 2)
    norms = exact.diagonal(dim1=1, dim2=2).sqrt()
    assert ((products - exact).abs() / (norms[:, :, None] * norms[:, None, :])).max() < 3e-8


@pytest.mark.parametrize("d", [1, 16, 1023, 1024, 1025, 4099])
def test_chunks_keep_the_vector_and_are_aligned(d):
    vectors = normal(2, d, dtype=torch.float32)
    chunks = rows.to_chunks(vectors)
    assert torch.equal(rows.from_chunks(chunks, d), vectors)
    assert chunks.shape[2] % rows.ALIGNMENT == 0 and chunks.shape[2] <= rows.CHUNK
    assert chunks[0].numel() - d < rows.ALIGNMENT * chunks.shape[1] + rows.ALIGNMENT


def test_memory_covers_the_state():
    method = LBFGS(history=6)
    state = method.init(normal(1, 5000, dtype=torch.float32))
    held = sum(t.nbytes for t in (state.basis, state.x, state.trial, state.direction))
    assert held < method.memory(5000) < 2 * held


@pytest.mark.parametrize(
    "wrong", [{"history": -1}, {"armijo": 0.95}, {"wolfe": 1.0}, {"max_trials": 0}]
)
def test_wrong_settings_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        LBFGS(**wrong)
