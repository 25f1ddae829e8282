"""Marginal moments against scipy, and the quantile function's laws."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats
import torch
from oracles.filters import SIGMA_LOW, gaussian

import moments
from moments.marginal import quantile_edges, quantile_means


def skewed(shape: tuple[int, ...], channels: int, seed: int = 0) -> torch.Tensor:
    x = np.random.default_rng(seed).normal(size=(1, channels, *shape)).cumsum(-1)
    x -= x.mean(axis=tuple(range(2, x.ndim)), keepdims=True)
    return torch.from_numpy(np.exp(0.5 * x / x.std()))


def built(shape: tuple[int, ...], channels: int = 1, **settings: object) -> moments.MomentFamily:
    return moments.build("marginal", shape, channels=channels, dtype=torch.float64, **settings)


@pytest.mark.parametrize("shape", [(45,), (24, 17), (8, 9, 10)])
def test_shape_of_the_law_is_scipys(shape):
    """Frozen at the field itself, skewness and kurtosis are the plain ones, at every scale."""
    x = skewed(shape, channels=2)
    op = built(shape, 2, scales=2, quantiles=3, full_resolution=True)
    values, labels = op.freeze(op.constants(x))(x)[0].numpy(), op.labels
    for c in range(2):
        for j in (-1, 0, 1):
            y = x[0, c].numpy()
            if j >= 0:
                low = gaussian(shape, SIGMA_LOW["bump"] * 2**j)
                y = np.fft.ifftn(np.fft.fftn(y) * low).real
            expected = {
                "variance": 1.0,
                "skewness": scipy.stats.skew(y, axis=None),
                "kurtosis": scipy.stats.kurtosis(y, axis=None, fisher=False),
            }
            for kind, value in expected.items():
                row = labels.where(kind=kind, c1=c, j1=j)
                assert values[row] == pytest.approx([value], abs=1e-10)


def test_low_passes_of_few_independent_values_are_left_out():
    """4 values for each of 14 bins: 32^2 / 4^j >= 56 up to j = 2, 512 / 2^j up to j = 3."""
    for shape, last in (((32, 32), 2), ((512,), 3)):
        op = built(shape, scales=5)
        assert op.labels["j1"].max() == last
        x = skewed(shape, 1)
        op.freeze(op.constants(x))
        assert op(x).shape == (1, op.n_moments)
        coarse = skewed(op.bank.grids[4], 1)
        assert op(coarse, first=4).shape == (1, op.n_moments)


@pytest.mark.parametrize("count", [7, 64, 1000])
def test_quantile_means_are_integrals_of_the_inverse_distribution(count):
    values = np.random.default_rng(count).gamma(2.0, size=count)
    edges = quantile_edges(14)
    fine = (np.arange(200_000) + 0.5) / 200_000
    inverse = np.quantile(values, fine, method="inverted_cdf")
    total = scipy.stats.binned_statistic(fine, inverse, "mean", bins=edges.numpy()).statistic
    ours = quantile_means(torch.from_numpy(values), edges).numpy()
    assert ours == pytest.approx(total, rel=5e-3)
    assert ours @ np.diff(edges.numpy()) == pytest.approx(values.mean(), rel=1e-12)


def test_their_distance_is_wassersteins():
    """With one bin a value the mean difference of quantiles is W1 of scipy; fewer bins bound it."""
    a, b = np.random.default_rng(0).normal(size=(2, 50))
    b = 1.5 * b + 1
    distance = scipy.stats.wasserstein_distance(a, b)

    def difference(edges: torch.Tensor) -> float:
        one, two = (quantile_means(torch.from_numpy(v), edges) for v in (a, b))
        return float(((one - two).abs() * edges.diff()).sum())

    assert difference(torch.linspace(0, 1, 51, dtype=torch.float64)) == pytest.approx(distance)
    assert 0.9 * distance < difference(quantile_edges(14)) <= distance + 1e-12


def test_quantiles_do_not_depend_on_the_number_of_pixels():
    x = skewed((16, 12), 1)
    tiled = torch.cat([x, x], dim=-1)
    edges = quantile_edges(9)
    apart, together = (quantile_means(v.flatten(2), edges) for v in (x, tiled))
    torch.testing.assert_close(apart, together)


def test_gradient():
    x = skewed((9, 8), 2)
    op = built((9, 8), 2, scales=2, quantiles=4)
    op.freeze(op.constants(skewed((9, 8), 2, seed=1)))
    assert torch.autograd.gradcheck(op, (x.requires_grad_(True),))


def test_count_and_refusal():
    """The mean, and for the pixels and each scale 3 powers and the bins of the quantiles."""
    assert built((64, 64), 3, scales=4).n_moments == 3 * (1 + 5 * (3 + 14))
    with pytest.raises(ValueError, match="3 or more would work"):
        built((16,), quantiles=2)
