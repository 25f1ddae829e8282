"""Polynomial moments against plain products of shifted arrays."""

from __future__ import annotations

import functools

import numpy as np
import pytest
import scipy.stats
import torch
from oracles.filters import WAVELETS, axes

import moments


def skewed(shape: tuple[int, ...], channels: int, seed: int = 0) -> torch.Tensor:
    x = np.random.default_rng(seed).normal(size=(1, channels, *shape)).cumsum(-1)
    x -= x.mean(axis=tuple(range(2, x.ndim)), keepdims=True)
    return torch.from_numpy(np.exp(0.5 * x / x.std()))


@pytest.mark.parametrize(
    ("shape", "channels", "settings"),
    [
        ((45,), 2, {"scales": 3, "shells": 2}),
        ((24, 17), 1, {"scales": 3, "angles": 4}),
        ((16, 13), 2, {"scales": 2, "angles": 3}),
        ((8, 9, 10), 1, {"scales": 2, "angles": 3}),
    ],
)
def test_moments_are_shifted_products(shape, channels, settings):
    target, other = (skewed(shape, channels, seed)[0].numpy() for seed in (0, 1))
    op = moments.build(
        "polynomial", shape, channels=channels, full_resolution=True, dtype=torch.float64,
        **settings,
    )  # fmt: skip
    op.freeze(op.constants(torch.from_numpy(target)[None]))
    values = op(torch.from_numpy(other)[None])[0].numpy()
    space = tuple(range(1, len(shape) + 1))
    mean, std = (getattr(target, name)(space, keepdims=True) for name in ("mean", "std"))
    z = (other - mean) / std

    @functools.cache
    def psi(j: int, l: int) -> np.ndarray:
        return WAVELETS["bump"](shape, j, axes(len(shape), op.bank.angles)[l], op.bank.angles)

    def band(x: np.ndarray, label: np.void) -> np.ndarray:
        spectrum = np.fft.fftn(x[label["c1"]])
        return np.fft.ifftn(spectrum * psi(int(label["j1"]), int(label["l1"])))

    for label, value in zip(op.labels, values, strict=True):
        kind, shift = label["kind"], -label["shift"][3 - len(shape) :]
        if kind == "x1":
            assert value == pytest.approx(z[label["c1"]].mean(), abs=1e-10)
            continue
        if kind[0] == "x":
            one, two = z[label["c1"]], z[label["c2"]]
            if kind == "x12":
                two = two**2
            if kind == "x22":
                one, two = one**2, two**2
        else:
            w = band(other, label) / np.sqrt(np.mean(np.abs(band(target, label)) ** 2))
            one = w if kind != "W22" else np.abs(w) ** 2
            two = w.conj() if kind == "W11" else np.abs(w) ** 2
        expected = (np.roll(one, shift, range(len(shape))) * two).mean()
        part = expected.imag if label["part"] == "im" else expected.real
        assert value == pytest.approx(part, rel=1e-9, abs=1e-10)


def test_lag_zero_holds_skewness_and_kurtosis():
    x = skewed((32, 32), 1)
    op = moments.build("polynomial", (32, 32), dtype=torch.float64)
    values = op.freeze(op.constants(x))(x)[0].numpy()
    origin = (0, 0, 0)
    skewness = values[op.labels.where(kind="x12", shift=origin)]
    kurtosis = values[op.labels.where(kind="x22", shift=origin)]
    assert skewness == pytest.approx([scipy.stats.skew(x, axis=None)])
    assert kurtosis == pytest.approx([scipy.stats.kurtosis(x, axis=None, fisher=False)])


def test_no_moment_is_counted_twice():
    """A moment and its mirror image (factors and lag reversed) never both appear."""
    op = moments.build("polynomial", (40, 36), channels=2, scales=2)
    names = ("kind", "c1", "c2", "j1", "l1", "part")
    seen = set()
    for label in op.labels:
        lag = tuple(label["shift"].tolist())
        if label["kind"] in ("x11", "x22", "W11", "W22") and label["c1"] == label["c2"]:
            lag = max(lag, tuple(-n for n in lag))
        seen.add((*(label[name] for name in names), lag))
    assert len(seen) == op.n_moments


def test_gradient():
    x = skewed((9, 8), 2)
    op = moments.build("polynomial", (9, 8), channels=2, scales=2, angles=2, dtype=torch.float64)
    op.freeze(op.constants(skewed((9, 8), 2, seed=1)))
    assert torch.autograd.gradcheck(op, (x.requires_grad_(True),))
