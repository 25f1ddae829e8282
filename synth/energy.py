"""The energy of a sample: its mean squared moment mismatch in units of the sampling spread."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from moments import MomentFamily
from synth.preconditioner import Preconditioner

#: Floats that one evaluation of a field holds at once, over the values of the field: the peak of
#: `wph` in benchmarks/RESULTS.md, 141 MiB for 65,536 values, is 564.
WORKING_SET = 600


class MomentEnergy:
    r"""E(x) = (1/M) sum_m (Phi_m(x) - mu_m)^2 / s_m^2, whose root is the rms mismatch in spreads.

    Of the scales from ``first`` on, M the number of moments that depend on no finer one, it is an
    energy of fields on the grid of scale ``first``.

    Called by the minimiser with points in the preconditioned coordinates.  On a CPU fields are
    evaluated one by one: a batch is no cheaper there, and a sample's path does not depend on its
    neighbours.  On a GPU as many at a time as its free memory holds.

    Parameters
    ----------
    op : MomentFamily
    targets : Tensor, (samples, M) or (1, M)
        mu of each sample.
    spread : Tensor, (M,)
        s.
    preconditioner : Preconditioner
        Of fields on the grid that the energy is taken on.
    first : int
        Finest scale that counts.
    """

    def __init__(
        self,
        op: MomentFamily,
        targets: Tensor,
        spread: Tensor,
        preconditioner: Preconditioner,
        first: int = 0,
    ) -> None:
        self.op, self.targets, self.first = op, targets, first
        counted = torch.as_tensor(op.finest_scales >= first, device=targets.device)
        self.count = int(counted.sum())
        self.weight = torch.where(counted, 1 / spread.to(targets), 0.0)
        self.preconditioner = preconditioner

    def __call__(self, y: Tensor, index: Tensor) -> tuple[Tensor, Tensor]:
        """Energies (n,) float64 and gradients (n, channel, *space) of the samples ``index``."""
        values, gradients = [], []
        for rows in torch.arange(len(y)).split(self._at_once(y)):
            field = self.preconditioner.to_field(y[rows]).requires_grad_(True)
            energy = self.residual(field, index[rows]).double().square().sum(1) / self.count
            (gradient,) = torch.autograd.grad(energy.sum(), field)
            values.append(energy.detach())
            gradients.append(self.preconditioner.to_field(gradient))
        return torch.cat(values), torch.cat(gradients)

    def residual(self, x: Tensor, index: Tensor) -> Tensor:
        """(Phi(x) - mu) / s, (n, M)."""
        targets = self.targets if len(self.targets) == 1 else self.targets[index]
        return (self.op(x, self.first) - targets) * self.weight

    def _at_once(self, y: Tensor) -> int:
        if y.device.type != "cuda":
            return 1
        free, _ = torch.cuda.mem_get_info(y.device)
        return max(1, int(0.7 * free / working_set(math.prod(y.shape[1:]))))


def working_set(values: int) -> int:
    """Bytes that one evaluation of a field of so many values holds at once."""
    return 4 * WORKING_SET * values


def outcome_of(residual: Tensor, weight: Tensor, status: str, steps: int) -> dict[str, Any]:
    """What is kept of a sample's making.

    Parameters
    ----------
    residual : Tensor, (M,)
        (Phi(x) - mu) / s.
    weight : Tensor, (M,)
        1 / s.
    status : str
    steps : int
    """
    residual = residual.double()
    plain = residual / weight
    loss = float(residual.square().mean())
    return {
        "status": status,
        "steps": steps,
        "loss": loss,
        "mismatch_rms": float(plain.square().mean().sqrt()),
        "mismatch_max": float(plain.abs().max()),
        "mismatch_sigma": math.sqrt(loss),
    }
