"""From features to rows and a verdict on the whole set."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from synth.evaluation import calibration, one_field
from synth.evaluation.calibration import Shuffled
from synth.evaluation.card import Row
from synth.evaluation.pairing import Pairing
from synth.evaluation.statistics import Frame, Statistic
from synth.evaluation.statistics.base import smallest_bias

CONTROLS = ("gaussian", "phase")
Measured = dict[str, Tensor]  # statistic or set -> (n, features or drawn quantities)


@dataclass(frozen=True)
class _Set:
    """One set of fields, seen by one statistic, and how it scores against the real fields."""

    features: Tensor
    shown: Tensor  # what the value is computed from
    scores: Shuffled
    p: float  # adjusted over the statistics
    verdict: str


class Judge:
    """Scores any set of fields against the real ones; the controls are scored once.

    Parameters
    ----------
    features, drawn
        Of every set, for every statistic: the real fields, both controls, the synthetic sets.
    statistics
        In the order of the rows.
    pairing
        How the fields were brought together.
    counts
        Number of fields of the controls and of the synthetic sets, before they were cut.
    seed
        Of the permutations.
    """

    def __init__(
        self,
        features: dict[str, Measured],
        drawn: dict[str, Measured],
        statistics: Sequence[Statistic],
        pairing: Pairing,
        counts: dict[str, int],
        seed: int,
    ) -> None:
        self.features, self.drawn, self.statistics = features, drawn, statistics
        self.pairing, self.counts, self.seed = pairing, counts, seed
        self.controls = {who: self._seen(who) for who in CONTROLS}

    def rows(self, title: str, families: frozenset[str]) -> tuple[list[Row], list[Shuffled]]:
        """One row for each statistic on the set `title`, and its scores under permuted labels.

        `families` are the moment families of its model, empty where it is unknown.
        """
        seen = self._seen(title)
        controls = [{who: self.controls[who][i] for who in CONTROLS} for i in range(len(seen))]
        rows = [
            self._row(s, own, known, s.matched_by(families) if families else None)
            for s, own, known in zip(self.statistics, seen, controls, strict=True)
        ]
        return rows, [own.scores for own in seen]

    def _seen(self, who: str) -> list[_Set]:
        real, other = self.features["real"], self.features[who]
        n_real, n = (len(side[self.statistics[0].name]) for side in (real, other))
        labels = calibration.labellings(n_real, n, self.seed)
        scores = [calibration.shuffle(real[s.name], other[s.name], labels) for s in self.statistics]
        if not self.pairing.blocks:
            p = calibration.holm([s.p for s in scores])
            verdicts = [
                calibration.verdict(score, one, n_real, n)
                for score, one in zip(scores, p, strict=True)
            ]
        else:
            n = self.counts[who]
            turns = [one_field.ratios(real[s.name], other[s.name], n) for s in self.statistics]
            p = calibration.holm([one_field.p_value(t) for t in turns])
            verdicts = [
                one_field.verdict(float(t[0]), one, n) for t, one in zip(turns, p, strict=True)
            ]
        return [
            _Set(
                other[s.name],
                (other if s.value_from == "features" else self.drawn[who])[s.name],
                score,
                one,
                verdict,
            )
            for s, score, one, verdict in zip(self.statistics, scores, p, verdicts, strict=True)
        ]

    def _row(
        self, statistic: Statistic, own: _Set, controls: dict[str, _Set], matched: bool | None
    ) -> Row:
        frame, name = self.pairing.frame, statistic.name
        real = self.features["real"][name]
        shown = real if statistic.value_from == "features" else self.drawn["real"][name]
        several = min(len(real), len(own.features)) > 1
        calibrated = not self.pairing.blocks
        gaussian = controls["gaussian"]
        return Row(
            name=name,
            title=statistic.title,
            meaning=statistic.meaning,
            matched=matched,
            effect=statistic.effect,
            value=statistic.value(shown, own.shown, frame),
            smallest_bias=statistic.visible(shown, len(own.features), frame)
            if calibrated
            else None,
            p=own.p if calibrated else None,
            p_single=own.scores.p if calibrated else None,
            ratio=float(own.scores.ratio[0]),
            ratio_band=calibration.band(own.scores.ratio) if calibrated else None,
            spread=float(own.scores.spread[0]) if several else None,
            spread_band=calibration.band(own.scores.spread) if calibrated else None,
            skill=calibration.skill(
                real, own.features, gaussian.features, float(gaussian.scores.ratio[0])
            ),
            verdict=own.verdict,
            worst_feature=_worst_feature(statistic, real, own.features, frame),
            controls={
                who: {
                    "value": statistic.value(shown, control.shown, frame),
                    "ratio": float(control.scores.ratio[0]),
                    "verdict": control.verdict,
                }
                for who, control in controls.items()
            },
            details=statistic.details(shown, own.shown, frame),
        )


def _worst_feature(statistic: Statistic, real: Tensor, other: Tensor, frame: Frame) -> str:
    shift = (other.mean(0) - real.mean(0)).abs() / calibration.pooled_sd(real, other)
    return statistic.labels(frame)[int(shift.argmax())]


def overall(
    rows: Sequence[Row],
    scores: Sequence[Shuffled],
    memorisation: dict[str, Any],
    pairing: Pairing,
    n: int,
) -> tuple[str, float | None, str, str]:
    """Verdict on a set of n fields, its p-value, the worst statistic, and a sentence.

    Different where a field is a copy; indistinguishable where all statistics together deviate no
    more than permuted labels do in 95% of the cases; else what the worst statistic is.
    """
    n_real = len(pairing.real)
    count = Counter(row.verdict for row in rows)
    worst = max(rows, key=lambda row: (calibration.VERDICTS.index(row.verdict), row.ratio))
    kind = "blocks" if pairing.blocks else "fields"
    sets = f"the {n} synthetic from the {n_real} real {kind}"
    title = worst.title[:1].lower() + worst.title[1:]
    most = f"{title} ({worst.ratio:.2f} times as far apart as real ones)"
    p = None if pairing.blocks else calibration.overall_p(scores)
    if memorisation["copies"]:
        verdict, sentence = "different", memorisation["sentence"]
    elif count["underpowered"]:
        verdict = "underpowered"
        least = f"{one_field.LEAST_SYNTHETIC} synthetic fields and more"
        takes = least if pairing.blocks else f"{calibration.LEAST_FIELDS} of each"
        sentence = (
            f"{n} synthetic and {n_real} real {kind} are too few for a verdict, which takes "
            f"{takes}; the largest difference is in {most}."
        )
    elif p is not None and p >= calibration.LEVEL:
        verdict = "indistinguishable"
        sentence = (
            f"Together, {len(rows)} statistics do not tell {sets} (p = {p:.2g}); a shift of "
            f"every feature by {smallest_bias(n_real, n):.1f} sd would have shown."
        )
    elif count["different"]:
        verdict = "different"
        sentence = (
            f"{count['different']} of {len(rows)} statistics tell {sets}, most of all {most}."
        )
    elif pairing.blocks:
        verdict = "close"
        sentence = (
            f"No statistic tells {sets} by more than chance and a ratio of "
            f"{calibration.CLOSE_RATIO}; the largest difference is in {most}."
        )
    else:
        verdict = "close"
        sentence = (
            f"The {n} synthetic and the {n_real} real fields differ, but hardly more than real "
            f"ones do among themselves; the largest difference is in {most}."
        )
    return verdict, p, worst.name, sentence


def diversity_ratio(real: Measured, synthetic: Measured) -> float | None:
    """Median over statistics of the mean distance between synthetic fields over that of real."""
    ratios = []
    for name, f in real.items():
        sd = calibration.pooled_sd(f, synthetic[name])
        within = [torch.pdist(g / sd).mean().item() for g in (synthetic[name], f) if len(g) > 1]
        if len(within) == 2 and within[1] > 0:
            ratios.append(within[0] / within[1])
    return float(np.median(ratios)) if ratios else None
