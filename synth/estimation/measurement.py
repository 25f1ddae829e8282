"""Measure: the labelled moments of every realization of a field, as features."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from synth.errors import UsageError
from synth.estimation.preparation import DEFAULT, Progress, prepare
from synth.field import Field

if TYPE_CHECKING:
    from moments import Labels
    from synth.model import Model


@dataclass(frozen=True)
class Measurement:
    """Moments of the realizations of a field.

    Attributes
    ----------
    values : ndarray, (n, M) float32
    labels : Labels
        A row for each of the M moments.
    family : str
    settings : dict
        Scales, angles and options with which the moments were built.
    source : str
        Where the field comes from.
    """

    values: np.ndarray
    labels: Labels
    family: str
    settings: dict[str, Any]
    source: str = ""

    def write(self, path: str | Path, overwrite: bool = False, draw: bool = False) -> None:
        """Write the datasets ``moments`` (n, M) and ``labels`` (a table of M rows) to HDF5.

        With ``draw``, a PNG of the same name shows them against scale, orientation and pairs of
        scales (:func:`synth.report.moment_figures.moment_figure`).

        Raises
        ------
        UsageError
            If a file exists and is not to be overwritten.
        """
        from synth.files import hdf5

        picture = Path(path).with_suffix(".png")
        if draw and picture.exists() and not overwrite:
            raise UsageError(f"{picture} exists; ask for it to be overwritten or write elsewhere.")
        tables = {"moments": self.values, "labels": self.labels.storable()}
        attributes = {"family": self.family, "settings": self.settings, "source": self.source}
        hdf5.write_tables(path, tables, attributes, overwrite)
        if draw:
            from synth.report.moment_figures import moment_figure

            moment_figure({"real": self}).savefig(picture, dpi=150)


def measure(
    field: Field,
    model: str = DEFAULT,
    *,
    scales: int | None = None,
    angles: int | None = None,
    boundary: str = "auto",
    transform: str = "none",
    device: str = "auto",
    like: Model | None = None,
    progress: Progress | None = None,
    **options: Any,
) -> Measurement:
    """Measure the moments of each realization of a field.

    All realizations are standardised together and their moments normalised by the constants of
    their average, so that they can be compared with each other.  Fields measured one after the
    other are comparable when they share these too: give ``like``.

    Parameters
    ----------
    field : Field
    model, scales, angles, boundary, transform, device, like, progress, **options
        As in :func:`synth.fit`.

    Returns
    -------
    Measurement

    Raises
    ------
    InputError
        If the field is constant, too small for the scales, or an option does not fit.
    """
    settings = {"scales": scales, "angles": angles, **options}
    prepared = prepare(
        field, model, settings, boundary=boundary, transform=transform, device=device, like=like
    )
    values = np.empty((field.n_samples, prepared.op.n_moments), dtype=np.float32)
    with torch.no_grad():
        for number, (_, moments) in enumerate(prepared.moments()):
            values[number] = moments[0].cpu().numpy()
            if progress is not None:
                progress({"done": number + 1, "n": field.n_samples})
    return Measurement(values, prepared.op.labels, prepared.family, prepared.settings, field.source)
