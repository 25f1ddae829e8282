"""The wavelet transform is a frame: its energy is bounded on both sides and its inverse is
exact."""

from __future__ import annotations

import pytest
import torch

from moments import grids
from moments.bank import FilterBank
from moments.wavelets import WaveletTransform

#: Shape, angles, and the frame bounds that the bump bank keeps at any size.
FRAMES = [
    pytest.param((64,), 1, (0.43, 1.0), id="1-D"),
    pytest.param((101,), 1, (0.43, 1.0), id="1-D prime"),
    pytest.param((64, 64), 4, (0.29, 1.0), id="2-D"),
    pytest.param((48, 37), 4, (0.29, 1.0), id="2-D non-square prime"),
    pytest.param((31, 31), 8, (0.25, 1.0), id="2-D odd, 8 angles"),
    pytest.param((16, 16, 16), 3, (0.062, 1.0), id="3-D, 3 axes"),
    pytest.param((16, 16, 16), 4, (0.062, 1.0), id="3-D, 4 axes"),
    pytest.param((17, 12, 13), 6, (0.062, 1.0), id="3-D non-cubic, 6 axes"),
    pytest.param((16, 15, 16), 10, (0.066, 1.0), id="3-D, 10 axes"),
    pytest.param((16, 16, 16), 15, (0.067, 1.0), id="3-D, 15 axes"),
]


def transformed(bank: FilterBank, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor, list]:
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn((2, 2, *bank.shape), generator=generator, dtype=torch.float64) + 3.0
    return x, *WaveletTransform(bank)(x)


@pytest.mark.parametrize(("shape", "angles", "bounds"), FRAMES)
def test_littlewood_paley_bounds(shape, angles, bounds):
    low, high = FilterBank(shape, angles=angles).frame_bounds()
    assert bounds[0] <= low < 1.3 * bounds[0]
    assert high == pytest.approx(bounds[1], abs=1e-9)


@pytest.mark.parametrize(("shape", "angles", "bounds"), FRAMES)
def test_energy_of_the_bands_lies_between_the_bounds(shape, angles, bounds):
    bank = FilterBank(shape, angles=angles)
    x, low, bands = transformed(bank)
    space = tuple(range(2, x.ndim))
    energy = low.square().mean(space)
    for band in bands:
        energy = energy + band.abs().square().mean(tuple(s + 1 for s in space)).sum(2)
    share = energy / x.square().mean(space)
    assert (share >= bounds[0]).all()
    assert (share <= bounds[1] + 1e-12).all()


@pytest.mark.parametrize("full_resolution", [False, True])
@pytest.mark.parametrize(("shape", "angles", "bounds"), FRAMES)
def test_inverse_is_exact(shape, angles, bounds, full_resolution):
    bank = FilterBank(shape, angles=angles, full_resolution=full_resolution)
    x, low, bands = transformed(bank)
    assert (WaveletTransform(bank).inverse(low, bands) - x).abs().max() < 1e-12


@pytest.mark.parametrize("shape", [(64,), (37, 32), (8, 9, 10)])
def test_inverse_of_morlet_bands_is_exact(shape):
    bank = FilterBank(shape, wavelet="morlet")
    x, low, bands = transformed(bank)
    assert (WaveletTransform(bank).inverse(low, bands) - x).abs().max() < 1e-12


def test_inverse_of_bands_of_no_field_is_the_least_squares_field():
    """Its own bands are the nearest: the residual is orthogonal to the bands of any field."""
    bank = FilterBank((24, 20), scales=2)
    transform = WaveletTransform(bank)
    generator = torch.Generator().manual_seed(1)
    _, low, bands = transformed(bank)
    noisy = [b + torch.randn(b.shape, generator=generator, dtype=torch.complex128) for b in bands]
    nearest_low, nearest = transform(transform.inverse(low, noisy))
    inner = ((low - nearest_low) * low).mean()
    for a, b, band in zip(noisy, nearest, bands, strict=True):
        inner = inner + ((a - b) * band.conj()).real.mean((0, 1, 3, 4)).sum()
    assert abs(float(inner)) < 1e-10


def test_no_angle_sees_some_frequencies_and_the_inverse_leaves_them_out():
    """One orientation in 2-D is no frame: waves across it are lost, the rest comes back finite."""
    bank = FilterBank((32, 32), angles=1)
    assert bank.frame_bounds()[0] == 0.0
    x, low, bands = transformed(bank)
    back = WaveletTransform(bank).inverse(low, bands)
    seen = bank.littlewood_paley() > 1e-6
    before, after = (torch.fft.fftn(v, dim=(2, 3)) for v in (x, back))
    torch.testing.assert_close(before[..., seen], after[..., seen], rtol=1e-9, atol=1e-9)
    assert torch.isfinite(after).all()


def test_a_plane_wave_lights_its_own_band():
    """Scale j and orientation l answer to frequency 0.85 pi / 2^j along theta_l."""
    shape, bank = (64, 64), FilterBank((64, 64), angles=4)
    y, x = torch.meshgrid(*(torch.arange(n, dtype=torch.float64) for n in shape), indexing="ij")
    for j, l, wave in [(1, 0, (0, 14)), (1, 2, (14, 0)), (2, 1, (5, 5)), (2, 3, (5, -5))]:
        phase = 2 * torch.pi * (wave[0] * y / 64 + wave[1] * x / 64)
        _, bands = WaveletTransform(bank)(torch.cos(phase)[None, None])
        power = torch.stack([band[0, 0].abs().square().mean((1, 2)) for band in bands])
        assert divmod(int(power.argmax()), 4) == (j, l)


@pytest.mark.parametrize(("small", "large"), [((8,), (20,)), ((9, 8), (15, 16)), ((8, 6, 5),) * 2])
def test_cropping_and_padding_are_adjoint(small, large):
    generator = torch.Generator().manual_seed(0)
    a = torch.randn(large, generator=generator, dtype=torch.complex128)
    b = torch.randn(small, generator=generator, dtype=torch.complex128)
    down = (grids.regrid(a, large, small) * b.conj()).sum()
    up = (a * grids.regrid(b, small, large).conj()).sum()
    torch.testing.assert_close(down, up)
