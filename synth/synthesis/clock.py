"""What a person sees of a run: samples done, mismatch, time left."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from solvers import Progress

Report = Callable[[dict[str, Any]], None]


class Clock:
    """Turns the minimiser's progress into a person's, for ``n`` samples of which ``done`` exist."""

    def __init__(self, n: int, done: int, report: Report | None) -> None:
        self.n, self.done, self.report = n, done, report
        self.start, self.made = time.monotonic(), 0
        self.lock = threading.Lock()
        self.running: dict[int, Tensor] = {}

    def tick(self, numbers: list[int], first: int, state: Progress) -> None:
        if self.report is None:
            return
        with self.lock:
            self.running[numbers[0]] = state.values.sqrt().cpu()
            mismatch = torch.cat(list(self.running.values()))
            seconds = time.monotonic() - self.start
            each = seconds / self.made if self.made else math.nan
            self.report(
                {
                    "done": self.done,
                    "n": self.n,
                    "scale": first,
                    "iteration": int(state.steps.max()),
                    "mismatch_median": float(mismatch.median()),
                    "mismatch_worst": float(mismatch.max()),
                    "seconds_left": each * (self.n - self.done),
                }
            )

    def finish(self, numbers: list[int], outcomes: list[dict[str, Any]]) -> None:
        with self.lock:
            self.running.pop(numbers[0], None)
            self.done += len(numbers)
            self.made += len(numbers)
            if self.report is not None:
                finished = dict(zip(numbers, outcomes, strict=True))
                self.report({"done": self.done, "n": self.n, "finished": finished})
