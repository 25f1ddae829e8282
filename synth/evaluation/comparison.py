"""`compare`: could these synthetic fields have come from the same process as the real ones?"""

from __future__ import annotations

import datetime
import platform
import warnings
from collections.abc import Callable, Sequence
from importlib import metadata
from typing import Any

import numpy as np
import torch
from torch import Tensor

from moments.presets import PRESETS
from synth.errors import InputError
from synth.estimation import surrogates
from synth.evaluation import calibration
from synth.evaluation.card import Card, Comparison, Evidence
from synth.evaluation.judgement import CONTROLS, Judge, Measured, diversity_ratio, overall
from synth.evaluation.memorisation import likeness
from synth.evaluation.pairing import Pairing, cut, pair
from synth.evaluation.statistics import Batch, Frame, Statistic, applicable
from synth.evaluation.statistics.base import smallest_bias
from synth.field import Ensemble, Field

CHUNK_BYTES = 2**25
MOST_CONTROLS = 32
CONTROLS_OF_ONE = 6  # whole fields, where there is one real field
EXAMPLES = 4
MOST_SETS = 5  # as many as there are colours for them
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
        The real fields; five or more for a full verdict. A single one is cut into blocks, which
        takes five synthetic fields to be judged (`synth.evaluation.one_field`).
    synthetic
        The fields to judge, from this package or any other generator, or several sets of them.
    model
        The model they were drawn from, if known: it marks the statistics that it matched. A list
        of one for each set where there are several. Our own samples name theirs.
    names
        What to call each synthetic set.
    seed
        Of the controls and of the permutations.
    progress
        Called with a dict of `done` and `n`, in fields.

    Returns
    -------
    Card
        Scores as defined in `calibration`, for each statistic in `synth.evaluation.statistics`.

    Warns
    -----
    UserWarning
        Where synthetic fields copy real ones, lie nearer to them than other real fields do, or
        where that cannot be told.

    Raises
    ------
    InputError
        Where the fields cannot be compared: other channels, dimension or grid spacing, values that
        are not finite, a constant real field; or where sets, names and models are not as many.
    """
    several = list(synthetic) if isinstance(synthetic, Sequence) else [synthetic]
    fields = [s.field if isinstance(s, Ensemble) else s for s in several]
    titles = _titles(fields, names)
    models = _models(model, len(fields))
    pairing = pair(real, fields)
    statistics = applicable(pairing.frame)
    gaussian, phase, n_controls = _controls(pairing, seed)
    sets = {
        "real": pairing.real,
        **dict(zip(titles, pairing.synthetic, strict=True)),
        "gaussian": gaussian,
        "phase": phase,
    }
    tick = _counter(progress, sum(map(len, sets.values())) + sum(map(len, pairing.synthetic)))
    features, curves = {}, {}
    for name, values in sets.items():
        features[name], curves[name] = measure(values, pairing.frame, statistics, tick)
    counts = dict(zip(titles, pairing.counts, strict=True)) | dict.fromkeys(CONTROLS, n_controls)
    judge = Judge(features, curves, statistics, pairing, counts, seed)
    comparisons = []
    for title, given, known in zip(titles, several, models, strict=True):
        memorisation, diversity = likeness(pairing, sets[title], seed)
        tick(len(sets[title]))
        rows, scores = judge.rows(title, _families(known, given))
        diversity["ratio"] = diversity_ratio(features["real"], features[title])
        if memorisation["sentence"]:
            lead = f"{title}: " if len(titles) > 1 else ""
            warnings.warn(lead + memorisation["sentence"], stacklevel=2)
        verdict, p, worst, sentence = overall(rows, scores, memorisation, pairing, len(sets[title]))
        comparisons.append(
            Comparison(
                title,
                len(sets[title]),
                verdict,
                sentence,
                worst,
                p,
                tuple(rows),
                memorisation,
                diversity,
                _fit_quality(given),
            )
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


def _controls(pairing: Pairing, seed: int) -> tuple[Tensor, Tensor, int]:
    """Gaussian fields, fields of random phases, and the number of each before they are cut."""
    if pairing.whole is None or pairing.around is None:
        real, periodic = pairing.real, pairing.frame.periodic
        n = min(len(real), MOST_CONTROLS)
        gaussian = surrogates.gaussian(real, n, periodic, seed)
        return gaussian, surrogates.phase_randomised(real[:n], periodic, seed), n
    n, periodic, shape = CONTROLS_OF_ONE, pairing.around.periodic, pairing.frame.shape
    gaussian = surrogates.gaussian(pairing.whole, n, periodic, seed)
    same = pairing.whole.expand(n, *pairing.whole.shape[1:])
    phase = surrogates.phase_randomised(same, periodic, seed)
    blocks = [torch.from_numpy(cut(x.numpy(), shape)) for x in (gaussian, phase)]
    return blocks[0], blocks[1], n


def _titles(fields: Sequence[Field], names: Sequence[str] | None) -> list[str]:
    if names is None:
        numbered = [f"synthetic {i + 1}" for i in range(len(fields))]
        names = ["synthetic"] if len(fields) == 1 else numbered
    if len(fields) > MOST_SETS:
        raise InputError(
            f"There are {len(fields)} synthetic sets, and figures can tell {MOST_SETS} apart; "
            "compare them in several reports."
        )
    if len(names) != len(fields) or len({*names, "real", *CONTROLS}) != len(fields) + 3:
        raise InputError(
            f"There are {len(fields)} synthetic sets and the names {', '.join(names)}; give each "
            "set a name of its own, other than real, gaussian and phase."
        )
    return list(names)


def _models(model: Any, count: int) -> list[Any]:
    """The model of each set, None where it is unknown."""
    models = list(model) if isinstance(model, Sequence) else [model]
    if model is None:
        return [None] * count
    if len(models) != count:
        raise InputError(
            f"There are {count} synthetic sets and {len(models)} model(s); give one for each set, "
            "in their order, or none."
        )
    return models


def _families(model: Any, given: Field | Ensemble) -> frozenset[str]:
    """Moment families of the model that the samples come from; empty where unknown."""
    family = getattr(model, "family", None)
    if family is None and isinstance(given, Ensemble):
        family = given.provenance.get("model")
    names = str(family).split("+") if family else []
    found = [PRESETS[name].family if name in PRESETS else name for name in names]
    return frozenset("+".join(found).split("+")) if found else frozenset()


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
            None if pairing.blocks else smallest_bias(len(pairing.real), len(s))
            for s in pairing.synthetic
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
