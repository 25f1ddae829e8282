"""`compare`: could these synthetic fields have come from the same process as the real ones?"""

from __future__ import annotations

import datetime
import platform
from collections.abc import Callable, Sequence
from importlib import metadata
from typing import Any

import numpy as np
import torch
from torch import Tensor

from synth import calibration, surrogates
from synth.calibration import Shuffled
from synth.card import Card, Comparison, Evidence, Row
from synth.errors import InputError
from synth.field import Ensemble, Field
from synth.likeness import likeness
from synth.pairing import Pairing, pair
from synth.statistics import Batch, Frame, Statistic, applicable

CHUNK_BYTES = 2**25
MOST_CONTROLS = 32
EXAMPLES = 4
CONTROLS = ("gaussian", "phase")
Measured = dict[str, Tensor]  # statistic -> (n, features or drawn quantities)
Progress = Callable[[dict], None]


def compare(
    real: Field,
    synthetic: Field | Ensemble | Sequence[Field | Ensemble],
    *,
    model: Any = None,
    names: Sequence[str] | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> Card:
    """Judge synthetic fields by how far real fields differ from each other.

    Parameters
    ----------
    real
        The real fields; five or more for a full verdict. A single one is cut into blocks.
    synthetic
        The fields to judge, from this package or any other generator, or several sets of them.
    model
        The model they were drawn from, if known: it marks the statistics that it matched.
    names
        What to call each synthetic set.
    seed
        Of the controls and of the permutations.
    progress
        Called with a dict of `done` and `n`, in fields.

    Returns
    -------
    Card
        Scores as defined in `synth.calibration`, for each statistic in `synth.statistics`.

    Raises
    ------
    InputError
        Where the fields cannot be compared: other channels, dimension or grid spacing, values that
        are not finite, a constant real field.
    """
    several = list(synthetic) if isinstance(synthetic, Sequence) else [synthetic]
    fields = [s.field if isinstance(s, Ensemble) else s for s in several]
    titles = _titles(fields, names)
    pairing = pair(real, fields)
    statistics = applicable(pairing.frame)
    n_controls = min(len(pairing.real), MOST_CONTROLS)
    periodic = pairing.frame.periodic
    sets = {
        "real": pairing.real,
        **dict(zip(titles, pairing.synthetic, strict=True)),
        "gaussian": surrogates.gaussian(pairing.real, n_controls, periodic, seed),
        "phase": surrogates.phase_randomised(pairing.real[:n_controls], periodic, seed),
    }
    tick = _counter(progress, sum(map(len, sets.values())) + sum(map(len, pairing.synthetic)))
    features, curves = {}, {}
    for name, values in sets.items():
        features[name], curves[name] = measure(values, pairing.frame, statistics, tick)
    comparisons = []
    for title, given in zip(titles, several, strict=True):
        memorisation, diversity = likeness(
            pairing.real, sets[title], sets["gaussian"], pairing.frame, seed
        )
        tick(len(sets[title]))
        families = _families(model, given)
        rows, scores = judge(features, title, statistics, pairing, families, seed)
        diversity["ratio"] = _diversity_ratio(features["real"], features[title])
        verdict, p, worst, sentence = _overall(rows, scores, memorisation, pairing, sets[title])
        comparisons.append(
            Comparison(title, len(sets[title]), verdict, sentence, worst, p, tuple(rows),
                       memorisation, diversity, _fit_quality(given))
        )
    return Card(
        tuple(comparisons),
        _describe(real, pairing),
        _settings(seed, pairing),
        _provenance(real, fields),
        Evidence(pairing.frame, statistics, curves, _examples(sets, pairing)),
    )


def measure(
    values: Tensor, frame: Frame, statistics: Sequence[Statistic], tick: Callable[[int], None]
) -> tuple[Measured, Measured]:
    """Features and drawn quantities of every statistic, a few fields at a time."""
    size = max(1, CHUNK_BYTES // (values[0].numel() * 4))
    features: dict[str, list[Tensor]] = {s.name: [] for s in statistics}
    drawn: dict[str, list[Tensor]] = {s.name: [] for s in statistics}
    for chunk in values.split(size):
        batch = Batch(chunk, frame)
        for statistic in statistics:
            features[statistic.name].append(statistic.features(batch))
            drawn[statistic.name].append(statistic.drawn(batch))
        tick(len(chunk))
    return (
        {name: torch.cat(parts) for name, parts in features.items()},
        {name: torch.cat(parts) for name, parts in drawn.items()},
    )


def judge(
    features: dict[str, Measured],
    title: str,
    statistics: Sequence[Statistic],
    pairing: Pairing,
    families: frozenset[str],
    seed: int,
) -> tuple[list[Row], list[Shuffled]]:
    """One row for each statistic, and its scores under permuted labels."""
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
    rows = []
    for i, statistic in enumerate(statistics):
        f = {who: features[who][statistic.name] for who in ("real", *compared)}
        verdicts = {
            who: calibration.verdict(
                scores[who][i],
                None if pairing.blocks else adjusted[who][i],
                n_real,
                len(f[who]),
            )
            for who in compared
        }
        own, n = scores[title][i], len(f[title])
        sd = f["real"].std(0) if n_real > 1 else torch.zeros(f["real"].shape[1])
        calibrated = not pairing.blocks
        rows.append(
            Row(
                name=statistic.name,
                title=statistic.title,
                meaning=statistic.meaning,
                matched=statistic.matched_by(families) if families else None,
                effect=statistic.effect,
                value=statistic.value(f["real"], f[title]),
                smallest_bias=sd.square().mean().sqrt().item()
                * calibration.smallest_bias(n_real, n),
                p=adjusted[title][i] if calibrated else None,
                p_single=own.p if calibrated else None,
                ratio=float(own.ratio[0]),
                ratio_band=calibration.band(own.ratio) if calibrated else None,
                spread=float(own.spread[0]) if min(n_real, n) > 1 else None,
                spread_band=calibration.band(own.spread) if calibrated else None,
                skill=calibration.skill(f["real"], f[title], f["gaussian"], labels["gaussian"]),
                verdict=verdicts[title],
                worst_feature=_worst_feature(statistic, f["real"], f[title], pairing.frame),
                controls={
                    who: {
                        "value": statistic.value(f["real"], f[who]),
                        "ratio": float(scores[who][i].ratio[0]),
                        "verdict": verdicts[who],
                    }
                    for who in CONTROLS
                },
            )
        )
    return rows, scores[title]


def _worst_feature(statistic: Statistic, real: Tensor, other: Tensor, frame: Frame) -> str:
    shift = (other.mean(0) - real.mean(0)).abs() / calibration.pooled_sd(real, other)
    return statistic.labels(frame)[int(shift.argmax())]


def _overall(
    rows: Sequence[Row],
    scores: Sequence[Shuffled],
    memorisation: dict[str, Any],
    pairing: Pairing,
    synthetic: Tensor,
) -> tuple[str, float | None, str, str]:
    """Verdict on the set, its p-value, the worst statistic, and the sentence that says it."""
    n_real, n = len(pairing.real), len(synthetic)
    by_verdict = {v: [r for r in rows if r.verdict == v] for v in calibration.VERDICTS}
    worst = max(rows, key=lambda r: (calibration.VERDICTS.index(r.verdict), r.ratio))
    against = f"the {n} synthetic from the {n_real} real " + (
        "blocks" if pairing.blocks else "fields"
    )
    times = f"{worst.title.lower()} ({worst.ratio:.2f} times as far apart as real ones)"
    p = None if pairing.blocks else calibration.overall_p(scores)
    if memorisation["copies"]:
        count = len(memorisation["copies"])
        return "different", p, worst.name, (
            f"{count} of {n} synthetic fields {'is a copy' if count == 1 else 'are copies'} of a "
            f"real one (correlation {memorisation['correlation']:.2f}, while independent real "
            f"fields reach {memorisation['correlation_real']:.2f})."
        )
    if by_verdict["different"]:
        return "different", p, worst.name, (
            f"{len(by_verdict['different'])} of {len(rows)} statistics tell {against}, "
            f"most of all {times}."
        )
    if by_verdict["underpowered"]:
        return "underpowered", p, worst.name, (
            f"{n} synthetic and {n_real} real fields are too few for a verdict, which takes "
            f"{calibration.LEAST_FIELDS} of each; the largest difference is in {times}."
        )
    apart = len(by_verdict["close"])
    if p is not None and p >= calibration.LEVEL:
        seen = calibration.smallest_bias(n_real, n)
        return "indistinguishable", p, worst.name, (
            f"Nothing in {len(rows)} statistics tells {against} beyond what chance gives "
            f"(p = {p:.2g}); a shift of {seen:.1f} sd of a feature would have shown."
        )
    return "close", p, worst.name, (
        f"{apart} of {len(rows)} statistics tell {against}, but by less than real ones differ "
        f"among themselves; the largest difference is in {times}."
    )


def _diversity_ratio(real: Measured, synthetic: Measured) -> float | None:
    """Median over statistics of the mean distance between synthetic fields over that of real."""
    ratios = []
    for name, f in real.items():
        sd = calibration.pooled_sd(f, synthetic[name])
        within = [torch.pdist(g / sd).mean().item() for g in (synthetic[name], f) if len(g) > 1]
        if len(within) == 2 and within[1] > 0:
            ratios.append(within[0] / within[1])
    return float(np.median(ratios)) if ratios else None


def _titles(fields: Sequence[Field], names: Sequence[str] | None) -> list[str]:
    if names is None:
        names = ["synthetic"] if len(fields) == 1 else [f"synthetic {i + 1}" for i in range(len(fields))]
    if len(names) != len(fields) or len({*names, "real", *CONTROLS}) != len(fields) + 3:
        raise InputError(
            f"There are {len(fields)} synthetic sets and the names {', '.join(names)}; give each "
            "set a name of its own, other than real, gaussian and phase."
        )
    return list(names)


def _families(model: Any, given: Field | Ensemble) -> frozenset[str]:
    """Moment families of the model that the samples come from; empty where unknown."""
    family = getattr(model, "family", None)
    if family is None and isinstance(given, Ensemble):
        family = given.provenance.get("model_family")
    return frozenset(str(family).split("+")) if family else frozenset()


def _fit_quality(given: Field | Ensemble) -> dict[str, Any] | None:
    if not isinstance(given, Ensemble) or not given.outcomes:
        return None
    sigma = [o["mismatch_sigma"] for o in given.outcomes if o.get("mismatch_sigma") is not None]
    return {
        "converged": sum(o["status"] == "converged" for o in given.outcomes),
        "n": len(given.outcomes),
        "mismatch_sigma_median": float(np.median(sigma)) if sigma else None,
        "mismatch_sigma_worst": float(np.max(sigma)) if sigma else None,
    }


def _examples(sets: dict[str, Tensor], pairing: Pairing) -> dict[str, np.ndarray]:
    view = (-1, *[1] * pairing.frame.ndim)
    return {
        name: x[:EXAMPLES].numpy() * pairing.sd.reshape(view) + pairing.mean.reshape(view)
        for name, x in sets.items()
        if name != "phase"
    }


def _describe(real: Field, pairing: Pairing) -> dict[str, Any]:
    return {
        "name": real.name,
        "units": real.units,
        "n": len(pairing.real),
        "size": list(pairing.frame.shape),
        "channels": list(pairing.frame.channels),
        "vector": pairing.frame.is_vector,
        "boundary": pairing.frame.boundary,
        "blocks": pairing.blocks,
        "mean": pairing.mean.tolist(),
        "sd": pairing.sd.tolist(),
        "notes": list(pairing.notes),
    }


def _settings(seed: int, pairing: Pairing) -> dict[str, Any]:
    return {
        "seed": seed,
        "permutations": calibration.PERMUTATIONS,
        "level": calibration.LEVEL,
        "close_ratio": calibration.CLOSE_RATIO,
        "least_fields": calibration.LEAST_FIELDS,
        "smallest_bias_sd": [
            calibration.smallest_bias(len(pairing.real), len(s)) for s in pairing.synthetic
        ],
    }


def _provenance(real: Field, fields: Sequence[Field]) -> dict[str, Any]:
    try:
        version = metadata.version("synthfield")
    except metadata.PackageNotFoundError:
        version = "not installed"
    return {
        "real": real.source,
        "synthetic": [f.source for f in fields],
        "synthfield": version,
        "torch": torch.__version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    }


def _counter(progress: Progress | None, total: int) -> Callable[[int], None]:
    done = 0

    def tick(n: int) -> None:
        nonlocal done
        done += n
        if progress is not None:
            progress({"done": done, "n": total})

    return tick
