"""The energy of a sample, of many samples at once."""

from __future__ import annotations

import math
import time

import torch
from torch import Tensor

from moments import MomentFamily
from synth.synthesis.mismatch import Mismatch
from synth.synthesis.preconditioner import Preconditioner

#: Values of the fields that a CPU evaluates at once.  On small grids the calls are what an
#: evaluation costs, and the fields share them; of more values only the memory grows.
AT_ONCE = 2**18
#: Floats that one evaluation of a field holds at once, over the values of the field: the peak of
#: `wph` in benchmarks/RESULTS.md, 121 MiB for 65,536 values, is 484; that of `rich` is 812.
WORKING_SET = 600


class MomentEnergy:
    """The mean square mismatch of a field's moments (:class:`synth.synthesis.mismatch.Mismatch`).

    Of the moments that depend on no scale finer than ``first`` it is an energy of fields on the
    grid of that scale.

    Called by the minimiser with points in the preconditioned coordinates.  Small fields are
    evaluated together; on a CPU only where that is faster and gives the same bits as one by one, so
    that a sample's path does not depend on its neighbours.  On a GPU as many at a time as its free
    memory holds.

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
        self.mismatch = Mismatch(op, spread.to(targets), first)
        self.preconditioner = preconditioner
        self._worth = {1: True}  # by the number of fields evaluated together, once it is known

    def __call__(self, y: Tensor, index: Tensor) -> tuple[Tensor, Tensor]:
        """Energies (n,) float64 and gradients (n, channel, *space) of the samples ``index``."""
        together = zip(y.split(self._at_once(y)), index.split(self._at_once(y)), strict=True)
        return _joined([self._of_batch(*part) for part in together])

    def _of_batch(self, y: Tensor, index: Tensor) -> tuple[Tensor, Tensor]:
        """All fields together where that is known, or now found, to give the same bits sooner."""
        n = len(y)
        if y.device.type != "cpu" or self._worth.get(n):
            return self._together(y, index)
        # A batch that has lost a field or two is filled up: to try each size once takes longer.
        if larger := [size for size in range(n, n + n // 4 + 1) if self._worth.get(size)]:
            fill = torch.arange(larger[0]).clamp(max=n - 1)
            value, gradient = self._together(y[fill], index[fill])
            return value[:n], gradient[:n]
        start = time.perf_counter()
        ones = zip(y.split(1), index.split(1), strict=True)
        each = _joined([self._together(*one) for one in ones])
        if n not in self._worth:
            middle = time.perf_counter()
            pairs = zip(each, self._together(y, index), strict=True)
            sooner = time.perf_counter() - middle < middle - start
            self._worth[n] = sooner and all(torch.equal(*pair) for pair in pairs)
        return each

    def _together(self, y: Tensor, index: Tensor) -> tuple[Tensor, Tensor]:
        field = self.preconditioner.to_field(y).requires_grad_(True)
        energy = self.of_moments(self.op(field, self.first), index)
        (gradient,) = torch.autograd.grad(energy.sum(), field)
        return energy.detach(), self.preconditioner.pulled_back(gradient)

    def of_moments(self, moments: Tensor, index: Tensor) -> Tensor:
        """Energies (n,) float64 of moments (n, M)."""
        targets = self.targets if len(self.targets) == 1 else self.targets[index]
        return self.mismatch.energy(self.mismatch.residual(moments, targets))

    def _at_once(self, y: Tensor) -> int:
        values = math.prod(y.shape[1:])
        if y.device.type != "cuda":
            return max(1, AT_ONCE // values)
        free, _ = torch.cuda.mem_get_info(y.device)
        return max(1, int(0.7 * free / working_set(values)))


def _joined(parts: list[tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
    values, gradients = zip(*parts, strict=True)
    return torch.cat(values), torch.cat(gradients)


def working_set(values: int) -> int:
    """Bytes that one evaluation of a field of so many values holds at once."""
    return 4 * WORKING_SET * values
