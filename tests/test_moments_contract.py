"""What every moment family promises.  A new family joins by being in ``moments.families()``."""

from __future__ import annotations

import copy
from functools import cache

import numpy as np
import pytest
import torch
from moment_fields import skewed_fields, spread

import moments
from moments import grids

CASES = [
    pytest.param((27,), 2, id="1-D odd, 2 channels"),
    pytest.param((12, 17), 2, id="2-D non-square, 2 channels"),
    pytest.param((8, 6, 7), 1, id="3-D"),
]
#: Few, because every family is built on every grid.
ANGLES = {1: 1, 2: 2, 3: 3}
every_family = pytest.mark.parametrize("name", moments.families())
every_grid = pytest.mark.parametrize(("shape", "channels"), CASES)


@cache
def built(name, shape, channels=1, dtype=torch.float64, full_resolution=False, scales=2):
    """The family of a few scales, normalised by two fields; made once, never changed."""
    op = moments.build(
        name, shape, scales=scales, angles=ANGLES[len(shape)], channels=channels, dtype=dtype,
        full_resolution=full_resolution,
    )  # fmt: skip
    return op.freeze(op.constants(skewed_fields(shape, 2, channels, seed=9).to(dtype)))


def moment(op: moments.MomentFamily, x: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        return op(x)


@every_family
@every_grid
def test_labels_name_every_moment_once(name, shape, channels):
    op = built(name, shape, channels)
    values = moment(op, skewed_fields(shape, 3, channels))
    assert values.shape == (3, op.n_moments) == (3, len(op.labels))
    assert torch.isfinite(values).all()
    assert len({row.tobytes() for row in op.labels.table}) == op.n_moments
    assert set(op.labels["c1"]) == set(range(channels))
    assert set(op.labels["part"]) <= {"re", "im", ""}


@every_family
def test_no_moment_is_counted_twice(name):
    """On fields of both signs that are large enough to tell all quantiles apart."""
    x = skewed_fields((32, 32), 4, 2)
    x = x - 0.9 * x.mean()
    values = moment(built(name, (32, 32), 2), x).numpy()
    ordered = values[:, np.lexsort(values.round(9))]
    assert np.abs(np.diff(ordered, axis=1)).max(0).min() > 1e-9


@every_family
@every_grid
def test_a_batch_is_its_fields_one_by_one(name, shape, channels):
    op, x = built(name, shape, channels), skewed_fields(shape, 3, channels)
    alone = torch.cat([moment(op, one[None]) for one in x])
    torch.testing.assert_close(moment(op, x), alone, rtol=1e-12, atol=1e-13)


@every_family
@every_grid
def test_moments_are_pure_numbers(name, shape, channels):
    """Normalised by the field itself, in any units."""
    x = skewed_fields(shape, 2, channels)
    values = []
    for unit in (1.0, 1e-3, 250.0):
        op = copy.deepcopy(built(name, shape, channels))
        values.append(moment(op.freeze(op.constants(unit * x)), unit * x))
    assert values[0].abs().median() < 5
    torch.testing.assert_close(values[1], values[0], rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(values[2], values[0], rtol=1e-9, atol=1e-9)


@every_family
@every_grid
def test_translation_changes_nothing_at_full_resolution(name, shape, channels):
    op, x = built(name, shape, channels, full_resolution=True), skewed_fields(shape, 1, channels)
    moved = torch.roll(x, [3, 2, 5][: len(shape)], tuple(range(2, x.ndim)))
    torch.testing.assert_close(moment(op, moved), moment(op, x), rtol=0, atol=1e-11)


@every_family
def test_translation_on_own_scale_grids_is_lost_in_the_spread(name):
    """By pixels that are no step of the coarse grids: under the tenth at which samples converge."""
    x = skewed_fields((64, 64), 6)
    op = moments.build(name, (64, 64), angles=2, dtype=torch.float64)
    op.freeze(op.constants(x))
    still, moved = moment(op, x).numpy(), moment(op, torch.roll(x, (3, 5), (2, 3))).numpy()
    apart = (moved - still) / spread(op, still)
    assert np.sqrt(np.mean(apart**2)) < 0.1


@every_family
@every_grid
def test_single_precision_is_close_to_double(name, shape, channels):
    x = skewed_fields(shape, 2, channels)
    single = moment(built(name, shape, channels, torch.float32), x.float())
    double = moment(built(name, shape, channels), x)
    assert single.dtype == torch.float32
    torch.testing.assert_close(single.double(), double, rtol=1e-5, atol=2e-5)


@every_family
@pytest.mark.parametrize(("shape", "channels"), [((9,), 2), ((8, 9), 1), ((4, 5, 4), 1)])
def test_gradient_is_the_derivative(name, shape, channels):
    op = built(name, shape, channels)
    x = skewed_fields(shape, 1, channels).requires_grad_(True)
    assert torch.autograd.gradcheck(op, x, fast_mode=True)


@every_family
@every_grid
def test_gradient_is_finite_at_degenerate_fields(name, shape, channels):
    """Zero, a constant, a spike, and one so small that its square is 0."""
    op = built(name, shape, channels, torch.float32)
    x = torch.zeros((4, channels, *shape))
    x[1] = 1.0
    x[2, ..., 2], x[3, ..., 2] = 1.0, 1e-30
    x.requires_grad_(True)
    values = op(x)
    (gradient,) = torch.autograd.grad(values.sum(), x)
    assert torch.isfinite(values).all()
    assert torch.isfinite(gradient).all()


@every_family
def test_a_band_without_power_stays_finite(name):
    """A target that lacks a scale gives moments and gradients that are numbers."""
    op = moments.build(name, (32, 32), scales=3, angles=2)
    u = torch.arange(32) * 2 * torch.pi / 32
    wave = torch.cos(2 * u).expand(1, 1, 32, 32).contiguous()
    op.freeze(op.constants(wave))
    wave.requires_grad_(True)
    values = op(wave)
    (gradient,) = torch.autograd.grad(values.square().sum(), wave)
    assert torch.isfinite(values).all()
    assert torch.isfinite(gradient).all()


@every_family
@every_grid
def test_constants_of_several_fields_are_the_mean_of_each(name, shape, channels):
    op, x = built(name, shape, channels), skewed_fields(shape, 3, channels)
    apart = [op.constants(one[None]) for one in x]
    for key, together in op.constants(x).items():
        mean = torch.stack([constants[key] for constants in apart]).mean(0)
        torch.testing.assert_close(together, mean, rtol=1e-12, atol=1e-14)


@every_family
def test_frozen_constants_are_all_a_model_must_keep(name):
    """state_dict() carries them to another operator, whatever its grid."""
    op, x = built(name, (24, 20)), skewed_fields((24, 20))
    twin = moments.build(name, (24, 20), scales=2, angles=2, dtype=torch.float64)
    assert not torch.equal(moment(twin, x), moment(op, x))
    twin.load_state_dict(op.state_dict())
    assert torch.equal(moment(twin, x), moment(op, x))
    assert set(op.state_dict()) == set(op.constants(x))
    larger = moments.build(name, (48, 40), scales=2, angles=2, dtype=torch.float64)
    assert torch.isfinite(moment(larger.freeze(op.state_dict()), skewed_fields((48, 40)))).all()


@every_family
def test_what_does_not_fit_is_refused_in_one_sentence(name):
    op = built(name, (16, 12), channels=2)
    with pytest.raises(ValueError, match=r"\(1, 1, 16, 12\) were given .* \(any, 2, 16, 12\)"):
        op(torch.zeros(1, 1, 16, 12))
    with pytest.raises(ValueError, match=r"\(2, 16, 12\) were given"):
        op.constants(torch.zeros(2, 16, 12))
    op = copy.deepcopy(op)
    constants = dict(op.state_dict())
    first, value = next(iter(constants.items()))
    with pytest.raises(ValueError, match=rf"Constant '{first}' of shape .* would work"):
        op.freeze({**constants, first: value[:1]})
    with pytest.raises(ValueError, match=rf"The constants .*were given to .*{first}.* would work"):
        op.freeze({name: value for name, value in constants.items() if name != first})
    with pytest.raises(ValueError, match="channels=0 was asked for; at least 1 is needed"):
        moments.build(name, (16, 12), channels=0)
    with pytest.raises(ValueError, match=f"Option 'colour' was given to {name}; its options are"):
        moments.build(name, (16, 12), colour=3)
    with pytest.raises(ValueError, match="scales=9 was asked for"):
        moments.build(name, (16, 12), scales=9)


def test_an_unknown_family_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match=r"'wavelets' was asked for; .*wph.* would work"):
        moments.build("wavelets", (16, 16))


@pytest.mark.parametrize(
    ("shape", "options", "sentence"),
    [
        ((16, 16), {"classes": ("S11", "S12")}, "class 'S12' was asked for; S11, S00, S01"),
        ((8, 8, 8), {"delta_angle": 1}, "delta_angle was asked for in 3-D"),
        ((16, 16), {"delta_angle": -1}, "delta_angle=-1 was asked for; 0 or more would work"),
        ((16, 16), {"delta_scale": -1}, "delta_scale=-1 was asked for; 0 or more would work"),
        ((16, 16), {"shells": -1}, "-1 shells of lags were asked for; 0 or more would work"),
        ((16, 16), {"cross_shells": -2}, "-2 shells of lags were asked for"),
        ((16, 16), {"lags": "round"}, "lags='round' was asked for; rings or square would work"),
        ((16, 16), {"harmonics": 1}, "harmonics=1 was asked for; 2 or more would work"),
    ],
)
def test_options_of_wph_out_of_range_are_refused(shape, options, sentence):
    with pytest.raises(ValueError, match=sentence):
        moments.build("wph", shape, **options)


@pytest.mark.parametrize("name", [*moments.families(), "wph+marginal"])
@pytest.mark.parametrize(("shape", "channels"), [((512,), 1), ((36, 27), 2), ((16, 18, 16), 1)])
@pytest.mark.parametrize("first", [1, 2])
def test_moments_of_coarse_scales_need_a_coarse_grid_only(name, shape, channels, first):
    op, x = built(name, shape, channels, scales=3), skewed_fields(shape, 2, channels)
    grid, axes = op.bank.grids[first], tuple(range(2, x.ndim))
    low = grids.regrid(torch.fft.rfftn(x, dim=axes, norm="forward"), shape, grid, half=True)
    coarse = op(torch.fft.irfftn(low, s=grid, dim=axes, norm="forward"), first)
    there = op.finest_scales >= first
    assert there.any() and not there.all()
    torch.testing.assert_close(coarse[:, there], op(x)[:, there], rtol=0, atol=1e-10)


@pytest.mark.parametrize("option", ["isotropic", "scale_orders"])
def test_combinations_need_the_scales_of_all_they_combine(option):
    op = moments.build("scattering-covariance", (32, 32), scales=3, angles=2, **{option: 1})
    for row, into in enumerate(op.get_buffer("into").tolist()):
        inner = op.inner.finest_scales[op.get_buffer("rows")[row]]
        assert op.finest_scales[into] <= inner
