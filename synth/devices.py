"""Where the computation runs."""

from __future__ import annotations

import ctypes
import functools
import sys

import torch

from synth.errors import UsageError

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
KEEP_BYTES = 2**30


def choose(name: str) -> torch.device:
    """The device of that name; "auto" takes a GPU where there is one.

    Raises
    ------
    UsageError
        If the device does not exist here.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise UsageError(f"Device {name!r} was asked for; auto, cpu or cuda would work.") from error
    if device.type == "cuda" and not torch.cuda.is_available():
        raise UsageError(f"Device {name!r} was asked for, but this machine has no GPU; use cpu.")
    if device.type == "cpu":
        keep_freed_memory()
    return device


@functools.cache
def keep_freed_memory() -> None:
    """Let glibc reuse the memory of large temporaries instead of mapping it afresh each time.

    By default every temporary above 128 KiB to 32 MiB is mapped, touched page by page and
    unmapped, which took about half of the time of an energy.  Elsewhere than on glibc: no effect.
    """
    if sys.platform != "linux":
        return
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError):
        return
    mallopt(M_MMAP_THRESHOLD, KEEP_BYTES)
    mallopt(M_TRIM_THRESHOLD, KEEP_BYTES)
