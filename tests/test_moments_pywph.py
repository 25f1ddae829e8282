"""WPH moments equal those of pywph 1.1.3 where the definitions coincide, class by class.

pywph normalises a covariance by the means and deviations of both features of the same field, with
the mean of every harmonic taken away first; here the deviation of a harmonic k >= 1 is that of the
band, root of E|W|^2, so a pywph moment with k = 2^d is rescaled before it is compared.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch
from moment_fields import skewed_fields

import moments

SHAPE, J, L = (48, 40), 4, 4


@pytest.fixture(scope="module")
def theirs():
    """Operator of pywph with its moments and normalisation of one field, the field, and lags."""
    pywph = pytest.importorskip("pywph")
    op = pywph.WPHOp(*SHAPE, J, L=L, dn=2, device="cpu", precision="double")
    op.load_model(["S11", "S00", "C00", "S01", "C01", "Cphase"])
    x = skewed_fields(SHAPE)
    values = op.apply(x[0, 0], norm="auto").numpy()
    return op, values, x


@pytest.fixture(scope="module")
def ours(theirs) -> tuple[moments.Labels, np.ndarray]:
    x = theirs[2]
    op = moments.build(
        "wph", SHAPE, scales=J, angles=L, shells=2, delta_scale=None, harmonics=2 ** (J - 1),
        cross_shells=2,
        full_resolution=True, dtype=torch.float64,
    )  # fmt: skip
    op.freeze(op.constants(x))
    return op.labels, op(x)[0].numpy()


def complex_moments(labels: moments.Labels, values: np.ndarray) -> dict[tuple, complex]:
    """Values by (j1, l1, k1, j2, l2, k2, lag), the lag modulo the field, both ways round."""
    out: dict[tuple, complex] = {}
    for row, value in zip(labels, values, strict=True):
        if str(row["kind"]).startswith("L"):
            continue
        first, second = (tuple(int(row[n + s]) for n in "jlk") for s in "12")
        lag, back = (tuple((s * row["shift"][1:]) % SHAPE) for s in (1, -1))
        part = 1j * value if row["part"] == "im" else value
        out[first, second, lag] = out.get((first, second, lag), 0) + part
        out[second, first, back] = np.conj(out[first, second, lag])
    return out


@pytest.mark.parametrize(
    ("kind", "least"),
    [("S11", 60), ("S00", 60), ("C00", 90), ("S01", 16), ("C01", 96), ("Cphase", 24)],
)
def test_class_by_class(theirs, ours, kind, least):
    op, values, _ = theirs
    known = complex_moments(*ours)
    means, deviations, _, _ = op.get_normalization()
    harmonic = {"S11": (1, 1), "S00": (0, 0), "C00": (0, 0), "S01": (0, 1), "C01": (0, 1)}
    compared = 0
    for index, row in enumerate(op.wph_moments_indices.numpy()):
        j1, l1, k1, j2, l2, k2 = (int(v) for v in row[:6])
        same = (j1, l1) == (j2, l2)
        if kind == "Cphase":
            wanted = k2 >= 2
        else:
            wanted = (k1, k2) == harmonic[kind] and same == kind.startswith("S")
        tx, ty = (int(v) for v in op._translation_pos[index])
        mine = known.get(((j1, l1, k1), (j2, l2, k2), (ty, tx)))
        if not wanted or mine is None:
            continue
        cov = int(op._id_cov_indices[index])
        mean, deviation = means[cov, 0, 0, 1].abs(), deviations[cov, 0, 0, 1]
        to_band = 1.0
        if k2 >= 2:
            to_band = float(deviation / torch.sqrt(deviation**2 + mean**2))
        assert mine == pytest.approx(values[index] * to_band, abs=1e-9), row
        compared += 1
    assert compared >= least
