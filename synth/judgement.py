"""From features to rows and a verdict on the whole set."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from synth import calibration
from synth.calibration import Shuffled
from synth.card import Row
from synth.pairing import Pairing
from synth.statistics import Frame, Statistic
from synth.statistics.base import smallest_bias

CONTROLS = ("gaussian", "phase")
Measured = dict[str, Tensor]  # statistic or set -> (n, features or drawn quantities)


def judge(
    features: dict[str, Measured],
    drawn: dict[str, Measured],
    title: str,
    statistics: Sequence[Statistic],
    pairing: Pairing,
    families: frozenset[str],
    seed: int,
) -> tuple[list[Row], list[Shuffled]]:
    """One row for each statistic, and its scores under permuted labels.

    `features` and `drawn` hold those of the real fields, of the set `title` and of both controls;
    `families` are the moment families of the model, empty where it is unknown.
    """
    n_real = len(pairing.real)
    compared = (title, *CONTROLS)
    labels = {
        who: calibration.labellings(n_real, len(features[who][statistics[0].name]), seed)
        for who in compared
    }
    scores = {
        who: [
            calibration.shuffle(features["real"][s.name], features[who][s.name], labels[who])
            for s in statistics
        ]
        for who in compared
    }
    adjusted = {who: calibration.holm([s.p for s in scores[who]]) for who in compared}
    rows = [
        _row(
            statistic,
            {who: features[who][statistic.name] for who in ("real", *compared)},
            {who: drawn[who][statistic.name] for who in ("real", *compared)},
            {who: scores[who][i] for who in compared},
            {who: None if pairing.blocks else adjusted[who][i] for who in compared},
            title,
            pairing.frame,
            statistic.matched_by(families) if families else None,
        )
        for i, statistic in enumerate(statistics)
    ]
    return rows, scores[title]


def _row(
    statistic: Statistic,
    f: Measured,
    drawn: Measured,
    scores: dict[str, Shuffled],
    p: dict[str, float | None],
    title: str,
    frame: Frame,
    matched: bool | None,
) -> Row:
    """The row of one statistic; `f` (features), `drawn`, `scores`, `p` are by set."""
    real, synthetic, own = f["real"], f[title], scores[title]
    verdicts = {
        who: calibration.verdict(scores[who], p[who], len(real), len(f[who])) for who in scores
    }
    several = min(len(real), len(synthetic)) > 1
    shown = f if statistic.value_from == "features" else drawn
    calibrated = p[title] is not None
    return Row(
        name=statistic.name,
        title=statistic.title,
        meaning=statistic.meaning,
        matched=matched,
        effect=statistic.effect,
        value=statistic.value(shown["real"], shown[title], frame),
        smallest_bias=statistic.visible(shown["real"], len(synthetic), frame),
        p=p[title],
        p_single=own.p if calibrated else None,
        ratio=float(own.ratio[0]),
        ratio_band=calibration.band(own.ratio) if calibrated else None,
        spread=float(own.spread[0]) if several else None,
        spread_band=calibration.band(own.spread) if calibrated else None,
        skill=calibration.skill(real, synthetic, f["gaussian"], float(scores["gaussian"].ratio[0])),
        verdict=verdicts[title],
        worst_feature=_worst_feature(statistic, real, synthetic, frame),
        controls={
            who: {
                "value": statistic.value(shown["real"], shown[who], frame),
                "ratio": float(scores[who].ratio[0]),
                "verdict": verdicts[who],
            }
            for who in CONTROLS
        },
        details=statistic.details(shown["real"], shown[title], frame),
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
    most = f"{worst.title.lower()} ({worst.ratio:.2f} times as far apart as real ones)"
    p = None if pairing.blocks else calibration.overall_p(scores)
    copies = len(memorisation["copies"])
    if copies:
        verdict = "different"
        sentence = (
            f"{copies} of the {n} synthetic {kind} {'copies' if copies == 1 else 'copy'} a real "
            f"one: the correlation reaches {memorisation['correlation']:.2f}, between independent "
            f"real ones {memorisation['correlation_real']:.2f}."
        )
    elif count["underpowered"]:
        verdict = "underpowered"
        sentence = (
            f"{n} synthetic and {n_real} real fields are too few for a verdict, which takes "
            f"{calibration.LEAST_FIELDS} of each; the largest difference is in {most}."
        )
    elif p is not None and p >= calibration.LEVEL:
        verdict = "indistinguishable"
        sentence = (
            f"Together, {len(rows)} statistics do not tell {sets} (p = {p:.2g}); a shift of a "
            f"feature by {smallest_bias(n_real, n):.1f} sd would have shown."
        )
    elif count["different"]:
        verdict = "different"
        sentence = (
            f"{count['different']} of {len(rows)} statistics tell {sets}, most of all {most}."
        )
    else:
        verdict = "close"
        sentence = (
            f"The {n} synthetic and the {n_real} real {kind} differ, but hardly more than real "
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
