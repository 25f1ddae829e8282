"""Copies are found however they are moved; independent fields are not taken for copies."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from known_fields import gaussian_fields, lognormal_fields

from synth.evaluation.likeness import turned
from synth.evaluation.memorisation import likeness as of_pairing
from synth.evaluation.pairing import Pairing, pair
from synth.evaluation.statistics import Frame
from synth.field import Field

SCALAR = Frame((64, 64))
VECTOR = Frame((24, 24, 24), "periodic", ("u", "v", "w"), (2, 1, 0))


def likeness(real, other, frame, seed):
    ones = np.ones(len(frame.channels))
    return of_pairing(
        Pairing(frame, real, (other,), 0 * ones, ones, (len(other),), False, ()), other, seed
    )


def sets(frame: Frame, n: int = 6):
    real = gaussian_fields(n, frame.shape, -3.0, seed=1, channels=len(frame.channels))
    other = gaussian_fields(n, frame.shape, -3.0, seed=2, channels=len(frame.channels))
    return real, other


@pytest.mark.parametrize("frame", [Frame((500,)), SCALAR, Frame((48, 64), "open"), VECTOR])
def test_independent_fields_are_no_copies(frame):
    memorisation, diversity = likeness(*sets(frame), frame, seed=0)
    assert memorisation["verdict"] == "none"
    assert memorisation["correlation"] < 0.5
    assert memorisation["patch_ratio"] == pytest.approx(1, abs=0.25)
    assert diversity["correlation"] < 0.5


@pytest.mark.parametrize("boundary", ["periodic", "open"])
def test_spikes_shifted_onto_each_other_are_no_copies_but_the_same_spikes_are(boundary):
    frame = Frame((48, 48), boundary)
    for seed in range(3):
        generator = np.random.default_rng(seed)
        spikes = generator.random((12, 1, 48, 48)) < 0.01
        values = (spikes * generator.pareto(1.5, spikes.shape)).astype(np.float32)
        real, other = torch.from_numpy(values).split(6)
        assert likeness(real, other, frame, seed=0)[0]["copies"] == []
        other[2] = real[4].flip(-2)
        assert 2 in likeness(real, other, frame, seed=0)[0]["copies"]


def test_a_field_that_copies_only_the_large_scales_is_found():
    real, other = sets(SCALAR)
    spectrum, copied = torch.fft.rfft2(other[0]), torch.fft.rfft2(real[2])
    k = torch.hypot(torch.fft.fftfreq(64, 1 / 64)[:, None], torch.fft.rfftfreq(64, 1 / 64)[None])
    other[0] = torch.fft.irfft2(torch.where(k < 8, copied, spectrum))
    memorisation, _ = likeness(real, other, SCALAR, seed=0)
    assert memorisation["copies"] == [0]
    assert memorisation["nearest"] == [0, 2]
    assert memorisation["side"] == 16


@pytest.mark.parametrize(("above", "verdict"), [(1.35, "near"), (1.9, "copied")])
def test_a_field_that_shares_part_of_a_real_one_is_alike_and_then_a_copy(above, verdict):
    """Of equal power, a share r of the amplitude correlates by r, less what asinh makes of it."""
    real, other = sets(SCALAR)
    finest = likeness(real, other, SCALAR, seed=0)[0]["levels"][0]
    share = above * finest["threshold"]
    other[4] = share * real[1].roll((9, 30), (-2, -1)) + math.sqrt(1 - share**2) * other[4]
    memorisation, _ = likeness(real, other, SCALAR, seed=0)
    assert memorisation["verdict"] == verdict
    assert memorisation["alike"] == [4] and memorisation["side"] == finest["side"]
    assert 0.75 * share < memorisation["correlation"] < share
    assert ("more like a real one" in memorisation["sentence"]) == (verdict == "near")


def test_a_shifted_crop_of_an_open_field_is_found():
    wide = gaussian_fields(12, (96, 96), -4.0, seed=1)
    real, other = wide[:6, :, :64, :64], wide[6:, :, :64, :64].clone()
    noise = torch.randn(other[1].shape, generator=torch.Generator().manual_seed(0))
    other[1] = wide[4, :, 9:73, 14:78].flip(-1) + 0.05 * noise
    memorisation, _ = likeness(real, other, Frame((64, 64), "open"), seed=0)
    assert memorisation["copies"] == [1]
    assert memorisation["nearest"] == [1, 4]


@pytest.mark.parametrize("n_real", [2, 6])
def test_a_copy_is_found_after_a_turn_a_reflection_a_shift_and_noise(n_real):
    real, other = sets(SCALAR)
    copy = torch.roll(real[0].transpose(-1, -2).flip(-1), (17, 5), (-2, -1))
    other[3] = copy + 0.02 * torch.randn(copy.shape, generator=torch.Generator().manual_seed(0))
    memorisation, _ = likeness(real[:n_real], other, SCALAR, seed=0)
    assert memorisation["verdict"] == "copied"
    assert memorisation["copies"] == [3]
    assert memorisation["nearest"] == [3, 0]


def test_a_turned_vector_field_is_a_copy():
    real, other = sets(VECTOR)
    other[2] = list(turned(real[:1], VECTOR))[29][0]
    memorisation, _ = likeness(real, other, VECTOR, seed=0)
    assert memorisation["copies"] == [2]
    assert memorisation["correlation"] > 0.99


def test_turned_vectors_stay_free_of_divergence():
    potential = gaussian_fields(1, (12, 12, 12), -3.0, channels=3)

    def d(x, axis):
        return torch.roll(x, -1, axis) - torch.roll(x, 1, axis)

    def divergence(x):  # u, v, w along x, y, z, which are the last, middle and first axis
        return d(x[:, 0], 3) + d(x[:, 1], 2) + d(x[:, 2], 1)

    a, b, c = potential.unbind(1)
    curl = torch.stack([d(c, 2) - d(b, 1), d(a, 1) - d(c, 3), d(b, 3) - d(a, 2)], 1)
    assert curl.abs().max() > 0.1
    for version in turned(curl, VECTOR):
        assert divergence(version).abs().max() < 1e-4


@pytest.mark.parametrize("frame", [SCALAR, VECTOR])
def test_turning_back_is_turning(frame):
    x = gaussian_fields(1, frame.shape, channels=len(frame.channels))
    versions = list(turned(x, frame))
    assert len(versions) == {2: 8, 3: 48}[frame.ndim]
    for version in versions:
        assert any(torch.equal(back, x) for back in turned(version, frame))


def test_fields_quilted_from_patches_of_real_ones_come_too_near():
    real = lognormal_fields(6, (64, 64), -3.0, seed=1)
    generator = torch.Generator().manual_seed(0)
    quilt = torch.empty_like(real)
    for i in range(len(quilt)):
        for a in range(0, 64, 32):
            for b in range(0, 64, 32):
                source = real[torch.randint(6, (), generator=generator)]
                moved = torch.roll(source, (a + 11, b + 4), (-2, -1))
                quilt[i, :, a : a + 32, b : b + 32] = moved[:, a : a + 32, b : b + 32]
    honest = lognormal_fields(6, (64, 64), -3.0, seed=2)
    near, far = (likeness(real, x, SCALAR, 0)[0]["patch_ratio"] for x in (quilt, honest))
    assert near < 0.9 < far


def test_patches_of_one_spike_are_alike_and_not_too_near():
    verdicts = []
    for seed in range(6):
        generator = np.random.default_rng(seed)
        spikes = generator.random((16, 1, 48, 48)) < 0.003
        values = (spikes * generator.pareto(1.5, spikes.shape)).astype(np.float32)
        verdicts.append(likeness(*torch.from_numpy(values).split(8), Frame((48, 48)), 0)[0])
    assert min(found["patch_ratio"] for found in verdicts) < 0.85
    assert "near" not in {found["verdict"] for found in verdicts}


def test_equal_synthetic_fields_lack_diversity():
    real, other = sets(SCALAR)
    other[1] = torch.roll(other[0], 9, -1)
    _, diversity = likeness(real, other, SCALAR, seed=0)
    assert diversity["correlation"] == pytest.approx(1, abs=1e-3)
    assert diversity["correlation_real"] < 0.5


def in_one_field(real, other):
    """Memorisation of fields beside a single real one."""
    sets = [Field.from_array(x.numpy(), boundary="periodic") for x in (real, other)]
    pairing = pair(sets[0], [sets[1]])
    return of_pairing(pairing, pairing.synthetic[0], 0)[0]


@pytest.mark.parametrize("shape", [(4096,), (64, 64), (24, 24, 24)])
def test_excerpts_of_a_single_real_field_are_found_wherever_they_come_from(shape):
    fields = gaussian_fields(4 if len(shape) < 3 else 2, shape, -2.0, seed=4)
    real, other = fields[:1], fields[1:].clone()
    honest = in_one_field(real, other)
    assert (honest["verdict"], honest["copies"], honest["sentence"]) == ("none", [], "")
    space = tuple(range(-len(shape), 0))
    moved = torch.roll(real[0], [7, 21, 12][: len(shape)], space).flip(-1)
    other[0] = moved + 0.01 * torch.randn(moved.shape, generator=torch.Generator().manual_seed(0))
    copied = in_one_field(real, other)
    blocks = {1: 8, 2: 4, 3: 1}[len(shape)]
    assert copied["verdict"] == "copied"
    assert copied["copies"] == [len(other) * i for i in range(blocks)]  # every block of that field
    assert "a part of the real field" in copied["sentence"]


def test_a_short_series_cannot_tell_copies_and_says_so():
    fields = gaussian_fields(4, (256,), -3.0, seed=1)
    found = in_one_field(fields[:1], fields[1:])
    assert found["verdict"] == "underpowered"
    assert "cannot be told" in found["sentence"]
