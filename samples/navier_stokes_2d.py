r"""Pseudo-spectral solver of the forced two-dimensional Navier-Stokes equations.

On the periodic square [0, 2 pi)^2, for the vorticity :math:`\omega = \partial_x v - \partial_y u`:

.. math:: \partial_t \omega + u \cdot \nabla \omega
          = \nu \nabla^2 \omega - \alpha \omega + f, \qquad -\nabla^2 \psi = \omega.

The state is the half plane of Fourier coefficients of the vorticity as `torch.fft.rfft2` orders
it, axes (sample, ky, kx), scaled so that the sum of \|coefficient\|^2 over the full plane is the
mean square of the field (``norm="forward"``). Wavenumbers are integers.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor


class Torus:
    r"""The n x n grid of the periodic square and its wavenumbers, truncated by the 2/3 rule.

    Only modes with \|k\| < n / 3 are kept: then the aliases of a product of two fields fall
    outside the kept modes, and the advection term is the exact Galerkin projection
    (Orszag 1971, J. Atmos. Sci. 28, 1074).

    Parameters
    ----------
    n : grid points per axis.
    dtype : real type of the fields, float64 or float32.

    Attributes
    ----------
    kx, ky, k2 : (n, n // 2 + 1) wavenumbers and their square, the latter 1 at the origin.
    kept : (n, n // 2 + 1) bool, the modes that are evolved; the mean (k = 0) is not.
    weight : (n, n // 2 + 1) how many modes of the full plane each one stands for: 1 or 2.
    """

    def __init__(self, n: int, dtype: torch.dtype = torch.float64) -> None:
        rows = torch.fft.fftfreq(n, 1 / n, dtype=dtype)
        columns = torch.fft.rfftfreq(n, 1 / n, dtype=dtype)
        self.n, self.dtype = n, dtype
        self.ky, self.kx = torch.meshgrid(rows, columns, indexing="ij")
        self.k2 = self.kx**2 + self.ky**2
        self.k2[0, 0] = 1.0
        self.kept = 9 * self.k2 < n**2
        self.kept[0, 0] = False
        self.weight = torch.full_like(self.kx, 2.0)
        self.weight[:, 0] = 1.0

    def to_modes(self, field: Tensor) -> Tensor:
        """(sample, n, n) vorticity to its kept Fourier coefficients (sample, n, n // 2 + 1)."""
        return torch.fft.rfft2(field, norm="forward") * self.kept

    def to_field(self, modes: Tensor, n: int | None = None) -> Tensor:
        """Coefficients to the vorticity on this grid, or on a grid of n points per axis.

        A smaller n drops the modes with |kx| or |ky| >= n / 2 and keeps the others as they are.
        """
        if n is not None and n != self.n:
            half = (n - 1) // 2
            smaller = modes.new_zeros(*modes.shape[:-2], n, n // 2 + 1)
            smaller[..., : half + 1, : half + 1] = modes[..., : half + 1, : half + 1]
            smaller[..., -half:, : half + 1] = modes[..., -half:, : half + 1]
            modes = smaller
        size = modes.shape[-2]
        return torch.fft.irfft2(modes, s=(size, size), norm="forward")

    def energy(self, modes: Tensor) -> Tensor:
        r"""Kinetic energy :math:`\langle u^2 + v^2 \rangle / 2` of each sample, float64."""
        return 0.5 * (self.weight * modes.abs().square() / self.k2).double().sum((-2, -1))

    def enstrophy(self, modes: Tensor) -> Tensor:
        r"""Enstrophy :math:`\langle \omega^2 \rangle / 2` of each sample, float64."""
        return 0.5 * (self.weight * modes.abs().square()).double().sum((-2, -1))


class BandForcing:
    r"""Random forcing with memory of the modes kf - 1/2 <= \|k\| < kf + 1/2.

    The force on each mode is an independent complex Ornstein-Uhlenbeck process: Gaussian,
    stationary, of autocorrelation :math:`\sigma_k^2 e^{-|s| / \tau}`, with
    :math:`\sigma_k^2 = \epsilon k^2 / (n_f \tau)` and n_f the number of forced modes in the full
    plane. A flow that does not respond (no advection, viscosity or drag) then gains energy at the
    mean rate :math:`\epsilon (1 - e^{-t / \tau})`, shared evenly by the modes; a turbulent flow,
    which loses its phase sooner than in :math:`\tau`, takes up less
    (Eswaran & Pope 1988, Comput. Fluids 16, 257).

    Parameters
    ----------
    torus : grid of the flow.
    wavenumber : kf, an integer of at least 1, its band within the kept modes.
    rate : energy injection rate epsilon, in the sense above.
    memory : correlation time tau.
    """

    def __init__(self, torus: Torus, wavenumber: int, rate: float, memory: float) -> None:
        # White noise on a small grid that resolves the band has Hermitian transforms by itself,
        # and its draws do not depend on the resolution of the flow.
        self.small = Torus(2 * (wavenumber + 2), torus.dtype)
        k = self.small.k2.sqrt()
        band = (k >= wavenumber - 0.5) & (k < wavenumber + 0.5)
        band[0, 0] = False
        self.source = band.nonzero(as_tuple=True)
        self.target = (self.small.ky[band].long() % torus.n, self.small.kx[band].long())
        if not bool(torus.kept[self.target].all()):
            raise ValueError(
                f"a band of |k| up to {wavenumber + 0.5} does not fit in a grid of {torus.n} "
                f"points, which keeps |k| < {torus.n / 3:.1f}; lower the forcing wavenumber"
            )
        n_forced = float(self.small.weight[band].sum())
        self.sigma = torch.sqrt(rate * self.small.k2[band] / (n_forced * memory))  # (forced,)
        self.memory = memory
        self.energy_weight = (self.small.weight / self.small.k2)[band]  # (forced,)

    def draw(self, samples: int, generator: torch.Generator) -> Tensor:
        """Forces in their stationary law, independent of each other: (sample, forced mode)."""
        shape = (samples, self.small.n, self.small.n)
        noise = torch.randn(shape, generator=generator, dtype=self.sigma.dtype)
        return self.sigma * torch.fft.rfft2(noise, norm="ortho")[:, self.source[0], self.source[1]]

    def advance(self, force: Tensor, dt: float, generator: torch.Generator) -> Tensor:
        """The force a time dt later, drawn from its exact transition law."""
        kept = math.exp(-dt / self.memory)
        return kept * force + math.sqrt(1 - kept**2) * self.draw(len(force), generator)

    def push(self, modes: Tensor, force: Tensor, dt: float) -> Tensor:
        """Add to the vorticity, in place, what a constant force does in a time dt.

        Returns the work done: the energy that each sample gained, float64.
        """
        before = modes[:, self.target[0], self.target[1]]
        modes[:, self.target[0], self.target[1]] = before + dt * force
        gain = (before.conj() * force).real * dt + 0.5 * dt**2 * force.abs().square()
        return (self.energy_weight * gain).double().sum(-1)


class NavierStokes2D:
    r"""Time step of a batch of independent flows without forcing.

    Parameters
    ----------
    torus : grid.
    viscosity : nu.
    drag : alpha, linear (Rayleigh) drag.
    """

    def __init__(self, torus: Torus, viscosity: float, drag: float) -> None:
        self.n = torus.n
        self.damping = viscosity * torus.k2 + drag  # (n, n // 2 + 1)
        kept = torus.kept.to(torus.dtype)
        # u = d(psi)/dy and v = -d(psi)/dx, with psi = omega / k^2.
        self.to_velocity = 1j * kept / torus.k2 * torch.stack([torus.ky, -torus.kx])
        self.to_curl = kept * torch.stack([torus.kx**2 - torus.ky**2, -torus.kx * torus.ky])

    def velocity(self, modes: Tensor) -> Tensor:
        """The velocity on the grid: (sample, 2, n, n), components along x and y."""
        shape = (self.n, self.n)
        return torch.fft.irfft2(modes[:, None] * self.to_velocity, s=shape, norm="forward")

    def advection(self, modes: Tensor) -> Tensor:
        r"""Coefficients of :math:`-u \cdot \nabla \omega`, dealiased: (sample, n, n // 2 + 1).

        Written :math:`(\partial_y^2 - \partial_x^2)(u v) + \partial_x \partial_y (u^2 - v^2)`,
        which takes four transforms (Basdevant 1983, J. Comput. Phys. 50, 209).
        """
        u, v = self.velocity(modes).unbind(1)
        products = torch.stack([u * v, (u - v) * (u + v)], dim=1)
        return (torch.fft.rfft2(products, norm="forward") * self.to_curl).sum(1)

    def step(self, modes: Tensor, dt: float) -> Tensor:
        """The state a time dt later: Runge-Kutta of fourth order with an integrating factor.

        Viscosity and drag are exact, advection is of fourth order (Canuto et al. 2007, Spectral
        Methods: Evolution to Complex Geometries, app. D).
        """
        half = torch.exp(-0.5 * dt * self.damping)
        decayed = half * modes
        k1 = half * self.advection(modes)
        k2 = self.advection(decayed + 0.5 * dt * k1)
        k3 = self.advection(decayed + 0.5 * dt * k2)
        k4 = self.advection(half * (decayed + dt * k3))
        return half * (decayed + dt / 6 * (k1 + 2 * (k2 + k3))) + dt / 6 * k4
