"""The flow solver against exact solutions and balances, and the committed states as turbulence."""

from __future__ import annotations

import itertools
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch

SAMPLES = Path(__file__).resolve().parents[1] / "samples"
sys.path.insert(0, str(SAMPLES))

from navier_stokes_2d import BandForcing, NavierStokes2D, Torus  # noqa: E402


def random_flow(torus: Torus, samples: int = 2) -> torch.Tensor:
    """Smooth random vorticity of rms near 1, its kept modes (sample, n, n // 2 + 1)."""
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(samples, torus.n, torus.n, generator=generator, dtype=torus.dtype)
    modes = torus.to_modes(noise) * torus.k2.sqrt() * torch.exp(-torus.k2 / 18)
    return modes / (2 * torus.enstrophy(modes)).sqrt()[:, None, None]


def integrate(flow: NavierStokes2D, modes: torch.Tensor, dt: float, steps: int) -> torch.Tensor:
    for _ in range(steps):
        modes = flow.step(modes, dt)
    return modes


class TestAdvection:
    def test_equals_the_sum_over_triads(self):
        """-sum over p + q = k of (u_p . i q) omega_q, over all pairs of kept modes."""
        torus = Torus(12)
        flow = NavierStokes2D(torus, viscosity=0.0, drag=0.0)
        modes = random_flow(torus, samples=1)
        full = np.fft.fft2(torus.to_field(modes)[0].numpy(), norm="forward")
        n, kept = torus.n, range(-3, 4)
        expected = np.zeros((n, n), complex)
        for px, py, qx, qy in itertools.product(kept, repeat=4):
            if px == py == 0 or px**2 + py**2 >= 16 or qx**2 + qy**2 >= 16:
                continue
            # i psi_p (py, -px) . i q omega_q, with psi = omega / p^2
            coupling = (py * qx - px * qy) / (px**2 + py**2)
            expected[py + qy, px + qx] += coupling * full[py, px] * full[qy, qx]
        expected = expected[:, : n // 2 + 1] * torus.kept.numpy()
        got = flow.advection(modes)[0].numpy()
        assert abs(expected).max() > 1e-3
        np.testing.assert_allclose(got, expected, rtol=0, atol=1e-15)

    def test_neither_makes_nor_destroys_energy_and_enstrophy(self):
        torus = Torus(64)
        flow = NavierStokes2D(torus, viscosity=0.0, drag=0.0)
        modes = random_flow(torus)
        power = torus.weight * (modes.conj() * flow.advection(modes)).real
        scale = (torus.weight * (modes.conj() * flow.advection(modes)).abs()).sum()
        assert abs(power.sum()) < 1e-13 * scale
        assert abs((power / torus.k2).sum()) < 1e-13 * scale


class TestStep:
    @pytest.mark.parametrize("invariant", ["energy", "enstrophy"])
    def test_inviscid_unforced_flow_conserves_to_the_order_of_the_scheme(self, invariant):
        torus = Torus(48)
        flow = NavierStokes2D(torus, viscosity=0.0, drag=0.0)
        start = random_flow(torus)
        value = getattr(torus, invariant)
        drifts = []
        for steps in (40, 80):
            end = integrate(flow, start, 4.0 / steps, steps)
            drifts.append(float(abs(value(end) / value(start) - 1).max()))
        assert drifts[1] < 1e-5
        assert drifts[0] / drifts[1] > 2**3.7

    def test_error_falls_with_the_fourth_power_of_the_step(self):
        torus = Torus(48)
        flow = NavierStokes2D(torus, viscosity=5e-3, drag=0.1)
        start = random_flow(torus)
        ends = [integrate(flow, start, 2.0 / steps, steps) for steps in (20, 40, 80)]
        coarse, fine = (float((a - b).abs().max()) for a, b in itertools.pairwise(ends))
        assert 2**3.7 < coarse / fine < 2**4.6

    @pytest.mark.parametrize("k", [(2, 2), (0, 3), (4, 1)])
    def test_one_mode_decays_by_viscosity_and_drag_exactly(self, k):
        """A single |k| is a solution of the Euler equations: only the linear terms act on it."""
        torus, viscosity, drag, dt, steps = Torus(16), 0.05, 0.2, 0.5, 4
        line = 2 * np.pi * torch.arange(16, dtype=torch.float64) / 16
        field = torch.cos(k[0] * line) * torch.cos(k[1] * line)[:, None]
        flow = NavierStokes2D(torus, viscosity, drag)
        end = torus.to_field(integrate(flow, torus.to_modes(field[None]), dt, steps))[0]
        factor = np.exp(-(viscosity * (k[0] ** 2 + k[1] ** 2) + drag) * dt * steps)
        torch.testing.assert_close(end, factor * field, rtol=0, atol=1e-14)

    def test_single_precision_follows_double(self):
        ends = []
        for dtype in (torch.float64, torch.float32):
            torus = Torus(48, dtype)
            flow = NavierStokes2D(torus, viscosity=1e-3, drag=0.02)
            start = random_flow(Torus(48)).to(dtype.to_complex())
            ends.append(torus.to_field(integrate(flow, start, 0.05, 40)).double())
        assert float((ends[0] - ends[1]).abs().max()) < 1e-5


class TestForcing:
    def test_flow_that_does_not_respond_gains_energy_at_the_stated_rate(self):
        torus, rate, memory, dt, steps = Torus(24), 0.7, 0.4, 0.02, 50
        forcing = BandForcing(torus, 4, rate, memory)
        generator = torch.Generator().manual_seed(1)
        modes = torch.zeros(2000, 24, 13, dtype=torch.complex128)
        force = forcing.draw(len(modes), generator)
        for _ in range(steps):
            forcing.push(modes, force, dt)
            force = forcing.advance(force, dt, generator)
        t = steps * dt
        gain = torus.energy(modes) / (rate * (t - memory * (1 - np.exp(-t / memory))))
        error = float(gain.std()) / len(gain) ** 0.5
        assert error < 0.01
        assert abs(float(gain.mean()) - 1) < 4 * error

    def test_acts_on_its_band_alone_with_real_fields_and_independent_samples(self):
        torus = Torus(32)
        forcing = BandForcing(torus, 5, rate=1.0, memory=1.0)
        modes = torch.zeros(2, 32, 17, dtype=torch.complex128)
        forcing.push(modes, forcing.draw(2, torch.Generator().manual_seed(2)), dt=1.0)
        k = torus.k2.sqrt()
        assert bool(((modes.abs() > 0) == ((k >= 4.5) & (k < 5.5))).all())
        torch.testing.assert_close(torus.to_modes(torus.to_field(modes)), modes)
        overlap = (torus.weight * (modes[0].conj() * modes[1]).real).sum()
        assert abs(overlap) < torus.enstrophy(modes).min()

    def test_energy_balance_closes(self):
        """Work of the force - 2 alpha E - 2 nu Z is the change of energy."""
        torus, viscosity, drag, dt = Torus(48), 5e-3, 0.1, 0.005
        flow = NavierStokes2D(torus, viscosity, drag)
        forcing = BandForcing(torus, 4, rate=0.1, memory=1.0)
        generator = torch.Generator().manual_seed(3)
        modes = random_flow(torus)
        force = forcing.draw(2, generator)
        start, work, losses = torus.energy(modes), 0.0, 0.0
        for _ in range(200):
            after = flow.step(modes, dt)
            for state in (modes, after):
                rate = drag * torus.energy(state) + viscosity * torus.enstrophy(state)
                losses = losses + dt * rate  # trapezium: half of 2 (alpha E + nu Z) at either end
            modes = after
            work = work + forcing.push(modes, force, dt)
            force = forcing.advance(force, dt, generator)
        assert bool((work.abs() > 0.01).all())
        torch.testing.assert_close(torus.energy(modes) - start, work - losses, rtol=0, atol=1e-6)

    def test_band_beyond_the_kept_modes_is_refused(self):
        with pytest.raises(ValueError, match="does not fit in a grid of 24 points"):
            BandForcing(Torus(24), 8, rate=1.0, memory=1.0)


def test_smaller_grid_samples_the_same_band_limited_field():
    torus = Torus(48)  # keeps |k| < 16, which a grid of 32 resolves
    modes = random_flow(torus)
    small = torus.to_field(modes, 32)
    torch.testing.assert_close(small[:, ::2, ::2], torus.to_field(modes)[:, ::3, ::3])
    torch.testing.assert_close(small.square().mean((1, 2)), 2 * torus.enstrophy(modes))


@pytest.fixture(scope="module")
def states() -> np.ndarray:
    """The committed states (sample, y, x), float64: the first half is the earlier time."""
    with h5py.File(SAMPLES / "vorticity_2d.h5") as file:
        return file["vorticity"][:].astype(np.float64)


def shell_spectra(states: np.ndarray) -> np.ndarray:
    """Enstrophy in the shells |k| = s +- 1/2, s = 0 .. 127: (sample, shell)."""
    k = np.fft.fftfreq(states.shape[-1], 1 / states.shape[-1])
    shell = np.rint(np.hypot(k[:, None], k)).astype(int).ravel()
    power = 0.5 * abs(np.fft.fft2(states, norm="forward")).reshape(len(states), -1) ** 2
    return np.stack([np.bincount(shell, sample)[:128] for sample in power])


def largest_correlations(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Largest |correlation| of each of a with each of b over all periodic shifts."""
    a, b = ((x - x.mean((1, 2), keepdims=True)) for x in (a, b))
    a, b = (np.fft.rfft2(x / np.sqrt((x**2).sum((1, 2), keepdims=True))) for x in (a, b))
    size = (2 * (a.shape[-1] - 1),) * 2
    return np.array([abs(np.fft.irfft2(x * b.conj(), s=size)).max((1, 2)) for x in a])


class TestCommittedStates:
    def test_file_describes_itself(self):
        path = SAMPLES / "vorticity_2d.h5"
        assert path.stat().st_size <= 5e6
        with h5py.File(path) as file:
            vorticity = file["vorticity"]
            assert vorticity.shape[0] >= 12
            assert vorticity.shape[1:] == (256, 256)
            assert vorticity.dtype == np.float32
            assert vorticity.attrs["dims"] == "sample,y,x"
            assert vorticity.attrs["periodic"]
            for axis, name in enumerate(("sample", "y", "x")):
                scale = vorticity.dims[axis][0]
                assert scale.name == f"/{name}"
                assert len(scale) == vorticity.shape[axis]
            np.testing.assert_allclose(np.diff(file["x"]), vorticity.attrs["spacing"][1])

    def test_finite_zero_mean_and_far_from_gaussian(self, states):
        deviation = states.std((1, 2))
        kurtosis = (states**4).mean((1, 2)) / deviation**4
        assert np.isfinite(states).all()
        assert (abs(states.mean((1, 2))) < 1e-5 * deviation).all()
        assert kurtosis.min() > 3.3
        assert kurtosis.mean() > 4.5

    def test_no_sign_of_rotation_is_preferred(self, states):
        skewness = (states**3).mean((1, 2)) / states.std((1, 2)) ** 3
        assert abs(skewness.mean()) < 4 * skewness.std(ddof=1) / len(states) ** 0.5

    def test_spectrum_is_steady_between_the_two_times(self, states):
        """Merged shells: the difference of the halves in units of its sampling error."""
        edges = [1, 2, 3, 4, 5, 6, 7, 9, 12, 16, 22, 30, 42, 58, 80, 110, 128]
        bands = np.log(np.add.reduceat(shell_spectra(states)[:, :128], edges[:-1], axis=1))
        earlier, later = bands.reshape(2, -1, bands.shape[1])
        error = np.sqrt((earlier.var(0, ddof=1) + later.var(0, ddof=1)) / len(earlier))
        z = (later - earlier).mean(0) / error
        assert abs(z).max() < 4
        assert (z**2).mean() < 2.5

    def test_dissipation_is_resolved(self, states):
        """The spectrum falls all the way: nothing piles up at the cut-off |k| = 128."""
        spectrum = shell_spectra(states).mean(0)
        coarse = np.add.reduceat(spectrum[64:128], range(0, 64, 8))
        assert (np.diff(coarse) < 0).all()
        assert coarse[-1] < 2e-4 * spectrum.sum()

    def test_states_are_decorrelated(self, states):
        """At best shift the two states of one run are as alike as states of different runs."""
        small = states[:, ::2, ::2]
        earlier, later = small[: len(small) // 2], small[len(small) // 2 :]
        between_times = largest_correlations(earlier, later)
        same_run = np.diag(between_times)
        other_runs = between_times[~np.eye(len(earlier), dtype=bool)]
        error = other_runs.std() / len(same_run) ** 0.5
        assert abs(same_run.mean() - other_runs.mean()) < 3 * error
        within = [largest_correlations(x, x)[np.triu_indices(len(x), 1)] for x in (earlier, later)]
        assert max(same_run.max(), other_runs.max(), *map(np.max, within)) < 0.5

    def test_states_share_no_mean_pattern(self, states):
        """Correlations without a shift scatter about zero, those of one run too."""
        x = states / np.sqrt((states**2).sum((1, 2), keepdims=True))
        correlation = np.einsum("ayx,byx->ab", x, x)
        pairs = correlation[np.triu_indices(len(x), 1)]
        same_run = np.diag(correlation, len(x) // 2)
        assert abs(pairs.mean()) < 4 * pairs.std() / len(pairs) ** 0.5
        assert abs(same_run.mean()) < 4 * pairs.std() / len(same_run) ** 0.5
