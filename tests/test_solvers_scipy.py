"""Evaluations to a given energy, one sample at a time, against scipy's L-BFGS-B."""

from __future__ import annotations

import pytest
import torch
from scipy.optimize import minimize as scipy_minimize
from solver_problems import normal, phase_retrieval, quadratic, rosenbrock, separable

from solvers import LBFGS, Status, minimise

PROBLEMS = {
    # function, start's size and scale, energy to reach
    "rosenbrock": (rosenbrock, 20, 0.5, 1e-16),
    "ill-conditioned quadratic": (
        quadratic(torch.logspace(0, 3, 100, dtype=torch.float64)),
        100,
        1.0,
        1e-8,
    ),
    "quadratic on a constant": (
        lambda x: 1e3 + quadratic(torch.logspace(0, 2, 100, dtype=torch.float64))(x),
        100,
        1.0,
        1e3 + 1e-6,
    ),
    "phase retrieval": (phase_retrieval(64, seed=0), 64, 1.0, 1e-12),
    "small units": (lambda x: 1e-8 * rosenbrock(1 + 1e4 * x), 20, 5e-5, 1e-24),
}


def scipy_evaluations(energy, start, target, history):
    """Evaluations until the target is reached; None when it is not."""
    values = []

    def fun(x):
        value, gradient = energy(torch.from_numpy(x)[None], None)
        values.append(value.item())
        return value.item(), gradient[0].numpy()

    options = {"maxcor": history, "maxiter": 2000, "maxfun": 4000, "ftol": 0, "gtol": 0}
    scipy_minimize(fun, start.numpy(), jac=True, method="L-BFGS-B", options=options)
    return next((n + 1 for n, value in enumerate(values) if value <= target), None)


@pytest.mark.parametrize("name", PROBLEMS)
def test_no_more_evaluations_than_scipy(name):
    """The sum over six starts is at most a tenth above scipy's."""
    function, d, scale, target = PROBLEMS[name]
    energy = separable(function)
    starts = scale * normal(6, d, seed=11) + (1.0 if name == "rosenbrock" else 0.0)
    theirs = ours = 0
    for start in starts:
        n = scipy_evaluations(energy, start, target, history=10)
        if n is None:  # a local minimum
            continue
        result = minimise(energy, start[None], LBFGS(10), max_steps=2000, tolerance=target)
        assert result.status == [Status.converged]
        theirs += n
        ours += result.evaluations.item()
    assert theirs > 0
    assert ours <= 1.1 * theirs, f"{ours} evaluations, scipy's {theirs}"
