"""Which samples of a run are made together, and on how many cores."""

from __future__ import annotations

import math
from collections.abc import Container

import torch

from synth.synthesis.drawing import Drawing
from synth.synthesis.energy import AT_ONCE, working_set
from synth.synthesis.workers import fitting

#: Most fields that a core works on together, and the bytes that their histories may take.
TOGETHER = 8
BATCH_BYTES = 2**29
#: Most fields that go through the stages on small grids together, and their bytes.
ROUND = 64
ROUND_BYTES = 2**29
#: Values from which a field is worth all cores of the machine.
LARGE_FIELD = 2**19


class Plan:
    """Rounds of batches: a round shares the small grids, a batch the others.

    A field that is not large has one thread, however many there are: rounding depends on their
    number, and a sample must not depend on how many others are drawn, or where.

    Parameters
    ----------
    drawing : Drawing
    n : int
        Samples.
    batch : int or "auto"
        Fields computed at once.

    Attributes
    ----------
    workers, threads : int
        Batches to work on at once, and threads for each.
    """

    def __init__(self, drawing: Drawing, n: int, batch: int | str) -> None:
        size = drawing.each * _batch_size(drawing, n // drawing.each, batch)
        self.batches = [list(range(n)[i : i + size]) for i in range(0, n, size)]
        most = min(ROUND, ROUND_BYTES // (4 * drawing.values)) if batch == "auto" else size
        self.per_round = max(1, most // size)
        cores = torch.get_num_threads()
        self.workers, self.threads = 1, cores
        if drawing.device.type == "cpu" and drawing.values < LARGE_FIELD:
            memory = size // drawing.each * drawing.method.memory(drawing.values)
            memory += working_set(max(drawing.values, AT_ONCE))
            self.workers, self.threads = min(cores, len(self.batches), fitting(memory)), 1

    def rounds(self, done: Container[int]) -> list[list[list[int]]]:
        """Numbers of the samples that are not done, by round and batch.

        What a batch is does not depend on what is done, so that one in progress finds its state.
        """
        left = [[number for number in numbers if number not in done] for numbers in self.batches]
        left = [numbers for numbers in left if numbers]
        return [left[i : i + self.per_round] for i in range(0, len(left), self.per_round)]


def _batch_size(drawing: Drawing, problems: int, batch: int | str) -> int:
    """Problems of the minimiser in a batch."""
    if batch != "auto":
        return int(batch)
    each = drawing.method.memory(drawing.values)
    if drawing.device.type != "cuda":
        most = max(1, min(TOGETHER, BATCH_BYTES // each))
        share = math.ceil(problems / torch.get_num_threads())
        return math.ceil(share / math.ceil(share / most))  # as even as can be
    free, _ = torch.cuda.mem_get_info(drawing.device)
    return max(1, int(0.5 * free / each))
