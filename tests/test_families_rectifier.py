"""Rectifier covariances against numpy, and the theorem of phase harmonics behind them."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from moment_fields import sparse_fields, spread
from oracles.filters import WAVELETS, axes

import moments
from moments.harmonics import harmonic
from moments.rectifier import rectified


def skewed(shape: tuple[int, ...], n: int, channels: int, seed: int = 0) -> torch.Tensor:
    x = np.random.default_rng(seed).normal(size=(n, channels, *shape)).cumsum(-1)
    x -= x.mean(axis=tuple(range(2, x.ndim)), keepdims=True)
    return torch.from_numpy(np.exp(0.5 * x / x.std()))


def rectified_bands(x: np.ndarray, scales: int, angles: int, wavelet: str) -> dict:
    """ReLU(Re(e^{ia} W x)) of one field (channel, *space), keyed by (c, j, l, quarter turns)."""
    shape, found = x.shape[1:], {}
    for c, field in enumerate(x):
        for j in range(scales):
            for l, axis in enumerate(axes(len(shape), angles)):
                psi = WAVELETS[wavelet](shape, j, axis, angles)
                band = np.fft.ifftn(np.fft.fftn(field) * psi)
                for quarter in range(4):
                    turned = (np.exp(0.5j * np.pi * quarter) * band).real
                    found[c, j, l, quarter] = np.maximum(turned, 0)
    return found


@pytest.mark.parametrize(
    ("shape", "channels", "settings"),
    [
        ((45,), 2, {"scales": 3, "delta_scale": 1}),
        ((24, 17), 1, {"scales": 3, "angles": 4, "shells": 2}),
        ((13, 16), 2, {"scales": 2, "angles": 2, "delta_scale": 0, "wavelet": "morlet"}),
        ((8, 9, 10), 1, {"scales": 2, "angles": 3}),
    ],
)
def test_covariances_are_their_definition(shape, channels, settings):
    target, other = skewed(shape, 1, channels), skewed(shape, 1, channels, seed=1)
    op = moments.build(
        "rectifier", shape, channels=channels, full_resolution=True, dtype=torch.float64, **settings
    )
    values = op.freeze(op.constants(target))(other)[0].numpy()
    bank = op.bank
    frozen, seen = (
        rectified_bands(v[0].numpy(), bank.scales, bank.angles, bank.wavelet)
        for v in (target, other)
    )
    for row in np.flatnonzero(op.labels.where(kind="R")):
        label = op.labels.table[row]
        one, two = (tuple(int(label[f"{name}{i}"]) for name in "cjlk") for i in (1, 2))
        shift = label["shift"][3 - len(shape) :]
        a = (np.roll(seen[one], -shift, range(len(shape))) - frozen[one].mean()) / frozen[one].std()
        b = (seen[two] - frozen[two].mean()) / frozen[two].std()
        assert values[row] == pytest.approx((a * b).mean(), abs=1e-10)


def test_no_pair_is_counted_twice():
    op = moments.build("rectifier", (32, 32), channels=2, scales=3, angles=2)
    table = op.labels.table[op.labels.where(kind="R")]

    def name(row: np.void) -> tuple:
        ends = {tuple(int(row[f"{column}{i}"]) for column in "cjlk") for i in (1, 2)}
        lag = tuple(row["shift"].tolist())
        return frozenset(ends), max(lag, tuple(-n for n in lag))

    pairs = {name(row) for row in table}
    assert len(pairs) == len(table)


def test_count():
    """Of the 16 pairs of phases 14 between two bands, of the 10 of a band with itself 9.

    So 6 * 14 + 4 * 9 pairs at one scale of 4 angles and 16 * 14 with each of the two below it.  Six
    of the seven scales have room for their shell of 4 lags (of a feature with itself); the low pass
    adds a mean and a variance.
    """
    op = moments.build("rectifier", (256, 256))
    assert op.n_moments == 7 * 120 + (6 + 5) * 224 + 6 * 16 * 4 + 2


def test_what_is_left_out_follows_from_the_rest():
    """Cov(Re W, Im W') = 0 within a channel, so the pairs of the phases 1 and 2 are a sum."""
    x = skewed((24, 20), 1, 1)[0].numpy()
    r = rectified_bands(x, 2, 3, "bump")
    bands = [(0, j, l) for j in range(2) for l in range(3)]

    def covariance(one: tuple, two: tuple) -> float:
        return float(np.mean((r[one] - r[one].mean()) * (r[two] - r[two].mean())))

    for one, two in itertools.product(bands, bands):
        c = {(a, b): covariance((*one, a), (*two, b)) for a in range(4) for b in range(4)}
        scale = np.sqrt(covariance((*one, 0), (*one, 0)) * covariance((*two, 0), (*two, 0)))
        assert c[2, 1] == pytest.approx(c[0, 1] + c[2, 3] - c[0, 3], abs=1e-10 * scale)
        assert c[1, 2] == pytest.approx(c[3, 2] + c[1, 0] - c[3, 0], abs=1e-10 * scale)


def test_channels_may_meet_in_one_band_only():
    settings = {"channels": 3, "scales": 3, "angles": 2, "dtype": torch.float64}
    full, less = (
        moments.build("rectifier", (32, 32), cross_channels=c, **settings) for c in ("all", "band")
    )
    apart = (full.labels["j1"] != full.labels["j2"]) | (full.labels["l1"] != full.labels["l2"])
    wanted = (full.labels["c1"] == full.labels["c2"]) | ~apart
    assert less.labels == moments.Labels(full.labels.table[wanted])
    x = skewed((32, 32), 1, 3)
    constants = full.constants(x)
    values = [op.freeze(constants)(x)[0] for op in (full, less)]
    assert torch.equal(values[1], values[0][torch.as_tensor(wanted)])


def test_coarse_grids_alias_little():
    """Rms error of a class of pairs on own grids, in units of the sampling spread."""
    x = sparse_fields((64, 64), 8)
    values = []
    for full in (False, True):
        op = moments.build("rectifier", (64, 64), full_resolution=full, dtype=torch.float64)
        op.freeze(op.constants(x))
        values.append(torch.cat([op(one[None]) for one in x]).numpy())
    error = (values[0] - values[1]) / spread(op, values[1])
    rows = op.labels.where(kind="R")
    assert np.sqrt(np.mean(error[:, rows] ** 2)) < 0.02


def test_fourier_series_along_the_phase_are_the_harmonics():
    r"""(1/2 pi) int ReLU(Re(e^{ia} z)) e^{-ika} da = gamma(k) [z]^k, k = 0 .. 4.

    gamma(k) = (-1)^(k/2 + 1) / (pi (k^2 - 1)) for even k, 1/4 for k = 1, 0 for other odd k (Mallat,
    Zhang & Rochette 2020, proposition on the rectifier).
    """
    z = torch.view_as_complex(torch.randn(50, 2, dtype=torch.float64))
    a = 2 * np.pi * torch.arange(4096, dtype=torch.float64) / 4096
    rho = torch.relu((torch.exp(1j * a) * z.unsqueeze(-1)).real)
    gamma = {0: 1 / np.pi, 1: 1 / 4, 2: 1 / (3 * np.pi), 3: 0.0, 4: -1 / (15 * np.pi)}
    for k, factor in gamma.items():
        series = (rho * torch.exp(-1j * k * a)).mean(-1)
        torch.testing.assert_close(series, factor * harmonic(z, k).to(series), rtol=0, atol=1e-6)


def test_opposite_phases_hold_the_band():
    """ReLU(v) - ReLU(-v) = v: the four features give back the complex coefficients."""
    z = torch.view_as_complex(torch.randn(1, 1, 3, 5, 6, 2, dtype=torch.float64))
    r = rectified(z, 2)
    assert torch.equal(
        torch.complex(r[:, :, :, 0] - r[:, :, :, 2], r[:, :, :, 3] - r[:, :, :, 1]), z
    )


@pytest.mark.parametrize(
    ("options", "sentence"),
    [({"delta_scale": -1}, "0 or more would work"), ({"cross_channels": "x"}, "all or band would")],
)
def test_refusal(options, sentence):
    with pytest.raises(ValueError, match=sentence):
        moments.build("rectifier", (16, 16), **options)
