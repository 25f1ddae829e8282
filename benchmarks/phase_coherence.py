"""The phase-coherence protocol of Zhang & Mallat (arXiv 1911.10017) on turbulence of our own.

    python -m benchmarks.phase_coherence [--targets 10] [--samples 10] [--tests 100] [--flow NAME]

A model is fitted to one target field, `--samples` fields are drawn from it, and

    eps = ||C_test - C_model||_2 / ||C_test||_2

compares the foveal covariances of phase harmonics (`benchmarks.foveal`) of `--tests` other real
fields, taken together, and of the samples of one target, taken together; the mean and the sd over
targets are reported. One real field in the place of the samples tells how much one field differs
from the others; the same field at as many positions as its samples, what a model that copied its
target would score; and `--samples` real fields, against the other test fields, how small eps gets
at equal numbers.

Each target comes from a run of its own; the test fields from other runs, four states of each. The
two flows are those of `benchmarks.flows`. Fields are 192x192 here and 256x256 in the paper, with
16x16 positions in both. States and samples are made once, as many as are asked for, and kept in
`--keep`. The tables go to benchmarks/PHASE_COHERENCE.md after each target.
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
from benchmarks.flows import FLOWS, SIZE, states
from benchmarks.foveal import Sums, epsilon
from synth.field import Field

RESULTS = Path(__file__).with_name("PHASE_COHERENCE.md")
PER_RUN = 4  # test states of one run
SEED, TEST_SEED = 4100, 5100
FAMILIES = {"covariance": "0.82 +- 0.007", "wph": "0.24 to 0.29 +- 0.02"}
ONE = "0.58 +- 0.046"


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


def rolled(field: Tensor, n: int, seed: int) -> Tensor:
    """(n, SIZE, SIZE): one periodic field, moved n times at random."""
    offsets = np.random.default_rng(seed).integers(0, SIZE, (n, 2))
    return torch.stack([torch.roll(field, tuple(offset), (0, 1)) for offset in offsets.tolist()])


def row(name: str, values: Sequence[float], published: str = "", note: str = "") -> str:
    spread = f" +- {np.std(values, ddof=1):.3f}" if len(values) > 1 else ""
    return f"| {name} | {np.mean(values):.3f}{spread} | {published} | {note} |"


class Protocol:
    """The table of one flow, filled target by target."""

    def __init__(self, flow: str, given: argparse.Namespace) -> None:
        self.flow, self.given = flow, given
        self.targets = states(flow, given.keep, SEED, given.targets, 1)
        runs = -(-given.tests // PER_RUN)
        fields = states(flow, given.keep, TEST_SEED, runs, PER_RUN)[: given.tests]
        groups = [Sums.of(part) for part in fields.split(given.samples)]
        self.test = sum(groups[1:], groups[0])
        self.equal = [
            epsilon(self.test - group, group)
            for group in groups
            if group.count == groups[0].count < self.test.count
        ]
        self.scores: dict[str, list[float]] = {name: [] for name in (*FAMILIES, "one", "same")}
        self.converged = dict.fromkeys(FAMILIES, 0)
        self.all: dict[str, Sums] = {}

    def add(self, number: int) -> None:
        """Score one more target, and the samples of its models."""
        target, n = self.targets[number], self.given.samples
        for family in FAMILIES:
            made, converged = drawn(self.given.keep, family, target, n, seed=number)
            self.converged[family] += converged
            self._score(family, made)
        self._score("one", target[None])
        self._score("same", rolled(target, n, seed=number))

    def _score(self, name: str, fields: Tensor) -> None:
        sums = Sums.of(fields)
        self.scores[name].append(epsilon(self.test, sums))
        self.all[name] = self.all[name] + sums if name in self.all else sums

    def table(self) -> list[str]:
        n, done = self.given.samples, len(self.scores["one"])
        lines = [
            f"## The {self.flow} flow: {done} targets, {n} samples each, "
            f"{self.given.tests} test fields",
            "",
            "| fields | eps | published | |",
            "|---|---|---|---|",
        ]
        for family, published in FAMILIES.items():
            note = f"{self.converged[family]} of {done * n} converged"
            title = f"`{family}`, {n} samples of one target"
            lines.append(row(title, self.scores[family], published, note))
        lines += [
            row("one real field", self.scores["one"], ONE, "the targets"),
            row(f"that field at {n} times as many positions", self.scores["same"]),
            row(f"{n} real fields", self.equal, "", "test fields, against the others"),
        ]
        for family in FAMILIES:
            together = epsilon(self.test, self.all[family])
            lines.append(row(f"`{family}`, samples of all targets together", [together]))
        lines.append(row("all targets together", [epsilon(self.test, self.all["same"])]))
        return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--targets", type=int, default=10)
    parser.add_argument("--samples", type=int, default=10)
    parser.add_argument("--tests", type=int, default=100)
    default = Path(tempfile.gettempdir()) / "synth-phase-coherence"
    parser.add_argument("--keep", type=Path, default=default, help="folder for states and samples")
    parser.add_argument("--flow", choices=FLOWS, help="one of the two")
    given = parser.parse_args()
    torch.set_num_threads(1)
    head = [
        "# Phase coherence",
        "",
        "Written by `python -m benchmarks.phase_coherence`, whose head says what is measured. "
        "Mean and sd over targets; 0 is the test fields themselves. A model of one field inherits "
        "how far that field is from the others, with fewer errors of sampling since it has more "
        "positions: the field itself at as many positions is what its copies would score.",
    ]
    done: list[str] = []
    for flow in [given.flow] if given.flow else FLOWS:
        protocol = Protocol(flow, given)
        for number in range(given.targets):
            protocol.add(number)
            table = ["", *protocol.table()]
            RESULTS.write_text("\n".join([*head, *done, *table]) + "\n")
            print(f"{flow}: {number + 1} of {given.targets} targets", file=sys.stderr, flush=True)
        done += table
    print("\n".join(done))


if __name__ == "__main__":
    main()
