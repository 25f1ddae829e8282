"""How far moments on own-scale grids are from the full-resolution definition they approximate.

What is quadratic in the field (S11, P, low-pass covariance) is exact up to the filters' tails; the
modulus of a coarse band aliases a little on its own grid.  The bounds below hold on Gaussian,
white, sparse and real fields, and are inside the tenth of a spread at which a sample converges.
"""

from __future__ import annotations

import h5py
import numpy as np
import pytest
import torch
from known_fields import gaussian_fields
from moment_fields import sparse_fields, spread

import moments

#: Largest absolute error of any moment of a class, in units of its normalised moments.
LARGEST = {
    "S11": 1e-12, "P": 1e-7, "Lmean": 1e-12, "Lyy": 5e-5, "S00": 6e-2, "C00": 4e-2, "S01": 6e-3,
    "C01": 6e-3, "Cphase": 7e-3, "L|y|": 3e-2, "Ly|y|": 1.5e-2, "S1": 8e-3, "S3": 7e-3, "S4": 2e-3,
    "F": 5e-3,
}  # fmt: skip
#: Rms error of each class over its moments and several fields, in units of the sampling spread.
RMS_IN_SPREADS = 0.08


def errors(name: str, x: torch.Tensor, **settings: object):
    """Labels, own-scale minus full-resolution moments (fields, M), and their sampling spread."""
    values = []
    for full in (False, True):
        op = moments.build(
            name, x.shape[2:], channels=x.shape[1], full_resolution=full, dtype=torch.float64,
            **settings,
        )  # fmt: skip
        op.freeze(op.constants(x))
        with torch.no_grad():
            values.append(torch.cat([op(one[None]) for one in x]).numpy())
    return op.labels, values[0] - values[1], spread(op, values[1])


def check(labels: moments.Labels, error: np.ndarray, unit: np.ndarray, times: int = 1) -> None:
    """Errors are within so many times the bounds."""
    for kind in np.unique(labels["kind"]):
        rows = labels["kind"] == kind
        assert np.abs(error[:, rows]).max() < times * LARGEST[kind], kind
        assert np.sqrt(np.mean((error[:, rows] / unit[rows]) ** 2)) < RMS_IN_SPREADS, kind


def fields(law: str, shape: tuple[int, ...], n: int) -> torch.Tensor:
    if law == "sparse":
        return sparse_fields(shape, n)
    return gaussian_fields(n, shape, {"gaussian": -3.0, "white": 0.0}[law]).double()


@pytest.mark.parametrize("law", ["gaussian", "white", "sparse"])
@pytest.mark.parametrize(
    ("name", "options"),
    [("wph", {"cross_shells": 1, "harmonics": 4}), ("scattering-covariance", {"angles": 3})],
)
def test_own_scale_grids_stay_within_the_bounds(name, options, law):
    check(*errors(name, fields(law, (64, 64), 8), **options))


@pytest.mark.parametrize(
    ("shape", "options"),
    [((512,), {}), ((60, 45), {"angles": 3}), ((24, 20, 22), {"scales": 3, "angles": 3})],
)
@pytest.mark.parametrize("name", ["wph", "scattering-covariance"])
def test_bounds_hold_in_every_dimension(name, shape, options):
    check(*errors(name, sparse_fields(shape, 6), **options))


def test_morlet_wavelets_lose_less():
    check(*errors("scattering-covariance", sparse_fields((64, 64), 4), wavelet="morlet", angles=2))


@pytest.mark.parametrize("name", ["wph", "scattering-covariance"])
def test_bounds_hold_on_real_vorticity(name, shared_data):
    with h5py.File(shared_data / "vorticity_2d_256.h5") as file:
        dataset = next(item for item in file.values() if item.ndim >= 3)
        full = torch.from_numpy(np.asarray(dataset[:4], dtype=np.float64)).reshape(-1, 1, 256, 256)
    spectrum = moments.bank.grids.regrid(torch.fft.fft2(full), (256, 256), (64, 64))
    x = torch.fft.ifft2(spectrum).real
    check(*errors(name, (x - x.mean()) / x.std(), angles=3))


@pytest.mark.parametrize("law", ["gaussian", "sparse"])
@pytest.mark.parametrize("name", ["wph", "scattering-covariance", "covariance"])
def test_translation_moves_moments_by_no_more_than_the_bounds(name, law):
    """Shifts of the pixels that are not shifts of the coarse grids."""
    x = fields(law, (64, 64), 6)
    op = moments.build(name, (64, 64), angles=3, dtype=torch.float64)
    op.freeze(op.constants(x))
    with torch.no_grad():
        still, moved = op(x).numpy(), op(torch.roll(x, (3, 5), (2, 3))).numpy()
    # Twice: once for each of the two positions.
    check(op.labels, moved - still, spread(op, still), times=2)
