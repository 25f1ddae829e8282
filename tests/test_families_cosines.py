"""Cosine transforms over scales against scipy, and how few of their orders hold a cascade."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from moment_fields import skewed_fields
from scipy.fft import dct

import moments

SHAPE = {"shape": (32, 24), "scales": 4, "angles": 2, "dtype": torch.float64}
NAME = "scattering-covariance"


def plain_and_reduced(orders: int, **options: object):
    """Labels and values of a family and of its cosine transform, on one field."""
    x = skewed_fields((32, 24), channels=2)
    found = []
    for more in ({}, {"scale_orders": orders}):
        op = moments.build(NAME, channels=2, **SHAPE, **options, **more)
        found.append((op.labels, op.freeze(op.constants(x))(x)[0].numpy()))
    return found


@pytest.mark.parametrize("options", [{}, {"isotropic": True}])
def test_each_order_is_that_of_scipy(options):
    (labels, values), (reduced, cosines) = plain_and_reduced(3, **options)
    checked = 0
    for row, value in zip(reduced.table, cosines, strict=True):
        names = ("kind", "c1", "l1", "c2", "l2", "l3", "part")
        chain = labels.where(**{name: row[name] for name in names})
        if row["kind"] in ("S3", "S4"):
            for name in ("j2", "j3"):
                chain &= labels[name] - labels["j1"] == row[name] - row["j1"]
            along = values[np.flatnonzero(chain)[np.argsort(labels["j1"][chain])]]
            assert value == pytest.approx(dct(along, norm="ortho")[row["q"]], abs=1e-12)
            checked += row["q"] > 0
        else:
            chain &= (labels["j1"] == row["j1"]) & (labels["shift"] == row["shift"]).all(-1)
            assert value == values[chain].item()
            assert row["q"] == -1
    assert checked > 100


def test_counts():
    """Chains of n scales keep min(orders, n) numbers; all orders keep all."""
    (labels, _), (full, _) = plain_and_reduced(4)
    assert len(full) == len(labels)
    (_, _), (one, _) = plain_and_reduced(1)
    deepest = labels.where(kind=("S3", "S4"), j3=3).sum()
    # A chain ends where its coarsest wavelet is the last: one for each moment at j3 = J - 1.
    assert one.where(kind=("S3", "S4")).sum() == deepest


def test_a_self_similar_cascade_needs_one_order():
    """Of moments that do not depend on the scale the orders past the first vanish."""
    op = moments.build(NAME, scale_orders=4, **SHAPE)
    inner = torch.where(torch.as_tensor(op.inner.labels["j1"] >= 0), 2.5, 0.0).double()
    op.inner.forward = lambda x, first=0: inner.expand(len(x), -1)
    values = op(torch.zeros(1, 1, 32, 24))[0].numpy()
    assert np.abs(values[op.labels["q"] > 0]).max() < 1e-12
    assert values[op.labels["q"] == 0].min() > 2.4


def test_refusal():
    with pytest.raises(ValueError, match="scale_orders=0 was asked for; 1 or more would work"):
        moments.build(NAME, scale_orders=0, **SHAPE)
    with pytest.raises(ValueError, match="'scale_orders' was given to scattering; its options are"):
        moments.build("scattering", (32, 24), scale_orders=2)
