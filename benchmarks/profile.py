"""Where the time of one loss and gradient goes.

    python -m benchmarks.profile [MODEL] [--size 256] [--dims 2] [--threads 1]

Forward, every step is timed without the steps it calls.  Backward, the time between beginning and
end is shared out by the profiler's times of the nodes of the graph.
"""

from __future__ import annotations

import argparse
import functools
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import perf_counter
from typing import Any

import torch
from torch.profiler import ProfilerActivity, profile

import moments
from benchmarks import contenders
from moments import bands, gram, grids, harmonics, shifts, wavelets
from moments.classes import MomentClass

#: Steps, the functions that do them, and the nodes that undo them.
TRANSFORMS, BANDS, MODULUS, SECOND, PRODUCTS, LAGS, CROPS = (
    "Fourier transforms", "bands and their moduli", "modulus and harmonics",
    "products through a second wavelet", "matrix products", "lags", "crops",
)  # fmt: skip
FUNCTIONS: dict[Callable[..., Any], str] = {
    wavelets.spectrum: TRANSFORMS,
    wavelets.half_spectrum: TRANSFORMS,
    wavelets.synthesis: TRANSFORMS,
    harmonics.modulus: MODULUS,
    harmonics.harmonic: MODULUS,
    bands.coefficients: BANDS,
    bands.moduli: BANDS,
    grids.regrid: CROPS,
}
NODES = {
    "FftC2C": TRANSFORMS, "FftC2R": TRANSFORMS, "FftR2C": TRANSFORMS, "_HalfSpectrum": TRANSFORMS,
    "_Coefficients": BANDS, "_Moduli": BANDS, "_Modulus": MODULUS, "_Harmonic": MODULUS,
    "_WeightedGram": SECOND,
    "Bmm": PRODUCTS, "Mm": PRODUCTS, "UnsafeView": PRODUCTS,
    "_Transfer": CROPS, "Slice": CROPS, "Cat": CROPS,
}  # fmt: skip


class Clock:
    """Exclusive time of nested steps."""

    def __init__(self) -> None:
        self.taken: dict[str, float] = defaultdict(float)
        self.inside: list[str] = []
        self.last = 0.0

    def _charge(self) -> None:
        now = perf_counter()
        if self.inside:
            self.taken[self.inside[-1]] += now - self.last
        self.last = now

    def timed(self, step: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function, with its time counted as that of the step."""

        @functools.wraps(function)
        def wrapped(*given: Any, **named: Any) -> Any:
            self._charge()
            self.inside.append(step)
            try:
                return function(*given, **named)
            finally:
                self._charge()
                self.inside.pop()

        return wrapped


@contextmanager
def watched(clock: Clock, op: moments.MomentFamily) -> Iterator[None]:
    """Every step of the family is timed, wherever in `moments` it is called from."""
    places = [m for name, m in sys.modules.items() if name.split(".")[0] == "moments"]
    modules = ((shifts.Lags, LAGS), (gram.SecondWavelets, SECOND))
    patches: list[tuple[Any, str, Any, str]] = [
        (module, "forward", module.forward, step) for module, step in modules
    ]
    for place in places:
        for name, value in list(vars(place).items()):
            if callable(value) and value in FUNCTIONS:
                patches.append((place, name, value, FUNCTIONS[value]))
    for part in {type(m) for m in op.modules() if isinstance(m, MomentClass)}:
        patches.append((part, "forward", part.forward, f"rest of {part.__name__}"))
    for place, name, value, step in patches:
        setattr(place, name, clock.timed(step, value))
    try:
        yield
    finally:
        for place, name, value, _ in patches:
            setattr(place, name, value)


def backward_shares(loss: torch.Tensor, x: torch.Tensor) -> dict[str, float]:
    """Share of each step in the time of the nodes."""
    with profile(activities=[ProfilerActivity.CPU]) as record:
        torch.autograd.grad(loss, x)
    head, taken = "autograd::engine::evaluate_function: ", Counter[str]()
    for event in record.key_averages():
        if event.key.startswith(head):
            node = event.key.removeprefix(head).split("Backward")[0]
            taken[NODES.get(node, "elementwise, sums, copies")] += event.cpu_time_total
    total = sum(taken.values())
    return {step: value / total for step, value in taken.items()}


def measure(name: str, shape: tuple[int, ...], rounds: int) -> dict[str, list[float]]:
    """Milliseconds forward and backward of every step."""
    x = contenders.noise(shape, 1)
    op = moments.build(name, shape)
    op.freeze(op.constants(x))
    x.requires_grad_(True)

    def loss() -> torch.Tensor:
        return op(x).double().square().sum()

    torch.autograd.grad(loss(), x)
    clock, back = Clock(), 0.0
    with watched(clock, op):
        whole = clock.timed("rest of the climb", loss)
        for _ in range(rounds):
            value = whole()
            begin = perf_counter()
            torch.autograd.grad(value, x)
            back += perf_counter() - begin
    shares = backward_shares(loss(), x)
    steps = sorted({*clock.taken, *shares})
    return {
        step: [1e3 * clock.taken[step] / rounds, 1e3 * back * shares.get(step, 0.0) / rounds]
        for step in steps
    }


def main() -> None:
    """Print the table, dearest step first."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", nargs="?", default="wph")
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--dims", type=int, default=2)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=10)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    shape = (given.size,) * given.dims
    steps = measure(given.model, shape, given.rounds)
    total = sum(map(sum, steps.values()))
    print(
        f"{given.model} on {'x'.join(map(str, shape))}, {total:.1f} ms, {given.threads} thread(s)"
    )
    print("\n| step | forward ms | backward ms | share |\n|---|---|---|---|")
    for step, (forward, backward) in sorted(steps.items(), key=lambda item: -sum(item[1])):
        share = 100 * (forward + backward) / total
        print(f"| {step} | {forward:.1f} | {backward:.1f} | {share:.0f}% |")


if __name__ == "__main__":
    main()
