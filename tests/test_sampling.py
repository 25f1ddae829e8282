"""Samples: reproducible to the bit, resumable, converged, of any size."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from known_fields import lognormal_fields

import synth
from synth import merging, model
from synth.errors import InputError, UsageError
from synth.estimation import fitting, spectra
from synth.field import Field
from synth.synthesis import checkpoint
from synth.synthesis.mismatch import shares
from synth.synthesis.sampling import sample

#: What fields this small, and skewed ones without a logarithm, make fit and sample say.
pytestmark = [
    pytest.mark.filterwarnings("ignore:.*a model starts to store its example"),
    pytest.mark.filterwarnings("ignore:.*sampled values are negative"),
]


def field(n: int, size: int, seed: int = 0, channels: int = 1) -> Field:
    values = lognormal_fields(n * channels, (size, size), -3.0, seed)
    values = values.reshape(n, channels, size, size)
    if channels == 2:
        values[:, 1] += 0.5 * values[:, 0]
    names = tuple(f"c{i}" for i in range(channels))
    return Field(
        values.numpy(), channels=names, dims=("y", "x"), spacing=(1.0, 1.0), boundary="periodic"
    )


@pytest.fixture(scope="module")
def small() -> model.Model:
    return fitting.fit(field(4, 32), "wph", scales=3, angles=2)


@pytest.fixture
def threads():
    """Sets the number of threads, for this test."""
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


def test_a_small_synthesis_converges_within_a_tenth_of_the_spread():
    real = field(6, 64)
    fitted = fitting.fit(real, "scattering-covariance", scales=4, angles=2)
    ensemble = sample(fitted, 2, seed=3)
    for outcome in ensemble.outcomes:
        assert outcome["status"] == "converged"
        assert outcome["mismatch_sigma"] <= 0.1
    # The moments of the fields that were handed out, not those of the descent.
    op = fitted.operator()
    x = torch.from_numpy(fitted.standardisation.forward(ensemble.field.load()))
    targets = fitted.targets[:, None] - op(x).detach().numpy()
    apart = np.average((targets / fitted.spread) ** 2, axis=-1, weights=shares(op)) ** 0.5
    assert (apart.min(0) <= 0.101).all()
    a, b = ensemble.field.values
    assert abs(np.corrcoef(a.ravel(), b.ravel())[0, 1]) < 0.5


@pytest.mark.parametrize("init", ["gaussian", "white"])
def test_sample_i_depends_on_the_seed_and_i_alone(small, init):
    def draw(n: int, seed: int, batch: int) -> np.ndarray:
        return sample(small, n, seed=seed, batch=batch, steps=8, init=init).field.values

    three = draw(3, 5, 1)
    np.testing.assert_array_equal(draw(3, 5, 3), three)
    np.testing.assert_array_equal(draw(1, 5, 2), three[:1])
    assert not np.array_equal(draw(1, 6, 1), three[:1])
    assert not np.array_equal(three[0], three[1])


@pytest.mark.parametrize("batch", [1, 3])
def test_an_interrupted_run_goes_on_to_the_same_bits(small, threads, batch, tmp_path, monkeypatch):
    threads(1)  # one worker, so that it is known where the run stops
    monkeypatch.setattr(checkpoint, "STATE_EVERY", 0.0)
    settings = {"n": 3, "seed": 2, "steps": 14, "batch": batch}
    whole = sample(small, **settings)

    def stop(state: dict) -> None:
        if state.get("iteration") == 9 and state["done"] == (1 if batch == 1 else 0):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sample(small, **settings, checkpoint=tmp_path / "run", progress=stop)
    seen = []
    resumed = sample(small, **settings, checkpoint=tmp_path / "run", progress=seen.append)
    assert seen[0]["iteration"] >= 8
    np.testing.assert_array_equal(resumed.field.values, whole.field.values)
    assert resumed.outcomes == whole.outcomes


@pytest.mark.parametrize(("scale", "iteration"), [(2, 4), (0, 1)])
def test_a_round_goes_on_from_where_it_was_stopped(scale, iteration, tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoint, "STATE_EVERY", 0.0)
    fitted = fitting.fit(field(4, 64), "wph", scales=4, angles=2)
    settings = {"n": 3, "steps": 6, "checkpoint": tmp_path / "run"}
    whole = sample(fitted, 3, steps=6)
    seen: list[tuple[int, int]] = []

    def stop(state: dict) -> None:
        if (state.get("scale"), state.get("iteration")) == (scale, iteration):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sample(fitted, **settings, progress=stop)
    run = sample(
        fitted, **settings,
        progress=lambda s: "scale" in s and seen.append((s["scale"], s["iteration"])),
    )  # fmt: skip
    assert seen[0] == (scale, iteration)
    np.testing.assert_array_equal(run.field.values, whole.field.values)


def test_samples_made_side_by_side_are_those_made_one_by_one(small, threads, tmp_path):
    settings = {"n": 4, "seed": 3, "steps": 12, "batch": 1}
    threads(2)
    together = sample(small, **settings)
    threads(1)
    np.testing.assert_array_equal(sample(small, **settings).field.values, together.field.values)
    threads(2)

    def stop(state: dict) -> None:
        if state["done"] >= 1 and state.get("scale") == 0:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sample(small, **settings, checkpoint=tmp_path / "run", progress=stop)
    assert 1 <= len(list((tmp_path / "run").glob("sample-*.npz"))) < 4
    assert torch.get_num_threads() == 2
    resumed = sample(small, **settings, checkpoint=tmp_path / "run")
    np.testing.assert_array_equal(resumed.field.values, together.field.values)


def test_the_descent_goes_from_coarse_to_fine():
    fitted = fitting.fit(field(4, 64), "wph", scales=4, angles=2)
    seen: list[tuple[int, int]] = []
    (outcome,) = sample(
        fitted, 1, progress=lambda s: "scale" in s and seen.append((s["scale"], s["iteration"]))
    ).outcomes
    assert list(dict.fromkeys(scale for scale, _ in seen)) == [2, 0]
    assert (outcome["status"], outcome["steps"]) == ("converged", seen[-1][1])


def test_a_finished_checkpoint_needs_no_work_and_refuses_other_arguments(small, tmp_path):
    folder = tmp_path / "run"
    first = sample(small, 2, seed=1, steps=3, checkpoint=folder)
    again = sample(small, 2, seed=1, steps=3, checkpoint=folder, progress=pytest.fail)
    np.testing.assert_array_equal(first.field.values, again.field.values)
    with pytest.raises(InputError, match="run with seed=1, and this one has seed=4; resume with"):
        sample(small, 2, seed=4, steps=3, checkpoint=folder)


@pytest.mark.parametrize("size", [(48, 40), (64, 33), (32, 64)])
def test_other_sizes(small, size):
    ensemble = sample(small, 1, size=size)
    assert ensemble.field.values.shape == (1, 1, *size)
    assert ensemble.outcomes[0]["status"] == "converged"
    deviation = ensemble.field.values.std()
    assert deviation == pytest.approx(small.standardisation.std[0], rel=0.3)


@pytest.mark.parametrize(
    ("arguments", "error", "sentence"),
    [
        ({"n": 0}, UsageError, "n=0 samples were asked for; 1 or more would work"),
        ({"seed": -1}, UsageError, "seed=-1 was asked for; 0 or a positive integer would work"),
        ({"steps": -3}, UsageError, "steps=-3 was asked for; 0 or more would work"),
        ({"batch": 0}, UsageError, "batch=0 was asked for; auto, or 1 or more, would work"),
        ({"batch": "many"}, UsageError, "batch='many' was asked for"),
        ({"init": "pink"}, UsageError, "init='pink' was asked for; gaussian or white would work"),
        ({"target": "best"}, UsageError, "target='best' was asked for"),
        ({"tolerance": 0.0}, UsageError, "tolerance=0.0 was asked for; a positive number"),
        ({"device": "abacus"}, UsageError, "abacus"),
        ({"size": (32,)}, InputError, "1 axes was asked of a model of 2-D fields; give 2 sizes"),
        ({"size": (4, 64)}, InputError, "4x64 were asked of a model of 3 scales; sides of 8 or"),
    ],
)
def test_bad_arguments_are_refused_in_one_sentence(small, arguments, error, sentence):
    with pytest.raises(error, match=sentence):
        sample(small, **{"n": 1, **arguments})


def test_a_boundary_that_does_not_exist_is_refused():
    with pytest.raises(UsageError, match="boundary='reflecting' was asked for; auto, periodic or"):
        fitting.fit(field(1, 32), "covariance", boundary="reflecting")


def test_outcome_of_a_run_cut_short_is_honest(small):
    ensemble = sample(small, 1, steps=2)
    (outcome,) = ensemble.outcomes
    assert (outcome["status"], outcome["steps"]) == ("max_steps", 2)
    assert outcome["mismatch_sigma"] == pytest.approx(outcome["loss"] ** 0.5, rel=1e-3)
    assert outcome["mismatch_sigma"] > 0.1
    assert outcome["mismatch_max"] >= outcome["mismatch_rms"] > 0


def test_target_each_takes_every_fitted_field_before_one_twice(small):
    ensemble = sample(small, 4, target="each")
    op = small.operator()
    x = torch.from_numpy(small.standardisation.forward(ensemble.field.load()))
    distance = (small.targets[:, None] - op(x).detach().numpy()) / small.spread
    nearest = (distance**2).mean(-1).argmin(0)
    assert sorted(nearest) == [0, 1, 2, 3]


def test_a_model_is_the_same_after_its_tree_and_its_file(tmp_path):
    fitted = fitting.fit(field(2, 32, channels=2), "covariance+marginal", scales=3, angles=2)
    path = str(tmp_path / "a.model.h5")
    synth.write_model(path, fitted)
    for twin in (model.Model.from_tree(fitted.to_tree()), synth.read_model(path)):
        assert twin.digest() == fitted.digest()
        assert twin.labels == fitted.labels
        np.testing.assert_array_equal(twin.mean, fitted.mean)
        assert sample(twin, 1, steps=2).outcomes == sample(fitted, 1, steps=2).outcomes


@pytest.mark.parametrize("change", ["name", "number"])
def test_a_model_of_another_version_is_refused(small: model.Model, change: str) -> None:
    if change == "name":
        old = {f"parts.0.{name}": value for name, value in small.constants.items()}
        other = replace(small, constants=old)
    else:
        other = replace(small, mean=small.mean[:-1])
    with pytest.raises(InputError, match="fitted by another version of synth"):
        sample(other, 1)


def test_merging_is_fitting_the_union():
    both = field(5, 32)
    parts = [
        Field(v, dims=("y", "x"), spacing=(1.0, 1.0), channels=("c0",), boundary="periodic")
        for v in (both.values[:3], both.values[3:])
    ]
    first = fitting.fit(parts[0], "covariance", scales=3)
    merged = merging.merge([first, fitting.fit(parts[1], like=first)])
    union = fitting.fit(both, like=first)
    np.testing.assert_allclose(merged.mean, union.mean, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(merged.spectrum, union.spectrum, rtol=1e-6, atol=1e-12)
    assert merged.n_fields == union.n_fields == 5
    with pytest.raises(InputError, match="Models merge when they share settings"):
        merging.merge([first, fitting.fit(parts[1], "covariance", scales=3)])


@pytest.mark.parametrize(("shape", "channels"), [((64,), 1), ((32, 24), 2), ((12, 10, 8), 1)])
def test_gaussian_starts_have_the_spectra_and_band_powers_of_the_model(shape, channels):
    draw = np.random.default_rng(0)
    x = draw.normal(size=(40, channels, *shape))
    x = x + 0.8 * np.roll(x, 1, -1)  # anisotropic
    x[:, -1] += 0.6 * x[:, 0]
    x = (x - x.mean()) / x.std()
    real = Field.from_array(
        x.astype(np.float32), dims=("sample", "channel", *"zyx"[-len(shape) :]), boundary="periodic"
    )
    fitted = fitting.fit(real, "covariance", scales=2)
    op = fitted.operator()
    colour = spectra.Colour(fitted.shells, fitted.spectrum, op.bank, op.band_power())
    noise = torch.randn((400, channels, *shape), generator=torch.Generator().manual_seed(0))
    drawn = colour.draw(noise)
    # The mean is the descent's to find: a Gaussian start has none.
    assert drawn.mean(tuple(range(2, drawn.ndim))).abs().max() < 1e-5
    power, wanted = op.constants(drawn)["power"], op.band_power().double()
    # 400 fields tell 2%; the rest is what a few rounds of iterative scaling leave.
    torch.testing.assert_close(power, wanted, rtol=0.1, atol=0.0)
    cross = spectra.measure(drawn)[1:].mean(0)
    expected = fitted.spectrum[1:].mean(0)
    np.testing.assert_allclose(cross, expected, atol=0.08 * np.abs(expected).max())
