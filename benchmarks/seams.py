"""Cross and seam in samples of open fields; writes benchmarks/SEAMS.md.

    python -m benchmarks.seams [-n 2] [FIELD ...]

A field taken as periodic although it is not has a jump across its border, and that jump puts power
on the axes of its spectrum.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

import synth

HERE = Path(__file__).parent
SHARED = HERE.parents[1] / "shared" / "data"
FIELDS = ("cib_256.h5", "gravel_512.h5")
#: Wavenumbers across the axis up to which a jump puts its power, and from which k on it is told.
WIDTH, LOWEST = 4, 12
HEAD = """# Cross and seam in samples of open fields

Cross: power on an axis of the spectrum over that beside it (at the same |k|, at least 4 wavenumbers
and at most 30 degrees off the axis), averaged over k from 12 to a quarter of the side. Seam: mean
square jump across the border over that of a step inside. Both are 1 for a periodic stationary
field, up to the sampling error given. Fitted and sampled with default settings. Written by
`python -m benchmarks.seams`.

| field | axis | cross, the field | cross, samples | seam, the field | seam, samples |
|---|---|---|---|---|---|
"""


def cross(x: np.ndarray, axis: int) -> tuple[float, float]:
    """Power on an axis over that beside it, and its standard error, of fields (n, 1, y, x)."""
    power = np.abs(np.fft.fft2(x - x.mean((-2, -1), keepdims=True))) ** 2
    power = power.mean((0, 1)) if axis == 0 else power.mean((0, 1)).T
    along, across = (np.abs(np.fft.fftfreq(size, 1 / size)) for size in power.shape)
    radius = np.hypot(along[:, None], across)
    ratios = []
    for k in range(LOWEST, len(power) // 4):
        beside = (np.abs(radius - k) <= 0.5) & (across >= WIDTH) & (across <= k / 2)
        # The inverse of a mean of m exponential numbers is too large by m / (m - 1).
        modes = len(x) * beside.sum() / 2
        ratios.append((1 - 1 / modes) * power[k, 0] / power[beside].mean())
    return float(np.mean(ratios)), float(np.std(ratios, ddof=1) / np.sqrt(len(ratios)))


def seam(x: np.ndarray, axis: int) -> tuple[float, float]:
    """Mean square jump across a border over that inside, and its standard error."""
    x = x if axis == 0 else x.swapaxes(-2, -1)
    square = (x - np.roll(x, 1, -2)) ** 2
    inside = square[..., 1:, :].mean()
    rows = square.mean((0, 1, 3)) / inside
    return float(rows[0]), float(rows[1:].std(ddof=1))


def main() -> None:
    """Fit, sample, print and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("fields", nargs="*", default=[str(SHARED / name) for name in FIELDS])
    parser.add_argument("-n", type=int, default=2)
    given = parser.parse_args()
    lines = []
    for path in given.fields:
        field = synth.read(path)
        samples = synth.sample(synth.fit(field), n=given.n).field.load()
        for axis, name in enumerate(field.dims):
            numbers = [f(x, axis) for f in (cross, seam) for x in (field.load(), samples)]
            cells = " | ".join("{:.2f} ± {:.2f}".format(*number) for number in numbers)
            lines.append(f"| {Path(path).name} | {name} | {cells} |")
            print(lines[-1], flush=True)
    (HERE / "SEAMS.md").write_text(HEAD + "\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
