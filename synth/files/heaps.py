"""A look at an HDF5 file before libhdf5 opens it, for the one damage that it never returns from.

Strings of variable length live in global heaps, lists of sized objects (HDF5 File Format
Specification 3.0, section III.E). libhdf5 up to 2.0 walks such a list by the sizes it finds, and
for ever where a size is zero, which is what a hole in an incomplete copy looks like.
"""

from __future__ import annotations

import mmap
import os
import struct
from functools import lru_cache
from pathlib import Path

SIGNATURE = b"GCOL\x01\x00\x00\x00"
HEADER = 16
# Heaps are metadata, which lies at the beginning or the end of a file.
WINDOW = 2**26


def heaps_are_sound(path: str | Path) -> bool:
    """Whether every global heap near either end of a file can be walked to its end."""
    state = os.stat(path)
    return _are_sound(str(path), state.st_size, state.st_mtime_ns)


@lru_cache(maxsize=64)  # a large file is opened again for each slab
def _are_sound(path: str, size: int, _modified: int) -> bool:
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        windows = [(0, size)] if size <= 2 * WINDOW else [(0, WINDOW), (size - WINDOW, size)]
        for start, stop in windows:
            place = content.find(SIGNATURE, start, stop)
            while place >= 0:
                if not _walks(content, place, size):
                    return False
                place = content.find(SIGNATURE, place + 8, stop)
    return True


def _walks(content: mmap.mmap, heap: int, size: int) -> bool:
    """Whether the objects of the heap at this place follow each other without standing still."""
    if heap + HEADER > size:
        return True
    end = min(size, heap + struct.unpack_from("<Q", content, heap + 8)[0])
    place = heap + HEADER
    while place + HEADER <= end:
        index, length = struct.unpack_from("<H6xQ", content, place)
        step = length if index == 0 else HEADER + (length + 7) // 8 * 8
        if step == 0:
            return False
        place += step
    return True
