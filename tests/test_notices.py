"""What a newcomer is told of samples that lack or hold what the fitted field does not."""

from __future__ import annotations

import re
import warnings

import numpy as np
import pytest
from known_fields import gaussian_fields

import synth
from synth.field import Field
from synth.files.sentinel import find_mark
from synth.synthesis.negative import tell_of_negative

pytestmark = pytest.mark.filterwarnings("ignore:.*a model starts to store its example")


def test_negative_samples_of_a_field_without_any_are_told() -> None:
    values = np.ones((2, 2, 10, 10), np.float32)
    values[0, 0, :4] = -3.0  # 40 of 400
    with pytest.warns(UserWarning, match=r"10% .* down to -3, .* transform log"):
        tell_of_negative(values, (0.1, 2.0))
    with pytest.warns(UserWarning, match=r"20% .* set them to 0"):
        tell_of_negative(values, (0.0, -5.0))


@pytest.mark.parametrize(("minimum", "share"), [((-1.0,), 0.5), ((), 0.5), ((0.0,), 0.005)])
def test_negative_samples_are_not_told_where_they_say_nothing(minimum, share) -> None:
    values = np.ones((1, 1, 1000), np.float32)
    values[..., : int(1000 * share)] = -1.0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        tell_of_negative(values, minimum)


def test_samples_of_a_positive_field_say_what_keeps_them_positive() -> None:
    x = np.exp(2 * gaussian_fields(1, (32, 32), -2.0, seed=1).numpy())
    field = Field.from_array(x, boundary="periodic")
    model = synth.fit(field, "covariance", scales=3)
    with pytest.warns(UserWarning, match="transform log would keep them positive"):
        synth.sample(model)
    logarithm = synth.fit(field, "covariance", scales=3, transform="log")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert synth.sample(logarithm).field.values.min() > 0


def test_the_minimum_is_of_the_field_that_was_fitted() -> None:
    x = gaussian_fields(2, (16, 16), seed=2).numpy()
    first = synth.fit(Field.from_array(x[:1] + 9, boundary="periodic"), "covariance", scales=2)
    assert first.standardisation.minimum == pytest.approx((x[0].min() + 9,))
    other = Field.from_array(x[1:] - 9, boundary="periodic")
    second = synth.fit(other, "covariance", like=first)
    merged = synth.merge([first, second])
    assert second.standardisation.minimum == merged.standardisation.minimum == ()


@pytest.mark.parametrize("mark", [-9999.0, 1e20])
def test_a_number_that_may_mark_missing_pixels_is_told(tmp_path, mark) -> None:
    x = gaussian_fields(1, (32, 32), seed=4).numpy()[0, 0]
    x[np.random.default_rng(0).random(x.shape) < 0.1] = mark
    np.save(tmp_path / "f.npy", x)
    with pytest.warns(UserWarning, match=re.escape(f"exactly {mark:g}, far")):
        synth.read(tmp_path / "f.npy")


@pytest.mark.parametrize("kind", ["noise", "binary", "spikes", "rain", "levels", "saturated"])
def test_what_belongs_to_a_field_is_no_mark(kind) -> None:
    x = np.random.default_rng(1).normal(size=10_000)
    fields = {
        "noise": x,
        "binary": x > 1,
        "spikes": np.where(x > 3, 100 + x, 0.0),
        "rain": np.maximum(np.exp(3 * x) - 20, 0),
        "levels": np.round(np.clip(x, -2, 2)),
        "saturated": np.clip(x, -1, 1),
    }
    assert find_mark(fields[kind].astype(np.float32)) is None


def test_a_trend_that_samples_lack_is_told() -> None:
    x = gaussian_fields(1, (32, 32), -2.0, seed=3).numpy()
    trend = Field.from_array(x + np.linspace(0, 9, 32), boundary="open")
    with pytest.warns(UserWarning, match="a trend across the field"):
        synth.fit(trend, "covariance", scales=2)
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message=".*trend")
        synth.fit(Field.from_array(x, boundary="open"), "covariance", scales=2)
