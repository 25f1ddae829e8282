"""What a minimiser costs beside the energy, per evaluation and sample, against the memory's floor.

    python benchmarks/solver_overhead.py [--pixels 65536] [--history 20] [--steps 80] [--threads 2]

The energy is a cheap separable quadratic, float32 with the values in float64, its own time taken
out. All methods take the same starts. The floor is two readings of the history, measured between
the runs: a step has to read it once for inner products and once for the direction.
torch.optim.LBFGS and scipy's L-BFGS-B run one sample at a time (scipy in float64, as it must).
The median over the evaluations with a full history is printed, in milliseconds.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from statistics import median
from time import perf_counter

import numpy as np
import torch
from scipy.optimize import minimize as scipy_minimize
from torch import Tensor

from solvers import LBFGS, minimise


class Quadratic:
    """1/2 sum_i h_i x_i^2 with the time spent in it."""

    def __init__(self, pixels: int) -> None:
        self.curvatures = torch.logspace(0, 3, pixels)
        self.seconds = 0.0

    def __call__(self, x: Tensor, index: Tensor) -> tuple[Tensor, Tensor]:
        begin = perf_counter()
        gradients = self.curvatures * x
        values = 0.5 * (x * gradients).sum(1, dtype=torch.float64)
        self.seconds += perf_counter() - begin
        return values, gradients


class Clock:
    """Time between ticks, the energy's taken out."""

    def __init__(self, energy: Quadratic) -> None:
        self.energy, self.intervals = energy, list[float]()
        self.energy.seconds, self.last = 0.0, perf_counter()

    def tick(self, _: object = None) -> None:
        now = perf_counter()
        self.intervals.append(now - self.last - self.energy.seconds)
        self.energy.seconds, self.last = 0.0, perf_counter()

    def milliseconds(self, skip: int) -> float:
        return 1e3 * median(self.intervals[skip:])


def ours(energy: Quadratic, start: Tensor, history: int, steps: int) -> float:
    clock = Clock(energy)
    minimise(energy, start, LBFGS(history), max_steps=steps, callback=clock.tick)
    return clock.milliseconds(history + 5) / len(start)


def torch_optim(energy: Quadratic, start: Tensor, history: int, steps: int) -> float:
    x = start[:1].clone().requires_grad_()
    clock = Clock(energy)
    optimiser = torch.optim.LBFGS(
        [x],
        max_iter=steps,
        max_eval=2 * steps,
        history_size=history,
        line_search_fn="strong_wolfe",
        tolerance_grad=0,
        tolerance_change=0,
    )

    def closure() -> float:
        clock.tick()
        with torch.no_grad():
            value, x.grad = energy(x, torch.zeros(1, dtype=torch.int64))
        return value.item()

    optimiser.step(closure)
    return clock.milliseconds(history + 5)


def scipy_lbfgsb(energy: Quadratic, start: Tensor, history: int, steps: int) -> float:
    clock = Clock(energy)

    def fun(x: np.ndarray) -> tuple[float, np.ndarray]:
        clock.tick()
        value, gradient = energy(torch.from_numpy(x)[None], torch.zeros(1, dtype=torch.int64))
        return value.item(), gradient[0].numpy()

    scipy_minimize(
        fun,
        start[0].double().numpy(),
        jac=True,
        method="L-BFGS-B",
        options={"maxcor": history, "maxiter": steps, "ftol": 0, "gtol": 0},
    )
    return clock.milliseconds(history + 5)


def floor(batch: int, pixels: int, history: int) -> float:
    """Two readings of the 2 history + 1 rows of each sample."""
    rows = torch.ones(batch, 2 * history + 1, pixels)

    def read() -> float:
        begin = perf_counter()
        rows.sum()
        return perf_counter() - begin

    return 2e3 * median(read() for _ in range(15)) / batch


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pixels", type=int, default=65536)
    parser.add_argument("--history", type=int, default=20)
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    energy = Quadratic(options.pixels)
    noise = torch.Generator().manual_seed(0)
    print("| method | batch | ms an evaluation and sample | times the floor |")
    print("|---|---|---|---|")
    runs: list[tuple[str, int, Callable[..., float]]] = [
        ("solvers.LBFGS", batch, ours) for batch in (1, 2, 4, 8, 16)
    ]
    runs += [("torch.optim.LBFGS", 1, torch_optim), ("scipy L-BFGS-B", 1, scipy_lbfgsb)]
    for name, batch, run in runs:
        start = torch.randn(batch, options.pixels, generator=noise)
        before = floor(batch, options.pixels, options.history)
        time = run(energy, start, options.history, options.steps)
        after = floor(batch, options.pixels, options.history)
        ratio = time / (0.5 * (before + after))
        print(f"| {name} | {batch} | {time:.2f} | {ratio:.1f} |", flush=True)


if __name__ == "__main__":
    main()
