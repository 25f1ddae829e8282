"""Every moment agrees with its definition computed the slow way, row by row of the labels."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from moment_fields import skewed_fields
from oracles.direct import Direct

import moments


def disagreement(name: str, shape: tuple[int, ...], channels: int, **settings: object) -> float:
    """Largest difference between the family at full resolution and the twin, on a held-out
    field."""
    target, other = skewed_fields(shape, 2, channels), skewed_fields(shape, 1, channels, seed=1)
    op = moments.build(
        name, shape, channels=channels, full_resolution=True, dtype=torch.float64, **settings
    )
    op.freeze(op.constants(target))
    twin = Direct(target.numpy(), op.bank.scales, op.bank.angles, op.bank.wavelet)
    return float(np.abs(op(other)[0].numpy() - twin.moments(other[0].numpy(), op.labels)).max())


FURTHER = ("C11", "C10", "C02", "C12", "Lyy")
GRIDS = [
    pytest.param((33,), 2, {"scales": 3}, id="1-D odd, 2 channels"),
    pytest.param((32,), 1, {"scales": 4}, id="1-D even"),
    pytest.param((24, 17), 1, {"scales": 3, "angles": 4}, id="2-D non-square, odd"),
    pytest.param((13, 16), 2, {"scales": 2, "angles": 3}, id="2-D prime, 2 channels"),
    pytest.param((8, 9, 10), 1, {"scales": 2, "angles": 3}, id="3-D"),
    pytest.param((8, 8, 8), 2, {"scales": 2, "angles": 4}, id="3-D, 2 channels"),
]


@pytest.mark.parametrize("name", ["wph", "covariance", "scattering-covariance"])
@pytest.mark.parametrize(("shape", "channels", "settings"), GRIDS)
def test_moments_are_their_definition(name, shape, channels, settings):
    assert disagreement(name, shape, channels, **settings) < 1e-10


@pytest.mark.parametrize(
    ("shape", "channels", "options"),
    [
        ((40, 33), 1, {"scales": 3, "cross_shells": 2, "harmonics": 4}),
        ((26, 32), 2, {"scales": 2, "angles": 2, "cross_shells": 1, "delta_scale": 1}),
        ((64,), 2, {"scales": 4, "cross_shells": 2, "harmonics": 8, "shells": 3}),
        ((16, 16), 1, {"scales": 3, "angles": 5, "delta_angle": 1, "delta_scale": 1}),
        ((16, 16, 17), 1, {"scales": 2, "angles": 6, "cross_shells": 1, "shells": 1}),
        ((24, 24), 3, {"scales": 2, "angles": 2, "classes": ("C00", "Cphase", "L"), "shells": 3}),
        ((32, 27), 1, {"scales": 3, "angles": 4, "classes": FURTHER, "lags": "square"}),
        ((16, 17), 2, {"scales": 2, "angles": 4, "classes": FURTHER, "delta_angle": 1}),
        ((33,), 2, {"scales": 3, "classes": FURTHER}),
        ((8, 9, 10), 2, {"scales": 2, "angles": 3, "classes": FURTHER, "shells": 1}),
        ((32, 40), 2, {"scales": 2, "angles": 2, "classes": ("S11", "S00"), "lags": "square"}),
    ],
)
def test_every_option_of_wph_is_its_definition(shape, channels, options):
    assert disagreement("wph", shape, channels, **options) < 1e-10


@pytest.mark.parametrize("shape", [(24,), (16, 15), (8, 9, 8)])
def test_morlet_moments_are_their_definition(shape):
    assert disagreement("scattering-covariance", shape, 1, scales=2, wavelet="morlet") < 1e-10


@pytest.mark.parametrize(
    ("shape", "channels", "options"),
    [
        ((32, 27), 1, {"scales": 3, "angles": 3, "delta_scale": 1, "flatness": True}),
        ((16, 17), 2, {"scales": 3, "angles": 2, "cross_channels": "band", "lagged": ("S11",)}),
        ((48,), 2, {"scales": 4, "delta_scale": 2, "lagged": ("S00",), "shells": 2}),
        ((8, 9, 10), 2, {"scales": 2, "angles": 3, "delta_scale": 0, "lagged": ("S11", "S00")}),
    ],
)
def test_every_option_of_scattering_covariance_is_its_definition(shape, channels, options):
    assert disagreement("scattering-covariance", shape, channels, **options) < 1e-10
