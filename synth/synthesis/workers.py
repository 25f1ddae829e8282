"""Independent pieces of work on several cores, with an end to all at an interrupt.

PyTorch spends the time of large grids outside the interpreter's lock, so there threads work side by
side.  Small grids are bound by the lock, and threads would only wait for each other.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import TypeVar

import torch

Job = TypeVar("Job")
Result = TypeVar("Result")
#: Share of the machine's memory that workers may fill.
MEMORY_SHARE = 0.5


class StoppedError(Exception):
    """Raised in a worker whose work is no longer wanted."""


def fitting(memory: int) -> int:
    """How many workers of so many bytes the machine's memory holds, at least 1."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return max(1, int(MEMORY_SHARE * total // memory))


@contextlib.contextmanager
def torch_threads(count: int) -> Iterator[None]:
    """So many threads for the operations of PyTorch that this thread calls."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def in_parallel(
    work: Callable[[Job, threading.Event], Result], jobs: Sequence[Job], workers: int, threads: int
) -> Iterator[tuple[Job, Result]]:
    """Results of ``work(job, stop)`` as they are ready, each worker with so many threads.

    An error in one job, or an interrupt of the caller, sets ``stop`` for the others, which are
    waited for; it is then raised.
    """
    stop = threading.Event()

    def alone(job: Job) -> tuple[Job, Result]:
        torch.set_num_threads(threads)
        return job, work(job, stop)

    # Part of the number is the process's: it is put back when the last worker has ended.
    with torch_threads(threads):
        if workers == 1:
            yield from map(alone, jobs)
            return
        with ThreadPoolExecutor(workers) as pool:
            pending = [pool.submit(alone, job) for job in jobs]
            try:
                for future in as_completed(pending):
                    yield future.result()
            finally:
                stop.set()
                pool.shutdown(cancel_futures=True)
