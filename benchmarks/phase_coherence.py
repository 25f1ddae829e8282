"""The phase-coherence protocol of Zhang & Mallat (arXiv 1911.10017) on the flow of samples/.

    python -m benchmarks.phase_coherence [--targets 10] [--samples 10] [--tests 100]

A model is fitted to one target field, `--samples` fields are drawn from it, and

    eps = ||C_test - C_model||_2 / ||C_test||_2

compares the mean covariances of phase harmonics (`synth.statistics.coherence`) of `--tests` other
real fields and of the samples. Published for 2-D turbulence: Gaussian 0.82, wavelet phase harmonics
0.24 to 0.29, one real field 0.58.

States and samples are made once, as many as are asked for, and kept in `--keep`. The flow is that
of samples/ on a grid of 256 instead of 384 points (all |k| < 85 are kept), with the viscosity
raised by the square of the ratio, on 192x192 points, which hold every mode. Each target comes from
a run of its own; the test fields are four states of each of other runs, 15 time units apart. The
table goes to benchmarks/PHASE_COHERENCE.md after each target.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

import synth
from synth.field import Field
from synth.statistics.coherence import covariance, epsilon

ROOT = Path(__file__).resolve().parents[1]
RESULTS = Path(__file__).with_name("PHASE_COHERENCE.md")
sys.path.insert(0, str(ROOT / "samples"))
GRID, SIZE = 256, 192
TIME_STEP, SPIN_UP, INTERVAL = 0.009, 30.0, 15.0
PER_RUN = 4  # test states of one run
SEED = 4100
Drawn = dict[str, list[tuple[Tensor, int]]]  # mean covariance and number of converged samples
PUBLISHED = {"covariance": "0.82", "wph": "0.24 to 0.29", "one": "0.58"}


def simulate(seed: int, count: int) -> np.ndarray:
    """States (count, SIZE, SIZE) of one run, float32."""
    from make_vorticity_2d import PARAMETERS
    from navier_stokes_2d import BandForcing, NavierStokes2D, Torus

    p = PARAMETERS
    torus = Torus(GRID, torch.float32)
    viscosity = p["viscosity"] * (p["grid"] / GRID) ** 2
    flow = NavierStokes2D(torus, viscosity, p["drag"])
    forcing = BandForcing(
        torus, int(p["forcing_wavenumber"]), p["forcing_rate"], p["forcing_memory"]
    )
    start = BandForcing(torus, int(p["start_wavenumber"]), p["start_energy"], memory=0.5)
    generator = torch.Generator().manual_seed(seed)
    modes = torch.zeros(1, GRID, GRID // 2 + 1, dtype=torch.complex64)
    start.push(modes, start.draw(1, generator), dt=1.0)
    force = forcing.draw(1, generator)
    states = []
    for number in range(count):
        for _ in range(round((INTERVAL if number else SPIN_UP) / TIME_STEP)):
            modes = flow.step(modes, TIME_STEP)
            forcing.push(modes, force, TIME_STEP)
            force = forcing.advance(force, TIME_STEP, generator)
        states.append(torus.to_field(modes, SIZE)[0].numpy())
    return np.stack(states)


def states(folder: Path, first_seed: int, runs: int, per_run: int) -> Tensor:
    """(runs * per_run, SIZE, SIZE) states, one file a run, simulated where the file is missing."""
    folder.mkdir(parents=True, exist_ok=True)
    parts = []
    for seed in range(first_seed, first_seed + runs):
        path = folder / f"run-{seed}-{per_run}.npy"
        if not path.exists():
            np.save(path, simulate(seed, per_run))
            print(f"simulated {path}", file=sys.stderr, flush=True)
        parts.append(np.load(path))
    return torch.from_numpy(np.concatenate(parts))


def drawn(folder: Path, family: str, target: Tensor, n: int, seed: int) -> tuple[Tensor, int]:
    """(n, SIZE, SIZE) samples of a model fitted to one field, and how many of them converged."""
    real = Field.from_array(target.numpy()[None], dims=("sample", "y", "x"), boundary="periodic")
    model = synth.fit(real, model=family)
    path = folder / f"samples-{family}-{model.digest()[:16]}-{seed}-{n}.h5"
    if not path.exists():
        synth.write_samples(path, synth.sample(model, n=n, seed=seed))
    ensemble = synth.read_samples(path)
    converged = sum(outcome["status"] == "converged" for outcome in ensemble.outcomes)
    return torch.from_numpy(ensemble.field.load()[:, 0]), converged


def row(name: str, published: str, values: Sequence[float], note: str = "") -> str:
    spread = f" +- {np.std(values, ddof=1):.3f}" if len(values) > 1 else ""
    return f"| {name} | {np.mean(values):.3f}{spread} | {published} | {note} |"


def table(given: argparse.Namespace, tests: Tensor, targets: Tensor, results: Drawn) -> str:
    """The report on the targets done so far, from covariances (n, rows, rows)."""
    test, done = tests.mean(0), len(next(iter(results.values())))
    first = np.arange(0, len(tests) - given.samples + 1, given.samples)
    groups = [np.isin(np.arange(len(tests)), range(i, i + given.samples)) for i in first]
    real = [epsilon(tests[~group].mean(0), tests[group].mean(0)) for group in groups]
    lines = [
        "# Phase coherence",
        "",
        f"{done} targets, {given.samples} samples each, {len(tests)} test fields of {SIZE}x{SIZE}. "
        "Written by `python -m benchmarks.phase_coherence`, whose head says what is measured. "
        "Mean and sd over targets; 0 is the test fields themselves. A model of one field inherits "
        "how far that field is from the others: `own target` compares the samples with it instead.",
        "",
        "| fields | eps | published | |",
        "|---|---|---|---|",
    ]
    for family, entries in results.items():
        means = torch.stack([mean for mean, _ in entries])
        note = f"{sum(n for _, n in entries)} of {done * given.samples} converged"
        values = [epsilon(test, mean) for mean in means]
        lines.append(row(f"`{family}`, samples of one target", PUBLISHED[family], values, note))
        own = [epsilon(k, mean) for k, mean in zip(targets, means, strict=False)]
        together = epsilon(test, means.mean(0))
        lines.append(row(f"`{family}`, the same against their own target", "", own))
        lines.append(row(f"`{family}`, samples of all targets together", "", [together]))
    alone = [epsilon(test, k) for k in targets[:done]]
    lines += [
        row("one real field", PUBLISHED["one"], alone, "the targets"),
        row("the targets together", "", [epsilon(test, targets[:done].mean(0))]),
        row(f"{given.samples} real fields", "", real, "test fields, against the others"),
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--targets", type=int, default=10)
    parser.add_argument("--samples", type=int, default=10)
    parser.add_argument("--tests", type=int, default=100)
    default = Path(tempfile.gettempdir()) / "synth-phase-coherence"
    parser.add_argument("--keep", type=Path, default=default, help="folder for states and samples")
    given = parser.parse_args()
    torch.set_num_threads(1)
    fields = states(given.keep, SEED, given.targets, 1)
    targets = covariance(fields)
    runs = -(-given.tests // PER_RUN)
    tests = covariance(states(given.keep, SEED + 1000, runs, PER_RUN)[: given.tests])
    results: Drawn = {"covariance": [], "wph": []}
    for number, field in enumerate(fields):
        for family, entries in results.items():
            made, converged = drawn(given.keep, family, field, given.samples, seed=number)
            entries.append((covariance(made).mean(0), converged))
        text = table(given, tests, targets, results)
        RESULTS.write_text(text)
        print(f"{number + 1} of {given.targets} targets", file=sys.stderr, flush=True)
    print(text)


if __name__ == "__main__":
    main()
