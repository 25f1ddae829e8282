"""The line search on functions of one variable."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from solvers import linesearch

CONSTANTS = {"armijo": 1e-4, "wolfe": 0.9, "resolution": 0.0, "max_trials": 30}


def search(function, first, **changes):
    """Run one search; returns (step, value, slope, trials, accepted)."""
    options = CONSTANTS | changes
    value, slope = function(0.0)
    state = linesearch.begin(
        *(torch.tensor([v], dtype=torch.float64) for v in (value, slope, first))
    )
    for trials in range(1, options["max_trials"] + 3):
        t = state.step.item()
        value, slope = function(t)
        numbers = (torch.tensor([v], dtype=torch.float64) for v in (value, slope))
        state, accepted, exhausted = linesearch.advance(state, *numbers, **options)
        if accepted or exhausted:
            return t, value, slope, trials, bool(accepted)
    raise AssertionError("a search must end")


def quartic(a, b, wiggle, pull):
    """h(t) = a t^4 + b (t - 1)^2 + wiggle sin(5 t) - pull t, with h'(0) made negative by pull."""
    pull = pull + max(0.0, 5 * wiggle - 2 * b)

    def h(t):
        value = a * t**4 + b * (t - 1) ** 2 + wiggle * math.sin(5 * t) - pull * t
        slope = 4 * a * t**3 + 2 * b * (t - 1) + 5 * wiggle * math.cos(5 * t) - pull
        return value, slope

    return h


positive = st.floats(1e-3, 1e3)


@settings(max_examples=300, deadline=None)
@given(positive, positive, st.floats(0, 10), positive, st.floats(-4, 4))
def test_an_accepted_step_satisfies_the_weak_wolfe_conditions(a, b, wiggle, pull, magnitude):
    h = quartic(a, b, wiggle, pull)
    value0, slope0 = h(0.0)
    assert slope0 < 0
    t, value, slope, trials, accepted = search(h, 10**magnitude)
    assert accepted
    assert trials < CONSTANTS["max_trials"]
    assert value < value0 + CONSTANTS["armijo"] * t * slope0
    assert slope >= CONSTANTS["wolfe"] * slope0


@settings(max_examples=100, deadline=None)
@given(st.floats(1e-3, 1e3), st.floats(0.1, 10), st.floats(-3, 3))
def test_a_kink_is_bracketed(kink, left, magnitude):
    """Lewis & Overton's case: not differentiable where it is least."""

    def h(t):
        return (left * (kink - t), -left) if t < kink else (2 * (t - kink), 2.0)

    t, value, _, _, accepted = search(h, 10**magnitude)
    assert accepted and t >= kink and value < left * kink


@given(st.floats(1e-6, 1e6))
@settings(max_examples=50, deadline=None)
def test_steps_into_non_finite_values_are_shortened(first):
    def h(t):
        return (1 / (1e-3 - t) if t < 1e-3 else math.nan) - 3e6 * t, (
            1 / (1e-3 - t) ** 2 - 3e6 if t < 1e-3 else math.nan
        )

    t, *_, accepted = search(h, first)
    assert accepted and 0 < t < 1e-3


@pytest.mark.parametrize("beyond", [(-math.inf, -1.0), (-1e9, math.nan), (math.nan, 1.0)])
def test_no_step_with_a_non_finite_value_or_slope_is_taken(beyond):
    t, *_, accepted = search(lambda t: (t * t - t, 2 * t - 1) if t < 3 else beyond, 64.0)
    assert accepted and t < 3


def test_the_cubic_finds_the_minimum_of_a_parabola_at_once():
    t, _, slope, trials, _ = search(lambda t: ((t - 0.3) ** 2, 2 * (t - 0.3)), 1.0)
    assert (trials, t) == (2, pytest.approx(0.3)) and abs(slope) < 1e-12


def test_a_function_unbounded_below_gives_a_long_step():
    t, *_, accepted = search(lambda t: (-t, -1.0), 1.0, max_trials=8)
    assert accepted and t == pytest.approx(1e7)


def test_exhausted_search_returns_to_the_best_step():
    """No step passes Wolfe's condition here; the longest with Armijo's is taken."""
    seen = []

    def h(t):
        seen.append(t)
        return (-t, -1.0) if t < 0.7 else (1.0, -1.0)

    t, _, _, trials, accepted = search(h, 1.0, max_trials=5)
    assert accepted and trials == 6 and seen[-2] > 0.7
    assert t == max(s for s in seen if s < 0.7) and t in seen[:-1]


def test_an_ascent_direction_exhausts_the_search():
    *_, trials, accepted = search(lambda t: (t, -1.0), 1.0, max_trials=5)
    assert not accepted and trials == 5


def test_noise_below_the_resolution_is_judged_by_slopes():
    """A parabola on a large constant: its decrease drowns in the rounding of the value."""

    def h(t):
        return 1.0 + 1e-9 * (t != 0), 1e-10 * (t - 1)

    assert search(h, 1.0, resolution=1e-6)[3:] == (1, True)
    assert not search(h, 1.0)[4]
