"""Averages over rotations, the published presets, and their counts in their own ways."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import moments


def skewed(shape: tuple[int, ...], channels: int = 1, seed: int = 0) -> torch.Tensor:
    """A strongly anisotropic field without reflection symmetry."""
    x = np.random.default_rng(seed).normal(size=(1, channels, *shape)).cumsum(-1)
    x += np.roll(x, 3, -2).cumsum(-2) / 3
    x -= x.mean(axis=tuple(range(2, x.ndim)), keepdims=True)
    return torch.from_numpy(np.exp(0.5 * x / x.std()))


FAMILIES = [
    ("wph", {"cross_shells": 1}),
    ("scattering-covariance", {}),
    ("covariance", {}),
    ("scattering", {}),
]


@pytest.mark.parametrize(("name", "options"), FAMILIES)
@pytest.mark.parametrize("channels", [1, 2])
def test_averages_do_not_change_under_rotations_by_90_degrees(name, options, channels):
    """Among the averaged rotations is one that grids know exactly; plain moments do change."""
    x = skewed((32, 32), channels)
    turned = torch.rot90(x, 1, (2, 3)).roll(1, 2)  # about the pixel (0, 0), which all grids share
    for isotropic in (True, False):
        op = moments.build(
            name, (32, 32), scales=3, angles=4, channels=channels, isotropic=isotropic,
            dtype=torch.float64, **options,
        )  # fmt: skip
        op.freeze(op.constants(x))
        change = (op(x) - op(turned)).abs()
        assert change.max() < 1e-9 if isotropic else change.max() > 1e-3


def test_3d_averages_do_not_change_under_exchange_of_axes():
    x = skewed((12, 12, 12))
    op = moments.build("wph", (12, 12, 12), scales=2, angles=3, isotropic=True, dtype=torch.float64)
    op.freeze(op.constants(x))
    first, *others = (op(x.permute(0, 1, *axes))[0] for axes in ((2, 3, 4), (3, 4, 2), (4, 2, 3)))
    for other in others:
        torch.testing.assert_close(first, other, rtol=0, atol=1e-9)


def test_an_average_is_the_mean_of_its_orbit():
    """Checked for one orbit by hand: C01 between the scales 0 and 2 at 45 degrees."""
    x = skewed((32, 32))
    plain, average = (
        moments.build("wph", (32, 32), scales=3, isotropic=iso, dtype=torch.float64)
        for iso in (False, True)
    )
    constants = average.constants(x)
    average.freeze(constants)
    plain.freeze({name.removeprefix("inner."): value for name, value in constants.items()})
    labels = plain.labels
    orbit = labels.where(kind="C01", j1=0, j2=2, part="re", shift=(0, 0, 0))
    orbit &= (labels["l1"] - labels["l2"]) % 4 == 1
    assert orbit.sum() == 4
    found = average.labels.where(kind="C01", j1=0, j2=2, part="re", shift=(0, 0, 0))
    found &= (average.labels["l1"] - average.labels["l2"]) % 4 == 1
    torch.testing.assert_close(average(x)[0, found], plain(x)[0, orbit].mean()[None])


def test_isotropic_scattering_covariance_has_chengs_count():
    """J = 7, L = 4: 1 + 2J + J(J+1)/2 L + C(J+2,3) L^2 = 1,471 in Cheng's convention.

    He counts both orders of the pairs with j1 = j1' (here once: 6 fewer for each of the 28 pairs of
    scales) and no variance of the low pass (here one).
    """
    op = moments.build("scattering-covariance", (256, 256), isotropic=True)
    assert op.n_moments + 28 * 6 - 1 == 1 + 2 * 7 + 28 * 4 + 84 * 16 == 1471


def zhang_mallat(scales: int, directions: int, lags: int) -> int:
    """Real numbers of their model A: every band at 2L directions, complex numbers as two."""
    return scales * directions * (1 + 2 * lags) + 1 + lags


def test_model_a_has_its_published_count():
    """2,335 with their 14 lags; ours hold half of the directions, and our own number of lags."""
    assert zhang_mallat(5, 16, 14) == 2335
    op = moments.build("wph-A", (256, 256))
    labels = op.labels
    first = labels.where(kind="S11", part="re", l1=0)
    ours = sum(2 * 8 * (2 * int((first & (labels["j1"] == j)).sum()) - 1) for j in range(5))
    own = 2 * int(labels.where(kind="S11").sum())
    assert own == ours


def test_model_d_has_the_published_count():
    r"""769 numbers: for J = 5, 2L = 16 Fourier modes q of the angle, 64 J + 112 (J - 1) + 1.

    At one scale (1,0) is complex, (1,1) and (0,0) are real: 4 * 16; between neighbours (0,0) is
    real, (0,1), (0,2) and (1,2) are complex: 7 * 16; and the power of the low pass.  A real field
    has W_{l+L} = W_l^*, so that the modes of the modulus-modulus covariances are even in q and
    vanish for odd q, and averages over rotations are as many as there are differences of angle.
    """
    assert 64 * 5 + 112 * 4 + 1 == 769
    op = moments.build("wph-D", (256, 256))
    count = {
        kind: int(op.labels.where(kind=kind).sum())
        for kind in np.unique(op.labels["kind"]).tolist()
    }
    # L differences of angle, unordered at one scale (1 .. L/2); S and Cphase one a scale.
    assert count["C00"] == 5 * 4 + 4 * 8
    assert count["C01"] == 4 * 8
    assert (count["S11"], count["S00"], count["S01"], count["Cphase"]) == (5, 5, 5, 4)


@pytest.mark.parametrize("name", moments.presets())
def test_presets_measure_and_can_be_overridden(name):
    op = moments.build(name, (64, 64), scales=2, angles=4)
    assert (op.bank.scales, op.bank.angles) == (2, 4)
    x = skewed((64, 64)).float()
    values = op.freeze(op.constants(x))(x)
    assert values.shape == (1, op.n_moments)
    assert values.isfinite().all()


@pytest.mark.parametrize(
    ("name", "shape", "sentence"),
    [
        ("wph", (32,), "no rotations"),
        ("rectifier", (32, 32), "its options are"),
    ],
)
def test_refusal(name, shape, sentence):
    with pytest.raises(ValueError, match=sentence):
        moments.build(name, shape, isotropic=True)
