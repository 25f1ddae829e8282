"""Gaps: measured pixels stay, the field goes on, and moments keep their values."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import synth
from synth.errors import InputError
from synth.estimation import conditional, gaps, preparation, spectra
from synth.estimation.preparation import Realizations
from synth.estimation.transforms import Standardisation
from synth.field import Field

#: Fields this small have many moments for their pixels; that they say so is tested with `fit`.
pytestmark = pytest.mark.filterwarnings("ignore:.*a model starts to store its example")


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
    settings = {"dims": ("sample", "channel", "y", "x"), "boundary": "periodic"}
    model = synth.fit(Field.from_array(x, **settings), "covariance", scales=4)
    gappy = Field.from_array(x, mask=valid.numpy(), **settings)
    error = synth.measure(gappy, like=model).values - model.targets
    group = model.labels.groups("kind", "j1", "part")
    for number in range(group.max() + 1):
        rows = group == number
        spread = np.sqrt(model.targets[:, rows].var(0).mean())
        bias = np.sqrt(np.square(error[:, rows].mean(0)).mean())
        # Gaps make each field scatter, and the loss, from as many fillings, scatters as much.
        chance = np.sqrt(2 * error[:, rows].var(0).mean() / len(x))
        assert bias <= np.hypot(0.2 * spread, 1.5 * chance) + 1e-6


@pytest.mark.parametrize(("family", "kind"), [("wph", "S00"), ("scattering-covariance", "S4")])
def test_moments_of_turbulence_keep_their_values(vorticity: Field, family: str, kind: str) -> None:
    values = vorticity.load()
    valid = discs(len(values), 64, 0.1, 2, 11)
    settings = {"dims": ("sample", "channel", "y", "x"), "boundary": "periodic"}
    model = synth.fit(Field.from_array(values, **settings), family)
    gappy = Field.from_array(values, mask=valid.numpy(), **settings)
    measured = synth.measure(gappy, like=model)
    x = torch.from_numpy(np.asarray(model.standardisation.forward(values)))
    with torch.no_grad():
        filled = model.operator()(gaps.fill(x, valid, seed=0)).numpy()
    # The intermittency of the finest scale is what a Gaussian filling dilutes most.
    rows = model.labels.where(kind=kind, j1=0, j2=0)
    spread = np.sqrt(model.targets[:, rows].var(0).mean())
    error, remaining = (
        np.sqrt(np.square((found - model.targets)[:, rows].mean(0) / spread).mean())
        for found in (filled, measured.values)
    )
    assert remaining < min(0.3, 0.5 * error)


def test_a_loss_within_its_scatter_is_none_and_a_clear_one_is_found() -> None:
    x, valid = smooth_fields(1, 32, 5).sign(), discs(1, 32, 0.1, 2, 6)
    x = gaps.fill(x, valid, seed=0)

    def moments_of(x: torch.Tensor) -> torch.Tensor:
        """What no filling can change on average, and the share of values that no Gaussian has."""
        return torch.stack([x.mean((1, 2, 3)), (x.abs() == 1).double().mean((1, 2, 3))], 1)

    lost = gaps.loss([(x, valid)], 8, moments_of, np.array([0, 1]))
    assert lost[1] == pytest.approx(1.0)
    assert abs(lost[0]) < 0.3


@pytest.mark.parametrize("slope", [0, 3, 5])
@pytest.mark.parametrize("gap", ["pixels", "disc"])
def test_filled_fields_have_the_power_of_the_whole_at_all_scales(slope, gap) -> None:
    size, u = 64, torch.arange(64) - 31.5
    draw = torch.Generator().manual_seed(9)
    scattered = torch.rand(1, 1, size, size, generator=draw) > 0.1
    valid = scattered if gap == "pixels" else (u[:, None] ** 2 + u**2 > 12**2)[None, None]
    radius = spectra.radial_frequency((size, size)).clamp(min=2 * np.pi / size)
    noise = torch.randn(8, 1, size, size, generator=draw).double()
    x = torch.fft.ifft2(torch.fft.fft2(noise) * radius ** (-slope / 2)).real
    x = (x - x.mean()) / x.std()
    filled = torch.cat([gaps.fill(one, valid, seed) for seed, one in enumerate(x.split(1))])
    ratio = spectra.power(filled)[0] / spectra.power(x)[0]
    assert all(0.8 < ratio[a:b].mean() < 1.25 for a, b in ((2, 8), (8, 16), (16, 32)))


def test_too_many_gaps_are_refused() -> None:
    x, valid = smooth_fields(1, 32, 5), discs(1, 32, 0.6, 4, 6)
    with pytest.raises(InputError, match="of the pixels of a field are valid"):
        gaps.fill(x, valid, seed=0)


def test_lost_share_grows_with_the_scale_and_counts_a_single_pixel() -> None:
    valid = torch.ones(1, 1, 64, 64, dtype=torch.bool)
    valid[..., 10, 60] = False
    lost = gaps.lost_share(valid, 4)
    assert lost * 64**2 == pytest.approx([3**2, 5**2, 9**2, 17**2])


def test_lost_share_is_that_of_the_distance_to_the_nearest_gap() -> None:
    valid = torch.rand(1, 1, 24, 31, generator=torch.Generator().manual_seed(3)) > 0.01
    gap = torch.nonzero(~valid[0, 0]).double()
    size = torch.tensor(valid.shape[2:])
    pixels = torch.cartesian_prod(*(torch.arange(n) for n in size)).double()
    away = (pixels[:, None] - gap).abs()
    distance = torch.minimum(away, size - away).amax(-1).amin(-1)
    shares = [float((distance <= 2**j).double().mean()) for j in range(4)]
    assert gaps.lost_share(valid, 4) == pytest.approx(shares)


@pytest.mark.parametrize("kept", [0, 2**20])
def test_gaps_are_filled_once_if_they_can_be_kept_and_alike_if_not(monkeypatch, kept) -> None:
    x, valid = smooth_fields(3, 32, 12), discs(3, 32, 0.1, 2, 13)
    field = Field.from_array(torch.where(valid, x, torch.nan))
    filled = []

    def fill(*given, seed):
        filled.append(seed)
        return conditional.fill(*given, seed)

    monkeypatch.setattr(gaps, "fill", fill)
    monkeypatch.setattr(preparation, "KEPT_BYTES", kept)
    realizations = Realizations(field, Standardisation.measure(field))
    first, second = [torch.cat([x for x, _ in realizations]) for _ in range(2)]
    assert (first == second).all()
    assert filled == ([0, 1, 2] if kept else [0, 1, 2, 0, 1, 2])


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
