"""Moments of a turned, mirrored, dilated or rescaled field are moments of the field, by their
labels."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from moment_fields import skewed_fields

import moments
from moments import grids

FAMILIES = ["wph", "scattering-covariance", "covariance"]
ANGLES = 4
COLUMNS = ("kind", "c1", "j1", "l1", "k1", "c2", "j2", "l2", "k2", "j3", "l3", "part")
SIDES = ("c1", "j1", "l1", "k1", "c2", "j2", "l2", "k2")


def two_fields(name: str, **options: object):
    """A family and the moments, by label, of a two-channel field."""
    op = moments.build(name, (32, 32), angles=ANGLES, channels=2, dtype=torch.float64, **options)
    x = skewed_fields((32, 32), 1, 2)
    op.freeze(op.constants(x))
    # The constants of a turned field are permuted too; normalisers of one value leave the moments.
    op.freeze(
        {key: value.mean() * torch.ones_like(value) for key, value in op.state_dict().items()}
    )
    return op, x


def key(row: np.void, **changed: object) -> tuple:
    """What identifies a moment, with some columns changed."""
    shift = tuple(int(s) for s in changed.pop("shift", row["shift"]))
    return (*(str(changed.get(name, row[name])) for name in COLUMNS), shift)


def mapped(op, values: np.ndarray, orientation, lag) -> np.ndarray:
    """Moments of the transformed field, read off the values of the untransformed one.

    A band at l is the one that ``orientation`` gives, conjugated where it comes round as theta +
    180 degrees; the lag is the one that ``lag`` gives.  Real features do not see the conjugation.
    """
    index = {key(row): i for i, row in enumerate(op.labels)}
    out = np.empty(len(values))
    for i, row in enumerate(op.labels):
        turned, conjugated = {}, set()
        for number in "123":
            l, feature = int(row["l" + number]), row["k" + number] if number != "3" else 1
            if l >= 0:
                turned["l" + number], around = orientation(l)
                if feature != 0:
                    conjugated.add(around)
        assert len(conjugated) <= 1, row  # both complex features of a moment share their turn
        shift = np.array([0, *lag(row["shift"][1:])])
        sign = -1.0 if True in conjugated and row["part"] == "im" else 1.0
        found = index.get(key(row, shift=shift, **turned))
        if found is None:  # kept the other way round: mean a b^* is the conjugate of mean b a^*
            moved = {name: turned.get(name, row[name]) for name in SIDES}
            swapped = {name: moved[SIDES[(n + 4) % 8]] for n, name in enumerate(SIDES)}
            found = index[key(row, shift=-shift, **{**turned, **swapped})]
            sign = -sign if row["part"] == "im" else sign
        out[i] = sign * values[found]
    return out


@pytest.mark.parametrize("name", FAMILIES)
def test_rotation_by_90_degrees_permutes_orientations(name):
    op, x = two_fields(name)
    # About the pixel at the origin.
    turned = torch.roll(torch.rot90(x, 1, (2, 3)), 1, 2)
    quarter = ANGLES // 2
    before = mapped(
        op,
        op(x)[0].numpy(),
        # rot90 carries x into -y: the band at theta of the turned field was at theta + 90.
        lambda l: ((l + quarter) % ANGLES, l + quarter >= ANGLES),
        lambda shift: (shift[1], -shift[0]),
    )
    np.testing.assert_allclose(op(turned)[0].numpy(), before, atol=1e-11)


@pytest.mark.parametrize("name", FAMILIES)
def test_reflection_negates_orientations(name):
    op, x = two_fields(name)
    mirrored = torch.roll(x.flip(2), 1, 2)
    before = mapped(
        op,
        op(x)[0].numpy(),
        lambda l: (-l % ANGLES, l > 0),
        lambda shift: (-shift[0], shift[1]),
    )
    np.testing.assert_allclose(op(mirrored)[0].numpy(), before, atol=1e-11)


@pytest.mark.parametrize("name", FAMILIES)
def test_dilation_by_two_moves_every_band_up_one_scale(name):
    """Fourier interpolation to twice the points: scale j becomes j + 1, except at the folded j =
    0."""
    rough = torch.fft.fft2(skewed_fields((32, 32)), norm="forward")
    large_spectrum = grids.regrid(rough, (32, 32), (64, 64))  # without the Nyquist of the small
    large = torch.fft.ifft2(large_spectrum, norm="forward").real
    small = torch.fft.ifft2(grids.regrid(large_spectrum, (64, 64), (32, 32)), norm="forward").real
    values, labels = [], []
    for x, scales in ((small, 3), (large, 4)):
        op = moments.build(name, x.shape[2:], scales=scales, angles=ANGLES, dtype=torch.float64)
        values.append(op.freeze(op.constants(x))(x)[0].numpy())
        labels.append(op.labels)
    index = {key(row): i for i, row in enumerate(labels[1])}
    compared = set()
    for row, value in zip(labels[0], values[0], strict=True):
        raised = {n: row[n] + 1 for n in ("j1", "j2", "j3") if row[n] >= 0}
        found = index.get(key(row, shift=2 * row["shift"], **raised))
        if raised and min(raised.values()) >= 2 and found is not None:
            # Aliases of the Gaussian, folded at the small Nyquist only.
            error = 1e-6 if row["kind"].startswith("L") else 1e-11
            assert value == pytest.approx(values[1][found], abs=error), row
            compared.add(str(row["kind"]))
    assert compared >= set(labels[0]["kind"]) - {"Lmean"}


@pytest.mark.parametrize("name", FAMILIES)
def test_a_constant_moves_the_low_pass_alone(name):
    op, x = two_fields(name)
    low = np.char.startswith(op.labels["kind"], "L")
    moved = (op(x + 0.7) - op(x))[0].abs().numpy()
    assert moved[~low].max() < 1e-11
    mean = op.labels.where(kind="Lmean")
    expected = 0.7 / op.state_dict()[next(k for k in op.state_dict() if "." in k)].sqrt()
    np.testing.assert_allclose(moved[mean], expected[:, 0].numpy(), rtol=1e-9)


@pytest.mark.parametrize("name", FAMILIES)
def test_amplitude_law_under_frozen_constants(name):
    """a x has a^n times the moments of degree n, a > 0."""
    op, x = two_fields(name)
    first, none = (np.isin(op.labels["kind"], kinds) for kinds in (("S1", "Lmean", "L|y|"), ("F",)))
    degree = 2 - first - 2 * none
    # Centred moduli are not homogeneous; with a mean of zero frozen they are.
    op.modulus.zero_()
    np.testing.assert_allclose(
        op(3.0 * x)[0].numpy(), 3.0**degree * op(x)[0].numpy(), rtol=1e-10, atol=1e-12
    )
