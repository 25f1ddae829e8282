"""The published presets: each of their numbers, counted their way, is one of ours."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from moment_fields import skewed_fields
from oracles.zhang_mallat import LOW, diagonal, entries, once, orbit

import moments

J, L = 5, 8


def features(row: np.void) -> tuple:
    """Both features of one of our moments, as the oracle names them, and the lag."""
    lag = tuple(row["shift"][1:].tolist())
    if row["kind"] == "Lyy":
        return LOW, LOW, lag
    one, two = (tuple(int(row[f"{name}{side}"]) for name in "jlk") for side in (1, 2))
    return one, two, lag


@pytest.mark.parametrize(("model", "count"), [("A", 2335), ("B", 6895), ("C", 10927)])
def test_models_hold_what_is_published_and_nothing_else(model, count):
    published = list(entries(model, J, L))
    assert sum(numbers for *_, numbers in published) == count
    theirs = {once(*entry[:3], L) for entry in published}
    labels = moments.build(f"wph-{model}", (256, 256)).labels
    rows = [row for row in labels if row["kind"] != "Lmean" and row["part"] != "im"]
    ours = [once(*features(row), L) for row in rows]
    assert len(set(ours)) == len(ours)
    assert set(ours) == theirs
    imaginary = {once(*features(row), L) for row in labels if row["part"] == "im"}
    two_parts = {once(*entry[:3], L) for entry in published if entry[3] == 2}
    # At lag 0 the covariance of two bands is real: sum_w psi psi' |x^|^2.
    both = {(a, b, n) for a, b, n in two_parts if n != (0, 0) or a[2] != 1 or b[2] != 1}
    assert imaginary == both


def test_all_numbers_of_model_d_follow_from_ours():
    """769 covariances of the Fourier modes of the angle, from averages over rotations."""
    x = skewed_fields((64, 64))
    op = moments.build("wph-D", (64, 64), full_resolution=True, dtype=torch.float64)
    values = op.freeze(op.constants(x))(x)[0].numpy()
    kept = ~op.labels.where(kind=("Lmean", "Lyy"))
    named = {
        orbit(*features(row)[:2], L): value
        for row, value in zip(op.labels.table[kept], values[kept], strict=True)
    }
    assert len(named) == kept.sum()
    count, used = 1, set()  # 1: the power of the low pass
    for j, k, other, k2, modes in diagonal(x[0, 0].numpy(), J, L):
        names = [orbit((j, d, k), (other, 0, k2), L) for d in range(2 * L)]
        along = np.array([named.get(name, 0.0) for name in names])
        assert np.abs(np.fft.fft(along) - np.array(modes)).max() < 2e-6
        count += len(modes) * (1 if k == k2 else 2)
        used |= set(names)
    assert count == 769
    assert set(named) <= used
    assert op.labels.where(kind="Lyy").sum() == 1


@pytest.mark.parametrize("name", moments.presets())
def test_presets_measure_and_can_be_overridden(name):
    op = moments.build(name, (64, 64), scales=2, angles=4)
    assert (op.bank.scales, op.bank.angles) == (2, 4)
    x = skewed_fields((64, 64)).float()
    values = op.freeze(op.constants(x))(x)
    assert values.shape == (1, op.n_moments)
    assert values.isfinite().all()


@pytest.mark.parametrize(("name", "most"), [("small", 1000), ("standard", 3000), ("rich", 6000)])
def test_the_presets_of_this_project_keep_to_their_size(name, most):
    assert 0.6 * most < moments.build(name, (256, 256)).n_moments < most


@pytest.mark.parametrize("name", ["standard", "rich", "wph+marginal", "rectifier"])
def test_savings_leave_moments_out_one_after_the_other(name):
    options, counts = {}, [moments.build(name, (128, 128), channels=2).n_moments]
    for saving in moments.savings_of(name):
        options |= saving
        counts.append(moments.build(name, (128, 128), channels=2, **options).n_moments)
    assert len(counts) > 1
    assert (np.diff(counts) < 0).all()
