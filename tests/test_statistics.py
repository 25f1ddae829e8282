"""What every statistic must satisfy, whatever it measures."""

from __future__ import annotations

import pytest
import torch
from known_fields import gaussian_fields

from synth.evaluation.statistics import ALL, Batch, Frame, applicable

FRAMES = [
    Frame((400,)),
    Frame((64, 64)),
    Frame((45, 60), "open"),
    Frame((64, 32), channels=("a", "b")),
    Frame((32, 32), channels=("u", "v"), components=(1, 0)),
    Frame((16, 18, 20)),
    Frame((20, 17, 16), "open", ("u", "v", "w"), (2, 1, 0)),
]
CASES = [
    pytest.param(s, f, id=f"{s.name}-{i}") for i, f in enumerate(FRAMES) for s in applicable(f)
]


def fields(frame: Frame) -> torch.Tensor:
    return gaussian_fields(3, frame.shape, -1.0, seed=1, channels=len(frame.channels))


@pytest.mark.parametrize("statistic, frame", CASES)
def test_features_are_finite_labelled_and_independent_of_the_batch(statistic, frame):
    x = fields(frame)
    features = statistic.features(Batch(x, frame))
    assert features.dtype == torch.float64
    assert features.shape == (3, len(statistic.labels(frame)))
    assert features.isfinite().all()
    alone = torch.cat([statistic.features(Batch(x[i : i + 1], frame)) for i in range(3)])
    torch.testing.assert_close(features, alone, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("statistic, frame", CASES)
def test_panels_show_columns_that_are_drawn(statistic, frame):
    drawn = statistic.drawn(Batch(fields(frame), frame))
    for panel in statistic.panels(frame):
        assert len(panel.columns) == len(panel.x)
        assert min(panel.columns) >= 0 and max(panel.columns) < drawn.shape[1]
        assert not panel.names or len(panel.names) == len(panel.x)


@pytest.mark.parametrize("statistic, frame", [c for c in CASES if c.values[1].periodic])
def test_periodic_fields_may_be_shifted(statistic, frame):
    x = fields(frame)
    moved = torch.roll(x, tuple(range(3, 3 + frame.ndim)), frame.space)
    torch.testing.assert_close(
        statistic.features(Batch(x, frame)),
        statistic.features(Batch(moved, frame)),
        rtol=1e-3,
        atol=1e-3,
    )


@pytest.mark.parametrize("statistic", ALL, ids=lambda s: s.name)
def test_a_set_has_no_difference_to_itself(statistic):
    frame = next(f for f in FRAMES if statistic.applies(f))
    batch = Batch(fields(frame), frame)
    x = statistic.features(batch) if statistic.value_from == "features" else statistic.drawn(batch)
    assert statistic.value(x, x, frame) == 0
    assert statistic.visible(x, 3, frame) > 0


def test_names_are_distinct():
    assert len({s.name for s in ALL}) == len(ALL)
