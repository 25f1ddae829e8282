"""Vector fields: the compressive share of the spectrum, and samples that keep it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from known_fields import gaussian_fields

import synth
from synth.estimation.helmholtz import Helmholtz, compressive_power, wave_vectors
from synth.estimation.spectra import centres, measure
from synth.vectors import vector_components

#: Fields this small have many moments for their values; that they say so is tested with `fit`.
pytestmark = pytest.mark.filterwarnings("ignore:.*a model starts to store its example")

SHAPES = [((16, 18), (1, 0), (1.0, 3.0)), ((15, 16), (0, 1), (2.0, 1.0)),
          ((8, 9, 10), (2, 1, 0), (1.0, 0.5, 2.0))]  # fmt: skip


def slope(x: np.ndarray, axis: int) -> np.ndarray:
    """Spectral derivative along a space axis, in pixels; the Nyquist wave has none."""
    n = x.shape[axis]
    w = 2 * np.pi * np.fft.fftfreq(n)
    if n % 2 == 0:
        w[n // 2] = 0.0
    along = [-1 if a == axis else 1 for a in range(x.ndim)]
    return np.fft.ifft(1j * w.reshape(along) * np.fft.fft(x, axis=axis), axis=axis).real


def divergence(x: np.ndarray, axes: tuple[int, ...], unit: tuple[float, ...]) -> np.ndarray:
    """Of one standardised field (channel, *space)."""
    return sum(u * slope(x[c], axis) for c, (axis, u) in enumerate(zip(axes, unit, strict=True)))


def noise(shape: tuple[int, ...], channels: int, n: int = 1) -> torch.Tensor:
    generator = torch.Generator().manual_seed(3)
    return torch.randn((n, channels, *shape), generator=generator, dtype=torch.float64)


@pytest.mark.parametrize(("shape", "axes", "unit"), SHAPES)
def test_a_share_of_zero_leaves_no_divergence(shape, axes, unit):
    helmholtz = Helmholtz(wave_vectors(shape, axes, unit), torch.zeros(shape, dtype=torch.float64))
    x = noise(shape, len(axes))
    made = helmholtz.shaped(x.float())[0].double().numpy()
    assert np.abs(divergence(made, axes, unit)).max() < 1e-5
    assert np.abs(divergence(x[0].numpy(), axes, unit)).max() > 0.1


@pytest.mark.parametrize(("shape", "axes", "unit"), SHAPES)
def test_a_gradient_is_compressive_and_white_noise_by_chance(shape, axes, unit):
    potential = noise(shape, 1)[0, 0].numpy()
    gradient = np.stack([u * slope(potential, a) for a, u in zip(axes, unit, strict=True)])
    x = torch.from_numpy(gradient)[None]
    whole = measure(x).trace(axis1=1, axis2=2)
    np.testing.assert_allclose(compressive_power(x, axes, unit), whole, rtol=1e-9, atol=1e-12)
    x = noise(shape, len(axes), n=200)
    share = compressive_power(x, axes, unit).sum() / measure(x).trace(axis1=1, axis2=2).sum()
    assert share == pytest.approx(1 / len(axes), rel=0.1)  # Nyquist waves have no direction


@pytest.mark.parametrize("share", [0.0, 0.1, 0.9])
def test_shares_are_those_asked_for(share):
    shape, axes, unit = (64, 64), (1, 0), (1.0, 2.0)
    shells = centres(shape)
    made = Helmholtz.of_shells(shape, axes, unit, shells, np.full(len(shells), share))
    x = made.shaped(noise(shape, 2, n=20).float()).double()
    whole = measure(x).trace(axis1=1, axis2=2)
    found = compressive_power(x, axes, unit)[2:30] / whole[2:30]
    np.testing.assert_allclose(found, share, atol=0.05)
    np.testing.assert_allclose(whole[2:30], 2.0, rtol=0.15)


def test_forward_is_symmetric_and_undone_by_the_inverse():
    shape = (12, 15)
    made = Helmholtz(wave_vectors(shape, (0, 1), (1.0, 1.0)), torch.full(shape, 0.2).double())
    a, b = (torch.fft.rfftn(noise(shape, 2, n=2)[i : i + 1].float(), dim=(2, 3)) for i in (0, 1))
    left, right = (torch.vdot(p.flatten(), q.flatten()) for p, q in
                   ((made.forward(a), b), (a, made.forward(b))))  # fmt: skip
    torch.testing.assert_close(left, right)
    torch.testing.assert_close(made.inverse(made.forward(a)), a, rtol=1e-4, atol=1e-4)


def velocity(n: int, channels: tuple[str, str] = ("u", "v")) -> synth.Field:
    """Skewed solenoidal fields on a grid whose steps differ, (n, 2, 32, 32)."""
    stream = torch.exp(0.5 * gaussian_fields(n, (32, 32), -5.0, 1).double())[:, 0].numpy()
    u, v = (np.stack([slope(one, axis) for one in stream]) for axis in (0, 1))
    values = np.stack([u / 3.0, -v / 0.5], 1).astype(np.float32)
    return synth.Field.from_array(
        values, ("sample", "channel", "y", "x"), channels=channels, spacing=(3.0, 0.5),
        boundary="periodic", name="velocity" if channels[0] == "u" else "pair",
    )  # fmt: skip


def relative(field: synth.Field) -> np.ndarray:
    """rms divergence over rms gradient of each sample, in original units."""
    found = []
    for x in np.asarray(field.values, dtype=np.float64):
        steps = [[slope(c, axis) / h for axis, h in enumerate(field.spacing)] for c in x]
        along = steps[0][1] + steps[1][0]
        found.append(np.sqrt(np.mean(along**2) / np.sum(np.mean(np.square(steps), (2, 3)))))
    return np.array(found)


@pytest.mark.parametrize("init", ["gaussian", "white"])
def test_samples_of_an_incompressible_velocity_are_incompressible(init):
    field = velocity(4)
    assert vector_components(field) == (1, 0)
    assert relative(field).max() < 1e-5
    model = synth.fit(field, scales=3)
    samples = synth.sample(model, 2, steps=40, init=init).field
    assert relative(samples).max() < 1e-4
    bigger = synth.sample(model, 1, steps=5, size=(48, 40)).field
    assert relative(bigger).max() < 1e-4


def test_channels_that_are_no_vector_are_left_alone():
    model = synth.fit(velocity(4, channels=("a", "b")), scales=3)
    assert model.compressive is None
    assert relative(synth.sample(model, 1, steps=5).field).max() > 0.01


def test_the_compressive_part_is_stored_and_merged(tmp_path):
    field = velocity(4)
    one = synth.fit(field, "covariance", scales=3)
    two = synth.fit(velocity(6), like=one)
    path = str(tmp_path / "model.h5")
    synth.write_model(path, synth.merge([one, two]))
    found = synth.read_model(path)
    np.testing.assert_allclose(found.compressive, 0.4 * one.compressive + 0.6 * two.compressive)
    assert found.field["components"] == [1, 0]
