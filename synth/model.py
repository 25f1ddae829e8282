"""A fitted model: the moments of a field, their sampling spread, and all that sampling needs."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from synth.errors import InputError
from synth.estimation.transforms import Standardisation

if TYPE_CHECKING:
    from moments import Labels, MomentFamily

#: Above this share of the pixels a model begins to store its example instead of a process.
MEMORISING_SHARE = 0.10


@dataclass(frozen=True)
class Model:
    """Target moments and how to measure them again on a new field.

    Attributes
    ----------
    family : str
        Name given to :func:`moments.build`.
    shape : tuple of int
        Space sizes of the fitted fields.
    channels : int
    settings : dict
        Arguments of :func:`moments.build` (scales, angles, options).
    standardisation : Standardisation
        From original units to the standardised fields that the moments see, and back.
    constants : dict of ndarray
        Frozen normalisers of the family.
    mean, spread : ndarray, (M,) float64
        Mean moments over the fitted fields, and the standard deviation that one realization of the
        process shows around them (see :func:`synth.estimation.spread.sampling_spread`).
    targets : ndarray, (fields, M) float32
        Moments of each fitted field.
    shells : ndarray, (n,) float64
        Centres of radial shells, radians per pixel.
    spectrum : ndarray, (n, channels, channels) float64
        Mean cross-spectrum in each shell, d E[x^_a conj(x^_b)]: 1 for white noise of variance 1.
    boundary : str
        "periodic" or "open", as fitted.
    field : dict
        Name, channels, dims, spacing and units of the fitted field, and the axes along which its
        channels point.
    provenance : dict
        Strings and numbers that say where the model comes from.
    kept : ndarray of int, optional
        The family's moments that the model keeps; all by default.
    compressive : ndarray, (n,) float64, optional
        Of vector fields, mean power along the wave vector in each shell; the whole power is the
        trace of the cross-spectrum.
    """

    family: str
    shape: tuple[int, ...]
    channels: int
    settings: dict[str, Any]
    standardisation: Standardisation
    constants: dict[str, np.ndarray]
    mean: np.ndarray
    spread: np.ndarray
    targets: np.ndarray
    shells: np.ndarray
    spectrum: np.ndarray
    boundary: str
    field: dict[str, Any]
    provenance: dict[str, Any] = dataclasses.field(default_factory=dict)
    kept: np.ndarray | None = None
    compressive: np.ndarray | None = None

    @property
    def n_moments(self) -> int:
        """M."""
        return len(self.mean)

    @property
    def n_fields(self) -> int:
        """Number of fields fitted."""
        return len(self.targets)

    @property
    def memorising_share(self) -> float:
        """M over the number of values of one field."""
        return self.n_moments / (self.channels * int(np.prod(self.shape)))

    @property
    def labels(self) -> Labels:
        """Labels of the moments."""
        return self.operator().labels

    def operator(self, shape: Sequence[int] | None = None) -> MomentFamily:
        """The moment family with the frozen constants, for fields of any size.

        Parameters
        ----------
        shape : sequence of int, optional
            Space sizes; those of the fit by default.

        Raises
        ------
        InputError
            If fields of that size are too small for the model's scales, or another version of
            synth fitted the model.
        """
        shape = self.shape if shape is None else tuple(shape)
        if len(shape) != len(self.shape):
            raise InputError(
                f"A size of {len(shape)} axes was asked of a model of {len(self.shape)}-D fields; "
                f"give {len(self.shape)} sizes, such as {'x'.join(map(str, self.shape))}."
            )
        least = 2 ** self.settings["scales"]
        if min(shape) < least:
            raise InputError(
                f"Fields of {'x'.join(map(str, shape))} were asked of a model of "
                f"{self.settings['scales']} scales; sides of {least} or more would work, or a fit "
                "with fewer scales."
            )
        op = self.thresholded(self._build(shape))
        return self.freeze(op)

    def freeze(self, op: MomentFamily) -> MomentFamily:
        """A family of the model's settings with the model's constants.

        Raises
        ------
        InputError
            If the family has other moments or constants than the model.
        """
        import torch

        other = "The model was fitted by another version of synth, or to other channels"
        try:
            op.freeze({name: torch.as_tensor(value) for name, value in self.constants.items()})
        except ValueError as error:
            raise InputError(f"{other}; fit a new one. {error}") from error
        if op.shape == self.shape and op.n_moments != self.n_moments:
            raise InputError(
                f"{other}: it has {self.n_moments:,} moments, and {op.n_moments:,} are measured; "
                "fit a new one."
            )
        return op

    def thresholded(self, op: MomentFamily) -> MomentFamily:
        """Of the model's family, on fields of any size, the moments that the model keeps."""
        import moments

        if self.kept is None:
            return op
        table = (op if op.shape == self.shape else self._build(self.shape)).labels.table
        names = {row.tobytes() for row in table[self.kept]}
        return moments.Subset(
            op, [number for number, row in enumerate(op.labels.table) if row.tobytes() in names]
        )

    def _build(self, shape: Sequence[int]) -> MomentFamily:
        import moments

        try:
            return moments.build(self.family, shape, channels=self.channels, **self.settings)
        except ValueError as error:
            raise InputError(str(error)) from error

    def on_grid(self, shape: Sequence[int] | None = None) -> tuple[MomentFamily, np.ndarray]:
        """The moments that fields of another size share with the fitted ones.

        Lags are bounded by the size, so those of two sizes may differ in a few; and a smaller field
        holds too few periods of the largest scales to match them.

        Returns
        -------
        op : MomentFamily
            On fields of ``shape``, with the frozen constants.
        rows : ndarray of int
            Where its moments stand among the model's.
        """
        import moments

        op = self.operator(shape)
        if op.shape == self.shape:
            return op, np.arange(self.n_moments)
        place = {row.tobytes(): number for number, row in enumerate(self.labels.table)}
        found = [place.get(row.tobytes(), -1) for row in op.labels.table]
        held = np.ones(op.n_moments, dtype=bool)
        if min(op.shape) < min(self.shape):
            for column in ("j1", "j2", "j3"):
                held &= op.labels[column] < moments.default_scales(op.shape)
        kept = [number for number, row in enumerate(found) if row >= 0 and held[number]]
        if len(kept) < op.n_moments:
            op = moments.Subset(op, kept)
        return op, np.array(found)[kept]

    def digest(self) -> str:
        """Short hash of what determines the samples."""
        content = hashlib.sha256()
        settings = [self.family, self.shape, self.channels, self.settings]
        content.update(json.dumps([*settings, self.standardisation.to_dict()]).encode())
        for array in (self.mean, self.spread, self.targets, self.spectrum, self.compressive):
            if array is not None:
                content.update(np.ascontiguousarray(array).tobytes())
        return content.hexdigest()[:16]

    def to_tree(self) -> dict[str, Any]:
        """The model as attributes and arrays, for :func:`synth.files.hdf5.write_model`."""
        attributes = {
            "family": self.family,
            "shape": list(self.shape),
            "channels": self.channels,
            "settings": self.settings,
            "standardisation": self.standardisation.to_dict(),
            "boundary": self.boundary,
            "field": self.field,
            "provenance": self.provenance,
        }
        arrays = {
            "moments/mean": self.mean,
            "moments/spread": self.spread,
            "moments/targets": self.targets,
            "moments/labels": self.labels.storable(),
            "spectrum/shells": self.shells,
            "spectrum/power": self.spectrum,
        }
        for name, array in (
            ("moments/kept", self.kept),
            ("spectrum/compressive", self.compressive),
        ):
            if array is not None:
                arrays[name] = array
        arrays |= {f"constants/{name}": value for name, value in self.constants.items()}
        return {"attributes": attributes, "arrays": arrays}

    @classmethod
    def from_tree(cls, tree: dict[str, Any]) -> Model:
        """The model of a tree written by :meth:`to_tree`."""
        attributes, arrays = tree["attributes"], tree["arrays"]
        prefix = "constants/"
        return cls(
            family=attributes["family"],
            shape=tuple(attributes["shape"]),
            channels=int(attributes["channels"]),
            settings=attributes["settings"],
            standardisation=Standardisation.from_dict(attributes["standardisation"]),
            constants={
                name.removeprefix(prefix): np.asarray(value)
                for name, value in arrays.items()
                if name.startswith(prefix)
            },
            mean=np.asarray(arrays["moments/mean"]),
            spread=np.asarray(arrays["moments/spread"]),
            targets=np.asarray(arrays["moments/targets"]),
            shells=np.asarray(arrays["spectrum/shells"]),
            spectrum=np.asarray(arrays["spectrum/power"]),
            boundary=attributes["boundary"],
            field=attributes["field"],
            provenance=attributes["provenance"],
            kept=arrays.get("moments/kept"),
            compressive=arrays.get("spectrum/compressive"),
        )


def read_model(path: str) -> Model:
    """The model in a file that :func:`write_model` wrote."""
    from synth.files import hdf5

    return Model.from_tree(hdf5.read_model(path))


def write_model(path: str, model: Model, overwrite: bool = False) -> None:
    """Write a model, whole or not at all."""
    from synth.files import hdf5

    hdf5.write_model(path, model.to_tree(), overwrite=overwrite)
