"""Gaps: measured pixels stay, the field goes on, and moments keep their values."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import moments
import synth
from synth import gaps
from synth.errors import InputError
from synth.field import Field


def smooth_fields(n: int, size: int, seed: int) -> torch.Tensor:
    """Gaussian fields of spectrum k^-3, standardised."""
    noise = torch.randn(n, 1, size, size, generator=torch.Generator().manual_seed(seed))
    k = torch.fft.fftfreq(size, 1 / size)
    radius = (k[:, None] ** 2 + k**2).sqrt().clamp(min=1)
    x = torch.fft.ifft2(torch.fft.fft2(noise) * radius**-1.5).real
    return (x - x.mean()) / x.std()


def discs(n: int, size: int, share: float, radius: int, seed: int) -> torch.Tensor:
    """Masks (n, 1, size, size), False in random discs that cover about a share of the area."""
    draw = np.random.default_rng(seed)
    u = np.arange(size)
    out = np.ones((n, 1, size, size), dtype=bool)
    for mask in out[:, 0]:
        while 1 - mask.mean() < share:
            y, x = (np.abs(u - c) for c in draw.integers(0, size, 2))
            y, x = np.minimum(y, size - y), np.minimum(x, size - x)
            mask[y[:, None] ** 2 + x**2 <= radius**2] = False
    return torch.from_numpy(out)


def test_measured_pixels_stay_as_they_are() -> None:
    x, valid = smooth_fields(2, 32, 0), discs(2, 32, 0.2, 3, 1)
    filled = gaps.fill(torch.where(valid, x, torch.nan).nan_to_num(99.0), valid, seed=0)
    assert torch.equal(filled[valid], x[valid])
    assert filled.isfinite().all()


def test_a_narrow_gap_is_filled_with_what_was_there() -> None:
    x = smooth_fields(1, 64, 2)
    valid = torch.ones_like(x, dtype=torch.bool)
    valid[..., 20:22, :] = False
    filled = gaps.fill(x, valid, seed=0)
    error = (filled - x)[~valid].square().mean().sqrt()
    mean_fill = x[~valid].square().mean().sqrt()
    assert error < 0.35 * mean_fill


@pytest.mark.parametrize("radius", [0, 4])
def test_covariances_keep_their_values_within_a_third_of_their_spread(radius: int) -> None:
    x, valid = smooth_fields(12, 64, 3), discs(12, 64, 0.1, radius, 4)
    op = moments.build("covariance", (64, 64))
    with torch.no_grad():
        op.freeze(op.constants(x))
        whole, filled = op(x), op(gaps.fill(x, valid, seed=0))
    bias = (filled - whole).mean(0)
    group = torch.from_numpy(op.labels.groups("kind", "j1", "part"))
    for number in range(int(group.max()) + 1):
        rows = group == number
        spread = whole[:, rows].var(0).mean().sqrt()
        # Twelve fields measure a bias to about 1/sqrt(12) of the scatter that gaps cause.
        assert bias[rows].square().mean().sqrt() <= 0.3 * spread + 1e-6


@pytest.mark.parametrize(("family", "kind"), [("wph", "S00"), ("scattering-covariance", "S4")])
def test_moments_of_turbulence_keep_their_values(vorticity: Field, family: str, kind: str) -> None:
    x = torch.from_numpy(vorticity.load())
    x = (x - x.mean()) / x.std()
    valid = discs(len(x), 64, 0.1, 2, 11)
    op = moments.build(family, (64, 64))
    with torch.no_grad():
        op.freeze(op.constants(x))
        filled = gaps.fill(x, valid, seed=0)
        whole, plain = op(x), op(filled)
        corrected = gaps.Correction(op, filled, float((~valid).double().mean()))(plain)
    # The intermittency of the finest scale is what a Gaussian filling dilutes most.
    rows = torch.from_numpy(op.labels.where(kind=kind, j1=0, j2=0))
    spread = whole[:, rows].var(0).mean().sqrt()
    error, remaining = (
        ((values - whole)[:, rows].mean(0) / spread).square().mean().sqrt()
        for values in (plain, corrected)
    )
    assert remaining < min(0.3, 0.9 * error)


def test_too_many_gaps_are_refused() -> None:
    x, valid = smooth_fields(1, 32, 5), discs(1, 32, 0.6, 4, 6)
    with pytest.raises(InputError, match="of the pixels of a field are valid"):
        gaps.fill(x, valid, seed=0)


def test_lost_share_grows_with_the_scale_and_counts_a_single_pixel() -> None:
    valid = torch.ones(1, 1, 64, 64, dtype=torch.bool)
    valid[..., 10, 60] = False
    lost = gaps.lost_share(valid, 4)
    assert lost * 64**2 == pytest.approx([3**2, 5**2, 9**2, 17**2])


def test_fit_says_what_the_gaps_cost() -> None:
    x, valid = smooth_fields(2, 32, 7), discs(2, 32, 0.1, 2, 8)
    field = Field.from_array(
        torch.where(valid, x, torch.nan), ("sample", "channel", "y", "x"), boundary="periodic"
    )
    with pytest.warns(UserWarning, match="of the pixels are gaps"):
        model = synth.fit(field, "covariance", scales=2, shells=0)
    assert len(model.provenance["lost_share"]) == model.settings["scales"]
    assert np.isfinite(model.mean).all()


def test_gaps_of_any_realization_count_in_fit_and_in_measure_alike() -> None:
    x, valid = smooth_fields(3, 32, 12), discs(3, 32, 0.1, 2, 13)
    valid[0] = True
    field = Field.from_array(
        torch.where(valid, x, torch.nan), ("sample", "channel", "y", "x"), boundary="periodic"
    )
    settings = {"scales": 2, "shells": 0}
    with pytest.warns(UserWarning, match="of the pixels are gaps"):
        model = synth.fit(field, "covariance", **settings)
    assert model.provenance["gaps"] == pytest.approx(1 - float(valid.double().mean()))
    measured = synth.measure(field, "covariance", **settings)
    np.testing.assert_allclose(measured.values.mean(0), model.mean, atol=1e-6)
