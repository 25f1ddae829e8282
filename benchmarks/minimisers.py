"""Other minimisers on the same energy, on one grid, from the same start: how many evaluations.

    python -m benchmarks.minimisers FIELD[:transform] ... [--size 64] [--limit 600]

Ours is the L-BFGS of `solvers`; scipy has L-BFGS-B, nonlinear conjugate gradients and Anderson
mixing of the gradient. All move the coordinates that even out the scales. Counted are evaluations
of loss and gradient until the mismatch is first below 1, 0.3 and 0.1 sampling spreads.
"""

from __future__ import annotations

import argparse
import contextlib
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from scipy import optimize

from benchmarks.convergence import LEVELS, Problem, fitted
from solvers import LBFGS, minimise
from synth.synthesis.energy import MomentEnergy
from synth.synthesis.preconditioner import Preconditioner

#: A function of flat float64 coordinates: energy and gradient.
Function = Callable[[np.ndarray], tuple[float, np.ndarray]]


class Counted:
    """The energy of a problem's only sample, which remembers its lowest values.

    Parameters
    ----------
    problem : Problem
    limit : int
        Evaluations after which it stops the run by StopIteration, as it does at the last level.
    dtype : torch.dtype
        Of the moments and their gradient.
    """

    def __init__(self, problem: Problem, limit: int, dtype: torch.dtype) -> None:
        self.limit, self.dtype = limit, dtype
        self.preconditioner = Preconditioner(problem.colour.power)
        op = problem.op.to(dtype)
        targets, spread = problem.targets.to(dtype), problem.spread.to(dtype)
        self.energy = MomentEnergy(op, targets, spread, self.preconditioner)
        self.start = self.preconditioner.to_coordinates(problem.colour.draw(problem.noise))
        self.lowest: list[float] = []

    def tensors(self, y: torch.Tensor, index: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """For `solvers.minimise`."""
        values, gradients = self.energy(y.to(self.dtype), index)
        best = self.lowest[-1] if self.lowest else math.inf
        self.lowest.append(min(best, math.sqrt(float(values[0]))))
        if len(self.lowest) >= self.limit or self.lowest[-1] <= min(LEVELS):
            raise StopIteration
        return values, gradients.to(y.dtype)

    def arrays(self, y: np.ndarray) -> tuple[float, np.ndarray]:
        """For scipy."""
        point = torch.from_numpy(y).reshape(self.start.shape).to(self.dtype)
        values, gradients = self.tensors(point, torch.tensor([0]))
        return float(values[0]), gradients.double().numpy().ravel()

    def reached(self, level: float) -> str:
        """Evaluations until the mismatch was first below a level."""
        found = np.flatnonzero(np.array(self.lowest) <= level)
        return str(found[0] + 1) if len(found) else f"> {self.limit}"


def ours(history: int) -> Callable[[Counted], object]:
    """The L-BFGS of `solvers`."""
    return lambda energy: minimise(energy.tensors, energy.start, LBFGS(history=history))


def scipys(method: str, **options: float) -> Callable[[Counted], object]:
    """One of `scipy.optimize.minimize`, without its own ideas of when to stop."""
    options |= {"maxiter": 10**6, "gtol": 0.0} | ({} if method == "CG" else {"ftol": 0.0})
    return lambda energy: optimize.minimize(
        energy.arrays, energy.start.double().numpy().ravel(), jac=True, method=method,
        options=options,
    )  # fmt: skip


def anderson(energy: Counted) -> object:
    """Anderson mixing of 20 gradients, the first step as long as that of our L-BFGS."""
    start = energy.start.double().numpy().ravel()
    first = energy.arrays(start)[1]
    return optimize.anderson(
        lambda y: energy.arrays(y)[1], start, alpha=1 / np.linalg.norm(first), M=20, maxiter=10**6,
        f_tol=0.0,
    )  # fmt: skip


MINIMISERS = {
    "L-BFGS, history 60": (ours(60), torch.float32),
    "L-BFGS, history 20": (ours(20), torch.float32),
    "L-BFGS, history 60, moments in float64": (ours(60), torch.float64),
    "scipy's L-BFGS-B, history 60": (scipys("L-BFGS-B", maxcor=60, maxfun=10**6), torch.float32),
    "scipy's conjugate gradients": (scipys("CG"), torch.float32),
    "scipy's Anderson mixing, history 20": (anderson, torch.float32),
}


def main() -> None:
    """Print a table in markdown for each field."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("fields", nargs="+", metavar="FIELD[:transform]")
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--limit", type=int, default=600, help="evaluations")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    for field in asked.fields:
        path, _, transform = field.partition(":")
        model = fitted(path, transform or "none", asked.size)
        print(f"\n{Path(path).stem}, {'x'.join(map(str, model.shape))}, {model.n_moments} moments")
        print(f"| minimiser | {' | '.join(f'to {level} spreads' for level in LEVELS)} |")
        print("|---" * (1 + len(LEVELS)) + "|")
        for name, (run, dtype) in MINIMISERS.items():
            energy = Counted(Problem(model, 0), asked.limit, dtype)
            with contextlib.suppress(StopIteration):
                run(energy)
            cells = [name, *(energy.reached(level) for level in LEVELS)]
            print(f"| {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
