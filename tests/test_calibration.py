"""Scores, p-values and verdicts on features whose law is known."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from known_fields import lognormal_fields

from synth.evaluation import calibration
from synth.evaluation.calibration import band, holm, labellings, shuffle, verdict
from synth.evaluation.comparison import measure
from synth.evaluation.statistics import Frame, applicable
from synth.evaluation.statistics.base import smallest_bias
from synth.report.page import number


def features(n: int, q: int = 10, shift: float = 0.0, scale: float = 1.0, seed: int = 0):
    generator = torch.Generator().manual_seed(seed)
    return shift + scale * torch.randn(n, q, generator=generator, dtype=torch.float64)


def scores(real, synthetic, seed=0):
    return shuffle(real, synthetic, labellings(len(real), len(synthetic), seed))


def judged(real, synthetic):
    shuffled = scores(real, synthetic)
    return verdict(shuffled, shuffled.p, len(real), len(synthetic))


def test_distances_are_those_of_their_definition():
    real, synthetic = features(6, 3, seed=1), features(5, 3, 0.5, seed=2)
    union = torch.cat([real, synthetic])
    sd = union.std(0, correction=0)
    pairs = lambda a, b: [torch.dist(x / sd, y / sd).item() for x in a for y in b]  # noqa: E731
    across = np.mean(pairs(real, synthetic))
    within = sum(np.sum(pairs(a, a)) / (len(a) * (len(a) - 1)) for a in (real, synthetic))
    found = scores(real, synthetic)
    assert found.distance[0] == pytest.approx(2 * across - within, rel=1e-10)
    assert found.ratio[0] == pytest.approx(2 * across / within, rel=1e-10)
    spread = (synthetic.var(0) / real.var(0)).median()
    assert found.spread[0] == pytest.approx(spread.item(), rel=1e-10)


def test_scores_do_not_depend_on_the_units_of_the_features():
    real, synthetic = features(8, seed=1), features(8, seed=2)
    units = torch.logspace(-8, 8, 10, dtype=torch.float64)
    a, b = scores(real, synthetic), scores(3 + real * units, 3 + synthetic * units)
    np.testing.assert_allclose(a.ratio, b.ratio, rtol=1e-6)


def test_constant_features_are_left_out():
    real, synthetic = features(8, seed=1), features(8, seed=2)
    padded = [torch.cat([x, torch.full((8, 1), 7.0)], 1) for x in (real, synthetic)]
    np.testing.assert_allclose(scores(*padded).ratio, scores(real, synthetic).ratio)


def test_a_statistic_whose_features_are_all_constant_finds_no_difference():
    real, synthetic = torch.full((8, 3), 7.0).double(), torch.full((6, 3), 7.0).double()
    empty = scores(real, synthetic)
    assert empty.p == 1.0 and empty.ratio[0] == empty.spread[0] == 1.0
    others = scores(features(8, seed=1), features(6, seed=2))
    assert calibration.overall_p([others, empty]) == calibration.overall_p([others])


def test_the_spread_stays_a_number_where_real_fields_agree():
    agreeing = torch.zeros(8, 10).double()
    found = scores(agreeing, features(8, seed=1))
    assert 1e3 < found.spread[0] < 1e7
    assert len(number(found.spread[0])) <= 8
    assert scores(features(8, seed=1), agreeing).spread[0] < 1e-3


def test_false_alarms_are_as_frequent_as_announced():
    n = 300
    alarms = sum(
        scores(features(8, seed=2 * i), features(8, seed=2 * i + 1)).p <= 0.05 for i in range(n)
    )
    # Four standard errors of a binomial share of 5%.
    assert abs(alarms / n - 0.05) < 4 * np.sqrt(0.05 * 0.95 / n)


@pytest.mark.parametrize("shift, scale", [(1.0, 1.0), (0.0, 0.3)])
def test_a_shift_of_one_sd_and_a_spread_of_a_third_are_seen(shift, scale):
    seen = [
        scores(features(8, 40, seed=3 * i), features(8, 40, shift, scale, seed=3 * i + 1)).p <= 0.05
        for i in range(20)
    ]
    assert np.mean(seen) >= 0.9


def test_verdicts():
    real = features(10, seed=1)
    assert judged(real, features(10, seed=2)) == "indistinguishable"
    assert judged(real, features(10, shift=3.0, seed=2)) == "different"
    assert judged(real, features(10, shift=1.1, seed=2)) == "close"
    assert judged(real, features(10, scale=0.05, seed=2)) != "indistinguishable"
    assert judged(real, features(4, shift=3.0, seed=2)) == "underpowered"
    assert judged(real[:4], features(10, seed=2)) == "underpowered"


def test_holm_on_the_textbook_example():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, 0.7]) == [1.0, 1.0]


def test_skill_is_one_for_real_zero_for_gaussian_and_unknown_where_they_agree():
    real, gaussian = features(200, seed=1), features(200, shift=3.0, seed=2)
    again, as_gaussian = features(200, seed=3), features(200, shift=3.0, seed=4)
    assert calibration.skill(real, again, gaussian, 3.0) == pytest.approx(1, abs=0.02)
    assert calibration.skill(real, as_gaussian, gaussian, 3.0) == pytest.approx(0, abs=0.05)
    assert calibration.skill(real, gaussian, again, 1.0) is None


def test_bands_hold_95_percent():
    low, high = band(np.linspace(0, 1, 1001))
    assert (low, high) == pytest.approx((0.025, 0.975))


def test_the_joint_p_value_counts_all_statistics():
    labels = labellings(8, 8, 0)
    same = [shuffle(features(8, seed=i), features(8, seed=100 + i), labels) for i in range(6)]
    apart = shuffle(features(8, seed=50), features(8, shift=2.0, seed=51), labels)
    assert calibration.overall_p(same) > 0.05
    assert calibration.overall_p([*same, apart]) < 0.05
    # One among many is judged against the largest of all of them.
    assert calibration.overall_p([*same, apart]) >= calibration.overall_p([apart])


def test_the_smallest_visible_bias():
    assert smallest_bias(8, 8) == pytest.approx(1.4)


def test_false_alarms_over_random_splits_of_real_fields():
    frame = Frame((32, 32))
    fields = lognormal_fields(20, frame.shape, -2.0)
    fields = (fields - fields.mean()) / fields.std()
    statistics = applicable(frame)
    features, _ = measure(fields, frame, statistics, lambda n: None)
    generator = np.random.default_rng(0)
    splits, labels = 40, labellings(10, 10, 0)
    alarms = []
    for _ in range(splits):
        order = torch.from_numpy(generator.permutation(20))
        alarms.append(
            [shuffle(f[order[:10]], f[order[10:]], labels).p <= 0.05 for f in features.values()]
        )
    # The statistics of one split are correlated: four errors of the mean over splits.
    rates = np.mean(alarms, axis=1)
    assert abs(rates.mean() - 0.05) < 4 * rates.std() / np.sqrt(splits) + 0.005
