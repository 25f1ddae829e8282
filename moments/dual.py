"""The convex dual of the maximum-entropy Gaussian problem of :mod:`moments.gaussian`."""

from __future__ import annotations

import copy
import math

import numpy as np
import torch
from torch import Tensor

from moments import grids
from moments.covariance import Covariance

#: Most conjugate-gradient steps of a Newton step.
INNER_ITERATIONS = 100
#: Of the inner iteration, in its squared norm, relative to its start.
ACCURACY = 0.1
RIDGE = 1e-6
SHORTEST_STEP = 1e-6
#: Relative error of the dual's value in float64, summed over all wavenumbers.
ROUNDING = 1e-13


class Dual:
    """The linear map from spectra to moments, its adjoint, and the Newton step of the dual.

    Parameters
    ----------
    op : Covariance
    values : Tensor, (M,) float64
        Moments asked for.
    """

    def __init__(self, op: Covariance, values: Tensor) -> None:
        self.op = copy.deepcopy(op).double()
        self.space, self.channels = tuple(range(op.dims)), op.channels
        self.pixels = math.prod(op.shape)
        constant = torch.ones((1, op.channels, *op.shape), dtype=torch.float64)
        is_mean = torch.as_tensor(op.labels.where(kind="Lmean"), device=values.device)
        constant = constant.to(values.device)
        self.mean = values[is_mean] / self.op(constant)[0, is_mean]
        of_mean = self.op(constant * self.mean.reshape(-1, *[1] * op.dims))[0]
        self.quadratic = ~is_mean
        self.wanted = torch.where(is_mean, 0.0, values - of_mean)
        scale = torch.as_tensor(op.labels["j1"].astype(float)).to(values)
        #: Share of the wavenumbers that lie in the moment's band, up to a factor.
        self.share = 2.0 ** (-scale * op.dims)

    def start(self) -> Tensor:
        """Variances only, each weighing as many wavenumbers as its band holds."""
        labels = self.op.labels
        same = labels["c1"] == labels["c2"]
        zero = ~labels["shift"].any(-1) & (labels["part"] != "im") & same
        start = torch.as_tensor(zero.astype(float)).to(self.wanted) * self.quadratic * self.share
        # At the optimum sum beta c = channels, since every term tr P^-1 P is.
        return start * (self.channels / (start @ self.wanted))

    def value(self, beta: Tensor, root: Tensor) -> float:
        """The dual's objective over d."""
        half_log_det = root.diagonal(dim1=-2, dim2=-1).abs().flatten(0, -2)[1:].log().sum()
        return float(half_log_det) / self.pixels + 0.5 * float(beta @ self.wanted)

    def descend(
        self, beta: Tensor, root: Tensor, step: Tensor, residual: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Move along a step, halved until the spectrum is positive and the objective decreases."""
        before, slope = self.value(beta, root), 0.5 * float(residual @ step)
        length = 1.0
        while length > SHORTEST_STEP:
            moved = beta + length * step
            tried = self.root(moved)
            if tried.isfinite().all() and (
                self.value(moved, tried) <= before + 0.1 * length * slope + ROUNDING * abs(before)
            ):
                return moved, tried
            length /= 2
        return beta, root

    def adjoint(self, beta: Tensor) -> Tensor:
        """sum_m beta_m F_m(w), (*space, channel, channel): the response to impulses."""
        impulses = torch.zeros((self.channels, self.channels, *self.op.shape)).to(beta)
        impulses.flatten(2)[:, :, 0] = torch.eye(self.channels).to(beta)
        impulses.requires_grad_(True)
        with torch.enable_grad():
            total = (self.op(impulses) @ (beta * self.quadratic)).sum()
        (response,) = torch.autograd.grad(total, impulses)
        columns = 0.5 * self.pixels * torch.fft.fftn(response, dim=[n + 2 for n in self.space])
        return columns.movedim((1, 0), (-2, -1))

    def root(self, beta: Tensor) -> Tensor:
        """R with R R^* = (sum beta F)^-1, by Cholesky, (*space, channel, channel).

        NaN where the sum is not positive.
        """
        lower, failed = torch.linalg.cholesky_ex(self.adjoint(beta))
        if failed.flatten()[1:].any():
            return torch.full_like(lower, torch.nan)
        root = torch.linalg.inv(lower).mH.contiguous()
        root[(0,) * len(self.space)] = 0.0
        return root

    def _moments_of(self, columns: Tensor) -> Tensor:
        """Moments of the fields with spectra x^ = column / sqrt(d), summed over columns, (M,)."""
        spectra = columns.movedim((-1, -2), (0, 1)) / math.sqrt(self.pixels)
        axes = [n + 2 for n in self.space]
        fields = torch.fft.ifftn(spectra, dim=axes, norm="forward").real
        with torch.no_grad():
            return self.op(fields).sum(0) * self.quadratic

    def moments(self, root: Tensor) -> Tensor:
        """Covariances of the Gaussian law, (M,)."""
        return self._moments_of(root)

    def hessian(self, root: Tensor, v: Tensor) -> Tensor:
        """Second derivative of the dual times v: (d / 2) times the moments of P (F^T v) P."""
        turned = root @ (root.mH @ self.adjoint(v) @ root)
        # Moments are quadratic in the field: their bilinear form by polarisation.
        plus, minus = self._moments_of(root + turned), self._moments_of(root - turned)
        return 0.125 * self.pixels * (plus - minus)

    def newton_step(self, root: Tensor, residual: Tensor) -> Tensor:
        """Approximate solution of H s = -gradient by preconditioned conjugate gradients."""
        blocks = self.blocks(root)

        def precondition(v: Tensor) -> Tensor:
            out = torch.zeros_like(v)
            for rows, factor in blocks:
                out[rows] = torch.cholesky_solve(v[rows, None], factor)[:, 0]
            return out

        rest = -0.5 * self.pixels * residual
        step = torch.zeros_like(rest)
        z = precondition(rest)
        direction, rho = z, rest @ z
        target = ACCURACY * float(rho)
        for _ in range(INNER_ITERATIONS):
            image = self.hessian(root, direction)
            alpha = rho / (direction @ image)
            step, rest = step + alpha * direction, rest - alpha * image
            z = precondition(rest)
            before, rho = rho, rest @ z
            if float(rho) < target:
                break
            direction = z + (rho / before) * direction
        return step

    def blocks(self, root: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Rows of each band's moments and the Cholesky factor of their own part of the Hessian.

        The Hessian between the lags of one band, sum_w f_m f_n P_aa P_bb / 2 with
        f_m = |psi|^2 cos or sin(w . tau); bands of coherent channels only approximately.
        """
        bank, labels = self.op.bank, self.op.labels
        power = (root @ root.mH).diagonal(dim1=-2, dim2=-1).real.movedim(-1, 0)
        group = labels.groups("kind", "c1", "c2", "j1", "l1")
        found = []
        for number in range(group.max() + 1):
            rows = np.flatnonzero(group == number)
            first = labels.table[rows[0]]
            if first["kind"] == "Lmean":
                continue
            j, l, grid = first["j1"], first["l1"], bank.grids[first["j1"]]
            if first["kind"] == "S11":
                weight = bank.psi(j)[l] ** 2 / self.op.band_power()[:, j, l].mean()
            else:
                weight = bank.phi**2 / self.op.low.power[:, j].mean()
            one, two = (grids.regrid(power[first[c]], bank.shape, grid) for c in ("c1", "c2"))
            lags = torch.as_tensor(labels["shift"][rows, 3 - self.op.dims :]).to(power)
            axes = grids.frequencies(bank.shape, grid)
            phase = sum(
                lag.reshape(-1, *[1] * self.op.dims) * w.to(power)
                for lag, w in zip(lags.T, axes, strict=True)
            )
            turn = torch.as_tensor((labels["part"][rows] == "im") * (-math.pi / 2)).to(power)
            phase = phase + turn.reshape(-1, *[1] * self.op.dims)
            amplitude = weight * (one * two).sqrt()
            # Between channels F is complex.
            parts = [torch.cos] if first["c1"] == first["c2"] else [torch.cos, torch.sin]
            f = torch.stack([part(phase) * amplitude for part in parts], dim=1).flatten(1)
            block = 0.5 * f @ f.T
            ridge = RIDGE * block.diagonal().mean() * torch.eye(len(rows)).to(block)
            found.append((torch.as_tensor(rows), torch.linalg.cholesky(block + ridge)))
        return found
