"""One real field, whose blocks are more alike than those of different fields."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import stats

from synth.evaluation import calibration, one_field

BLOCKS, FEATURES = 4, 10


def blocks(n: int, seed: int, shift: float = 0.0) -> torch.Tensor:
    """Features of blocks of n fields (block b of field b mod n), which differ more than blocks."""
    generator = torch.Generator().manual_seed(seed)
    field = torch.randn(n, FEATURES, generator=generator, dtype=torch.float64)
    own = torch.randn(BLOCKS * n, FEATURES, generator=generator, dtype=torch.float64)
    return field.repeat(BLOCKS, 1) + 0.3 * own + shift


def test_ratios_are_those_of_each_field_against_all_others():
    real, synthetic = blocks(1, 1), blocks(3, 2)
    union = torch.cat([real, synthetic])
    scaled = union / union.std(0, correction=0)
    owner = np.array([0] * BLOCKS + [1, 2, 3] * BLOCKS)
    far = torch.cdist(scaled, scaled).numpy()
    found = one_field.ratios(real, synthetic, 3)
    for i, ratio in enumerate(found):
        own, rest = np.flatnonzero(owner == i), np.flatnonzero(owner != i)
        within = sum(far[np.ix_(s, s)].sum() / (len(s) * (len(s) - 1)) for s in (own, rest))
        assert ratio == pytest.approx(2 * far[np.ix_(own, rest)].mean() / within, rel=1e-6)


@pytest.mark.parametrize("n", [5, 12])
def test_p_is_exact_for_an_exponential_law_of_any_start_and_scale(n):
    draws = 3.0 + 0.2 * np.random.default_rng(0).exponential(size=(4000, n + 1))
    p = np.array([one_field.p_value(x) for x in draws])
    for level in (0.003, 0.05, 0.5):
        assert abs(np.mean(p <= level) - level) < 4 * np.sqrt(level * (1 - level) / len(p))


@pytest.mark.parametrize("law", [stats.norm, stats.uniform, stats.gumbel_r])
def test_lighter_tails_give_fewer_false_alarms(law):
    draws = law.rvs(size=(4000, 7), random_state=1)
    assert np.mean([one_field.p_value(x) <= 0.05 for x in draws]) < 0.05


def test_p_of_values_that_are_equal_or_infinite():
    assert one_field.p_value(np.ones(7)) == 1.0
    assert one_field.p_value(np.full(7, np.inf)) == 1.0
    assert one_field.p_value(np.array([np.inf, *np.ones(6)])) < 1e-6


def test_another_field_of_the_process_is_rarely_called_different():
    ratios = [one_field.ratios(blocks(1, 2 * i), blocks(5, 2 * i + 1), 5) for i in range(200)]
    assert np.mean([r[0] > calibration.CLOSE_RATIO for r in ratios]) > 0.3  # the ratio alone fails
    assert np.mean([one_field.p_value(r) <= 0.05 for r in ratios]) <= 0.05


def test_a_field_far_from_all_others_is_different_and_four_others_do_not_tell():
    ratios = one_field.ratios(blocks(1, 1), blocks(6, 2, shift=12.0), 6)
    p = one_field.p_value(ratios)
    assert one_field.verdict(ratios[0], p, 6) == "different"
    assert one_field.verdict(1.2, 0.001, 6) == one_field.verdict(9.0, 0.2, 6) == "close"
    assert one_field.verdict(9.0, 0.001, 4) == "underpowered"
