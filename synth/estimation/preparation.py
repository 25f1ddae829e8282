"""From a field to standardised tensors and a family whose constants are frozen."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

import numpy as np
import torch
from torch import Tensor

import moments
from synth.devices import choose
from synth.errors import InputError, UsageError
from synth.estimation import gaps
from synth.estimation.periodisation import Periodisation
from synth.estimation.spread import POOLED_BY
from synth.estimation.transforms import Standardisation
from synth.field import Field
from synth.model import MEMORISING_SHARE, Model

#: The model where none is asked for.
DEFAULT = "standard"
#: Values held at once while reading.
BLOCK_BYTES = 2**26
#: Bytes of realizations that are kept once their gaps are filled.
KEPT_BYTES = 2**28

Progress = Callable[[dict[str, Any]], None]


class Realizations:
    """The standardised realizations of a field without gaps, each with where it is valid.

    Those with gaps are kept once they are filled, as far as :data:`KEPT_BYTES` reach: a fit passes
    over them several times, and filling costs more than anything else.

    Parameters
    ----------
    field : Field
    standard : Standardisation
    """

    def __init__(self, field: Field, standard: Standardisation) -> None:
        self.field, self.standard = field, standard
        self.kept: dict[int, Tensor] = {}

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor | None]]:
        """(1, channel, *space), and (1, 1, *space) bool or None where every pixel is valid."""
        number = 0
        for values, mask in self.field.masked_blocks(BLOCK_BYTES):
            x = torch.from_numpy(self.standard.forward(values))
            for row, one in enumerate(x.split(1)):
                valid = None
                if mask is not None:
                    valid = torch.from_numpy(np.asarray(mask[row % len(mask)])[None])
                    one = self._filled(number, one, valid)
                number += 1
                yield one, valid

    def _filled(self, number: int, x: Tensor, valid: Tensor) -> Tensor:
        if number in self.kept:
            return self.kept[number]
        filled = gaps.fill(x, valid, seed=number)
        if not valid.all() and (len(self.kept) + 1) * filled.nbytes <= KEPT_BYTES:
            self.kept[number] = filled
        return filled


@dataclass(frozen=True)
class Prepared:
    """What is needed to measure the moments of each realization of a field.

    Attributes
    ----------
    realizations : Realizations
    family : str
    settings : dict
        Arguments of :func:`moments.build`.
    op : MomentFamily
        With frozen constants, on its device.
    periodise : Periodisation, optional
        Of open fields; None for periodic ones.
    """

    realizations: Realizations
    family: str
    settings: dict[str, Any]
    op: moments.MomentFamily
    periodise: Periodisation | None

    @property
    def standard(self) -> Standardisation:
        """From original units to standardised values and back."""
        return self.realizations.standard

    @property
    def boundary(self) -> str:
        """ "periodic" or "open"."""
        return "periodic" if self.periodise is None else "open"

    def fields(self) -> Iterator[Tensor]:
        """The standardised realizations, (1, channel, *space) each."""
        return (self._periodic(x) for x, _ in self.realizations)

    def moments(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Each realization and its moments, (1, M), with what filling gaps took from them."""
        loss = None
        for x, valid in self.realizations:
            periodic = self._periodic(x)
            values = self.op(periodic)
            if valid is not None and not valid.all():
                loss = torch.as_tensor(self._loss()) if loss is None else loss
                values = values + float(gaps.missing(valid)) * loss.to(values)
            yield periodic, values

    def _periodic(self, x: Tensor) -> Tensor:
        return (x if self.periodise is None else self.periodise(x)).to(self.op.band_power().device)

    def _loss(self) -> np.ndarray:
        """:func:`synth.estimation.gaps.loss` of a few fields."""
        gappy = ((x, v) for x, v in self.realizations if v is not None and not v.all())
        fields = min(gaps.MOST_REFILLED, gaps.gappy(self.realizations.field))
        return gaps.loss(
            islice(gappy, fields),
            -(-gaps.LEAST_REFILLS // fields),
            lambda x: self.op(self._periodic(x)),
            self.op.labels.groups(*POOLED_BY),
        )


def prepare(
    field: Field,
    family: str,
    settings: dict[str, Any],
    *,
    boundary: str = "auto",
    transform: str = "none",
    device: str = "auto",
    like: Model | None = None,
) -> Prepared:
    """Standardise a field and freeze the constants of a family on it, or take both from a model.

    The field is read in slabs twice, an open one three times; the arguments are those of
    :func:`synth.fit`.

    Raises
    ------
    InputError
        If the field is constant, too small for the scales, or an option does not fit.
    """
    target_device = choose(device)
    if like is None:
        standard = Standardisation.measure(field, transform)
    else:
        standard = replace(like.standardisation, minimum=())  # of another field
        settings, family = like.settings, like.family
    op, settings = economical(family, field, settings)
    op = op if like is None else like.thresholded(op)
    periodic = _boundary(field, boundary) == "periodic"
    realizations = Realizations(field, standard)
    periodise = None if periodic else Periodisation(x for x, _ in realizations)
    prepared = Prepared(realizations, family, settings, op.to(target_device), periodise)
    with torch.no_grad():
        if like is None:
            op.freeze(_average(op.constants(x) for x in prepared.fields()))
        else:
            like.freeze(op)
    return prepared


def economical(
    family: str, field: Field, settings: dict[str, Any]
) -> tuple[moments.MomentFamily, dict[str, Any]]:
    """The family, and the settings with which it can be built again.

    Small fields and many channels have more pairs of bands than their values support: what a
    model can spare (:func:`moments.savings_of`), unless the caller asks for it, is left out until
    the model is below the share at which it would store its example, or nothing is left to spare.
    """

    def build(**more: Any) -> moments.MomentFamily:
        try:
            given = {**settings, **more}
            return moments.build(family, field.shape, channels=field.n_channels, **given)
        except ValueError as error:
            raise InputError(str(error)) from error

    op = build()
    more: dict[str, Any] = {}
    for saving in moments.savings_of(family):
        if op.n_moments <= MEMORISING_SHARE * field.n_channels * field.n_pixels:
            break
        more |= {name: value for name, value in saving.items() if name not in settings}
        op = build(**more)
    return op, {**settings, **more, "scales": op.bank.scales, "angles": op.bank.angles}


def _average(parts: Iterator[dict[str, Tensor]]) -> dict[str, Tensor]:
    total: dict[str, Tensor] = {}
    count = 0
    for part in parts:
        total = {name: value + total.get(name, 0.0) for name, value in part.items()}
        count += 1
    return {name: value / count for name, value in total.items()}


def _boundary(field: Field, asked: str) -> str:
    if asked not in ("auto", "periodic", "open"):
        raise UsageError(f"boundary={asked!r} was asked for; auto, periodic or open would work.")
    if asked != "auto":
        return asked
    if field.boundary != "unknown":
        return field.boundary
    from synth.estimation.boundary import detect_boundary

    return detect_boundary(field)[0]
