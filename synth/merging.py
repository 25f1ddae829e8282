"""Merge: one model of several that were fitted alike to different fields."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from synth.errors import InputError
from synth.model import Model


def merge(models: Sequence[Model]) -> Model:
    """One model of several fitted with the same settings and constants to different fields.

    The fields of all are pooled: mean moments weighted by their numbers of fields, pooled spread.

    Raises
    ------
    InputError
        If the models differ in anything but their fields; :func:`synth.fit` with ``like=`` makes
        models that merge.
    """
    first, *others = models
    for other in others:
        same = (
            (other.family, other.shape, other.channels, other.settings)
            == (first.family, first.shape, first.channels, first.settings)
            and other.standardisation == first.standardisation
            and np.array_equal(other.kept, first.kept)  # type: ignore[arg-type]
            and other.constants.keys() == first.constants.keys()
            and all(np.array_equal(other.constants[k], v) for k, v in first.constants.items())
        )
        if not same:
            raise InputError(
                "Models merge when they share settings and normalisation, and these do not; "
                "fit the second field with --like and the first model."
            )
    weights = np.array([model.n_fields for model in models], dtype=float)
    weights /= weights.sum()

    def pooled(arrays: list[np.ndarray]) -> np.ndarray:
        return np.tensordot(weights, np.stack(arrays), 1)

    compressive = [m.compressive for m in models if m.compressive is not None]
    return replace(
        first,
        standardisation=replace(first.standardisation, minimum=()),
        mean=pooled([model.mean for model in models]),
        spread=np.sqrt(pooled([model.spread**2 for model in models])),
        targets=np.concatenate([model.targets for model in models]),
        spectrum=pooled([model.spectrum for model in models]),
        compressive=None if first.compressive is None else pooled(compressive),
        provenance={**first.provenance, "merged": [model.digest() for model in models]},
    )
