"""The result of a comparison: verdicts and scores, as data, and how they are written.

The JSON of a card has a version; the keys `verdict`, `statistics` (each with `name`, `matched`,
`value`, `p`, `ratio`, `spread`, `skill`, `verdict`), `memorisation`, `diversity` and `report` are
those of the first synthetic set, and `comparisons` lists every set.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from synth.errors import UsageError
from synth.evaluation.statistics import Frame, Statistic

SCHEMA_VERSION = 1


@dataclass(frozen=True)
class Row:
    """The scores of one statistic; see `synth.evaluation.calibration` for their definitions.

    `p` is adjusted over the statistics by Holm's method and decides, `p_single` is not adjusted.
    `value` is the effect in natural units, named by `effect`. The bands hold 95% of what permuted
    labels give. `smallest_bias` is, in the units of `value`, what could be seen with this many
    fields. p-values, bands and `smallest_bias` are None for blocks of a single field, which are not
    independent. `controls` has value, ratio and verdict of each control. `details` are numbers that
    only this statistic has.
    """

    name: str
    title: str
    meaning: str
    matched: bool | None
    effect: str
    value: float
    smallest_bias: float | None
    p: float | None
    p_single: float | None
    ratio: float
    ratio_band: tuple[float, float] | None
    spread: float | None
    spread_band: tuple[float, float] | None
    skill: float | None
    verdict: str
    worst_feature: str
    controls: dict[str, dict[str, Any]]
    details: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Comparison:
    """One synthetic set against the real fields."""

    name: str
    n: int
    verdict: str
    sentence: str
    worst: str
    p: float | None
    statistics: tuple[Row, ...]
    memorisation: dict[str, Any]
    diversity: dict[str, Any]
    fit: dict[str, Any] | None


@dataclass(frozen=True)
class Evidence:
    """What the figures are drawn from; not part of the JSON.

    `curves[set][statistic]` is (n, m), `examples[set]` is (k, channel, *space) in original units;
    the sets are "real", the names of the synthetic sets and "gaussian"; curves also "phase".
    """

    frame: Frame
    statistics: Sequence[Statistic]
    curves: dict[str, dict[str, Tensor]]
    examples: dict[str, np.ndarray]


@dataclass(frozen=True)
class Card:
    """What `synth.compare` found.

    Attributes
    ----------
    comparisons
        One entry for each synthetic set.
    real
        Name, number and size of the real fields and how they were treated.
    settings
        Seed, level, permutations and the thresholds of the verdicts.
    provenance
        Versions and date, and the sources of the fields.
    """

    comparisons: tuple[Comparison, ...]
    real: dict[str, Any]
    settings: dict[str, Any]
    provenance: dict[str, Any]
    evidence: Evidence = field(repr=False)

    @property
    def verdict(self) -> str:
        """The verdict on the first synthetic set."""
        return self.comparisons[0].verdict

    def to_dict(self, report: str | None = None) -> dict[str, Any]:
        """The card as JSON-able data; `report` is the path of the page where one was written."""
        sets = [asdict(comparison) for comparison in self.comparisons]
        keys = ("verdict", "sentence", "worst", "statistics", "memorisation", "diversity", "fit")
        return {
            "schema": "synthfield.card",
            "schema_version": SCHEMA_VERSION,
            **{key: sets[0][key] for key in keys},
            "comparisons": sets,
            "real": self.real,
            "settings": self.settings,
            "provenance": self.provenance,
            "report": report,
        }

    def write(self, directory: str | Path, overwrite: bool = False) -> Path:
        """Write report.html, card.json and figures/ (PNG and PDF) into a folder.

        The folder appears whole or not at all. Raises UsageError where it exists and `overwrite`
        is not given.
        """
        from synth.formatting import as_json
        from synth.report import write_page

        target = Path(directory)
        if target.exists() and not overwrite:
            raise UsageError(f"{target} exists; give --overwrite to replace it.")
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}.") as work:
            built = Path(work) / "report"
            built.mkdir()
            page = write_page(self, built)
            data = self.to_dict(report=str(target / page.name))
            (built / "card.json").write_text(as_json(data) + "\n", encoding="utf-8")
            if target.exists():
                target.rename(Path(work) / "old")
            shutil.move(built, target)
        return target / page.name


def read_card(path: str | Path) -> dict[str, Any]:
    """The data of a card.json, checked to be of a version that this package understands."""
    data = json.loads(Path(path).read_text(encoding="utf-8"))
    version = data.get("schema_version")
    if data.get("schema") != "synthfield.card" or version != SCHEMA_VERSION:
        raise UsageError(f"{path} is not a card of schema version {SCHEMA_VERSION}.")
    return data
