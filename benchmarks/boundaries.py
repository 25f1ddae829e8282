"""Bias of the moments of open and of gappy fields; writes benchmarks/BOUNDARIES.md.

    python -m benchmarks.boundaries

Crops of 128x128 against the moments of the whole periodic fields, and fields with a tenth of their
area missing in discs against the same fields without gaps, both through `synth.measure`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

import moments
import synth
from synth.field import Field

HERE = Path(__file__).parent
SHARED = HERE.parents[1] / "shared" / "data"
KINDS = {
    "8 fields of samples/vorticity_2d.h5": (HERE.parent / "samples" / "vorticity_2d.h5", False),
    "8 fields of vorticity_2d_256.h5": (SHARED / "vorticity_2d_256.h5", False),
    "the logarithm of ism_intensity_512.h5": (SHARED / "ism_intensity_512.h5", True),
}
FAMILIES = ("covariance", "scattering-covariance", "wph")
POOLED = ("kind", "j1", "j2", "j3", "part")
SIZE, RADIUS, SHARE, REPEATS = 128, 6, 0.1, 4
MOST = 8  # fields of a kind
HEAD = """# Open borders and gaps

Bias of the moments in units of their sampling spread: for each class of moments the worst scale,
rms over its moments, with the rms that chance alone would give. Target: at most 0.3.

- crops: 128x128 out of periodic fields against the moments of the whole fields; wrapped as if they
  were periodic, and as `synth` measures an open field. Every field is cut in four ways. Flatness
  (F), a ratio of two means, is that of the whole field's coefficients within the crop.
- gaps: a tenth of the area missing in discs of radius 6 against the same fields without gaps; with
  the mean in the gaps, and as `synth` measures them. A single field gets four sets of gaps.

The spread is that between the crops; for gaps that between the fields, or where there is only one,
what `synth fit` takes for it. Chance is told from how the fields differ, or where there is only one
how its cuts and its gaps do; the scatter that several fields share, because what gaps cost them is
measured for all together, adds to it. The mean of vorticity (Lmean) is 0 in every field: its
spread under gaps is theirs alone. Written by `python -m benchmarks.boundaries`; the second and
third kind of field are not part of the project.
"""
STEEP = """
## Gaussian fields of steep spectra

S11 on 64x64 out of 32 fields of 128x128, at the worst of all 5 scales and of the finest 4. The
coarsest wavelet fits less than twice into a crop: where the spectrum is steeper than k^-2, a
periodic field of that size has too few wavenumbers to hold the covariances of the process at all
lags. One scale less, and all is kept.

| spectrum | 5 scales, wrapped | 5 scales, open | 4 scales, wrapped | 4 scales, open |
|---|---|---|---|---|
"""
Row = dict[str, tuple[float, float]]


def field_of(values: np.ndarray, boundary: str, mask: np.ndarray | None = None) -> Field:
    """A field of one channel."""
    return Field.from_array(values, ("sample", "channel", "y", "x"), boundary=boundary, mask=mask)


def bias(labels: moments.Labels, trials: np.ndarray, variance: np.ndarray) -> Row:
    """Of each class, the rms bias of its worst scale and that expected by chance.

    Parameters
    ----------
    trials : ndarray, (repeats, M)
        Differences from the truth.
    variance : ndarray, (M,)
        Of one realization.
    """
    group = labels.groups(*POOLED)
    spread = np.sqrt((np.bincount(group, variance) / np.bincount(group))[group]).clip(min=1e-6)
    z = trials / spread
    mean, error = z.mean(0), z.std(0, ddof=1) / np.sqrt(len(z))
    scales = np.maximum.reduce([labels["j1"], labels["j2"], labels["j3"]])
    worst = {}
    for kind in dict.fromkeys(labels["kind"].tolist()):
        rows = labels["kind"] == kind
        found = []
        for j in np.unique(scales[rows]):
            one = rows & (scales == j)
            found.append([float(np.sqrt(np.square(a[one]).mean())) for a in (mean, error)])
        worst[kind] = tuple(max(found))
    return worst  # type: ignore[return-value]


def tilings(values: np.ndarray, size: int, shifts: Sequence[tuple[int, int]]) -> np.ndarray:
    """Crops that cover each field once for each shift, (shifts, crops, fields, 1, size, size)."""
    starts = range(0, values.shape[-1], size)
    ways = []
    for shift in shifts:
        moved = np.roll(values, shift, (2, 3))
        ways.append([moved[..., a : a + size, b : b + size] for a in starts for b in starts])
    return np.array(ways)


def crops(
    model: synth.Model,
    values: np.ndarray,
    size: int = SIZE,
    shifts: Sequence[tuple[int, int]] = ((0, 0), (0, 64), (64, 0), (64, 64)),
) -> list[Row]:
    """Bias of wrapped crops, and of open ones."""
    cut = tilings(values, size, shifts)
    rows = []
    for boundary in ("periodic", "open"):
        one = field_of(cut.reshape(-1, 1, size, size), boundary)
        measured = synth.measure(one, like=model)
        place = {row.tobytes(): number for number, row in enumerate(model.labels.table)}
        truth = model.targets[:, [place[row.tobytes()] for row in measured.labels.table]]
        if (flat := measured.labels["kind"] == "F").any():
            truth = np.repeat(truth[None], len(shifts), 0)
            truth[..., flat] = windowed_flatness(model, values, size, shifts)
        found = measured.values.reshape(*cut.shape[:3], -1).mean(1)
        variance = measured.values.astype(float).var(0)
        rows.append(bias(measured.labels, _trials(found - truth), variance))
    return rows


def windowed_flatness(
    model: synth.Model, values: np.ndarray, size: int, shifts: Sequence[tuple[int, int]]
) -> np.ndarray:
    """Flatness of the bands of whole fields over each crop, (shifts, fields, J L).

    A ratio of two means depends on how much they are means of: the truth for a crop is the
    flatness of the whole field's coefficients there.
    """
    bank = moments.FilterBank(
        model.shape, model.settings["scales"], model.settings["angles"], full_resolution=True
    )
    spectrum = torch.fft.fft2(torch.from_numpy(values).double())
    found = []
    for j in range(bank.scales):
        energy = torch.fft.ifft2(spectrum * bank.psi(j)).abs().square().numpy()
        second, fourth = (
            tilings(power, size, shifts).mean((-2, -1)) for power in (energy, energy**2)
        )
        found.append((fourth / second**2).mean(1))
    return np.concatenate(found, -1)


def _trials(differences: np.ndarray) -> np.ndarray:
    """One a field, or where there is only one field one a repetition, from (repeats, fields, M)."""
    return differences[:, 0] if differences.shape[1] == 1 else differences.mean(0)


def discs(shape: tuple[int, ...], draw: np.random.Generator) -> np.ndarray:
    """Masks (n, 1, *space), False in discs that cover the share."""
    valid = np.ones(shape, dtype=bool)
    u = np.arange(shape[-1])
    for mask in valid[:, 0]:
        while mask.mean() > 1 - SHARE:
            dy, dx = (np.abs(u - c) for c in draw.integers(0, len(u), 2))
            dy, dx = np.minimum(dy, len(u) - dy), np.minimum(dx, len(u) - dx)
            mask[dy[:, None] ** 2 + dx**2 <= RADIUS**2] = False
    return valid


def holes(model: synth.Model, values: np.ndarray) -> list[Row]:
    """Bias where gaps hold the mean, and where they are known to be gaps."""
    draw = np.random.default_rng(0)
    plain, known = [], []
    for _ in range(REPEATS if len(values) == 1 else 1):
        valid = discs(values.shape, draw)
        blank = np.where(valid, values, values.mean())
        plain.append(synth.measure(field_of(blank, "periodic"), like=model).values)
        gappy = field_of(values, "periodic", valid)
        known.append(synth.measure(gappy, like=model).values)
    rows = []
    for found in map(np.stack, (plain, known)):
        several = found.shape[1] > 1
        variance = found[0].astype(float).var(0) if several else np.square(model.spread)
        rows.append(bias(model.labels, _trials(found - model.targets), variance))
    return rows


def table(path: Path, log: bool) -> list[str]:
    """All families on one kind of field, in markdown."""
    values = synth.read(path).load()[:MOST]
    values = np.log(values) if log else values
    lines = [
        "| family | class | crops, wrapped | crops, open | gaps, mean | gaps, known |",
        "|---|---|---|---|---|---|",
    ]
    scales = moments.default_scales((SIZE, SIZE))
    for family in FAMILIES:
        model = synth.fit(field_of(values, "periodic"), family, scales=scales)
        columns = [*crops(model, values), *holes(model, values)]
        for kind in columns[0]:
            cells = " | ".join("{:.2f} ± {:.2f}".format(*column[kind]) for column in columns)
            name = kind.replace("|", "\\|")
            lines.append(f"| {family} | {name} | {cells} |")
            print(lines[-1], flush=True)
    return lines


def steep(slope: float) -> str:
    """A row for Gaussian fields of spectrum k^slope: bias of S11, with and without the coarsest."""
    k = np.hypot(np.fft.fftfreq(SIZE)[:, None], np.fft.fftfreq(SIZE))
    k[0, 0] = np.inf
    noise = np.fft.fft2(np.random.default_rng(0).standard_normal((4 * MOST, 1, SIZE, SIZE)))
    values = np.fft.ifft2(noise * k ** (slope / 2)).real
    values /= values.std()
    half, quarter = SIZE // 2, SIZE // 4
    moved = [(0, 0), (0, quarter), (quarter, 0), (quarter, quarter)]
    scales = moments.default_scales((half, half))
    cells = []
    for used in (scales, scales - 1):
        model = synth.fit(field_of(values, "periodic"), "covariance", scales=used)
        cells += [
            "{:.2f} ± {:.2f}".format(*row["S11"]) for row in crops(model, values, half, moved)
        ]
    return f"| k^{slope:g} | {' | '.join(cells)} |"


def main() -> None:
    """Measure, print and write the tables."""
    lines = [steep(slope) for slope in (-2.0, -3.0, -3.67)]
    print(*lines, sep="\n", flush=True)
    parts = [HEAD, STEEP + "\n".join(lines) + "\n"]
    for name, (path, log) in KINDS.items():
        if path.exists():
            parts.append(f"\n## {name}\n\n" + "\n".join(table(path, log)) + "\n")
            (HERE / "BOUNDARIES.md").write_text("".join(parts))


if __name__ == "__main__":
    main()
