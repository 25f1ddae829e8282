"""Averages over rotations."""

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
    ("wph", {"classes": ("C11", "C10", "C02", "C12")}),
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


@pytest.mark.parametrize(("name", "options"), FAMILIES)
def test_mirrored_averages_do_not_change_under_reflections(name, options):
    """About the pixel (0, 0), along either axis or the diagonal; without ``mirror`` they do."""
    x = skewed((32, 32))
    images = [x.flip(3).roll(1, 3), x.flip(2).roll(1, 2), x.transpose(2, 3)]
    sizes = {}
    for mirror in (True, False):
        op = moments.build(
            name, (32, 32), scales=3, angles=4, isotropic=True, mirror=mirror,
            dtype=torch.float64, **options,
        )  # fmt: skip
        op.freeze(op.constants(x))
        change = max(float((op(x) - op(image)).abs().max()) for image in images)
        assert change < 1e-9 if mirror else change > 1e-3
        sizes[mirror] = op.n_moments
    assert sizes[True] < sizes[False]


def test_3d_averages_do_not_change_under_exchange_of_axes():
    x = skewed((12, 12, 12))
    op = moments.build(
        "wph", (12, 12, 12), scales=2, angles=3, isotropic=True, dtype=torch.float64,
        classes=("S11", "S00", "S01", "C00", "C01", "C11", "C10", "C02", "C12", "L"),
    )  # fmt: skip
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


@pytest.mark.parametrize(("shape", "angles"), [((32, 32), 4), ((12, 12, 12), 3)])
@pytest.mark.parametrize("averaged", [("S4",), ("S3", "S4")])
def test_kinds_averaged_alone_are_those_of_the_isotropic_family(shape, angles, averaged):
    """The others stay; of the coarsest scale S3 is averaged in any case."""
    x, settings = skewed(shape), {"scales": 2, "angles": angles, "dtype": torch.float64}
    plain, partly, fully = (
        moments.build("scattering-covariance", shape, **settings, **options)
        for options in ({}, {"averaged": averaged}, {"isotropic": True})
    )
    constants = fully.constants(x)
    fully.freeze(constants)
    for op in (plain, partly):
        op.freeze({name.removeprefix("inner."): value for name, value in constants.items()})
    found = dict(zip(map(bytes, partly.labels), partly(x)[0].tolist(), strict=True))
    wanted = {}
    for op in (plain, fully):
        turned = np.isin(op.labels["kind"], averaged)
        turned |= (op.labels["kind"] == "S3") & (op.labels["j3"] == 1)
        rows = np.flatnonzero(turned == (op is fully))
        wanted |= dict(zip(map(bytes, op.labels.table[rows]), op(x)[0][rows].tolist(), strict=True))
    assert found == pytest.approx(wanted, abs=1e-12)


def test_isotropic_scattering_covariance_has_chengs_count():
    """J = 7, L = 4: 1 + 2J + J(J+1)/2 L + C(J+2,3) L^2 = 1,471 in Cheng's convention.

    He counts both orders of the pairs with j1 = j1' (here once: 6 fewer for each of the 28 pairs of
    scales) and no variance of the low pass (here one).
    """
    op = moments.build("scattering-covariance", (256, 256), isotropic=True)
    assert op.n_moments + 28 * 6 - 1 == 1 + 2 * 7 + 28 * 4 + 84 * 16 == 1471


@pytest.mark.parametrize(
    ("name", "shape", "options", "sentence"),
    [
        ("wph", (32,), {}, "no rotations"),
        ("rectifier", (32, 32), {}, "its options are"),
        ("wph", (32, 32), {"isotropic": False, "mirror": True}, "with isotropic it would"),
        ("wph", (32, 32), {"lags": "square"}, "rings would"),
    ],
)
def test_refusal(name, shape, options, sentence):
    with pytest.raises(ValueError, match=sentence):
        moments.build(name, shape, **{"isotropic": True, **options})
