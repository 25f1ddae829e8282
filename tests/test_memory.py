"""A file of many fields is never in memory, neither when it is read nor when it is fitted."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import h5py
import numpy as np
from conftest import ROOT


def large(path: Path, samples: int, size: int, gap: bool = False) -> None:
    """Many fields in a small file: noise in one corner, zeros elsewhere, compressed."""
    draw = np.random.default_rng(0)
    with h5py.File(path, "w") as file:
        data = file.create_dataset(
            "a", (samples, size, size), "f4", chunks=(1, size, size), compression="gzip"
        )
        data.attrs.update({"dims": "sample,y,x", "periodic": True})
        for i in range(0, samples, 7):
            data[i, :32, :32] = draw.normal(size=(32, 32))
        if gap:
            data[3, 100, 100] = np.nan


def printed(script: str, *arguments: object) -> list[float]:
    """The numbers that a script prints in an interpreter of its own."""
    shown = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", textwrap.dedent(script), *map(str, arguments)],
        capture_output=True, text=True, check=True, cwd=ROOT,
    )  # fmt: skip
    return [float(word) for word in shown.stdout.split()]


def test_reading_holds_slabs(tmp_path: Path) -> None:
    large(tmp_path / "f.h5", 300, 512, gap=True)  # 300 MiB of floats
    script = """
        import resource, sys
        import synth
        from synth.estimation.boundary import detect_boundary
        from synth.estimation.transforms import Standardisation
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        field = synth.read(sys.argv[1])
        standard = Standardisation.measure(field)
        for block in field.blocks(2**24):
            standard.forward(block)
        detect_boundary(field)
        after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        print((after - before) / 1024, field.n_samples, field.mask[3].sum())
    """
    grown, samples, valid = printed(script, tmp_path / "f.h5")
    assert grown < 250
    assert (samples, valid) == (300, 512 * 512 - 1)


def test_fitting_ten_times_as_many_fields_takes_no_more_memory(tmp_path: Path) -> None:
    for samples in (32, 320):  # 8 and 80 MiB of floats
        large(tmp_path / f"{samples}.h5", samples, 256)
    script = """
        import resource, sys
        import synth
        from synth.estimation import preparation
        from synth.files import reading
        from synth.field import Field
        reading.EAGER = reading.SLAB = preparation.BLOCK_BYTES = 2**22
        Field.masked_blocks.__defaults__ = (2**22,)
        for path in sys.argv[1:]:
            model = synth.fit(synth.read(path), "covariance", scales=1, angles=1)
            print(model.n_fields, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    """
    few, before, many, after = printed(script, tmp_path / "32.h5", tmp_path / "320.h5")
    assert (few, many) == (32, 320)
    assert after - before < 20
