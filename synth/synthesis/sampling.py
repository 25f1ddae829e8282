"""Sample: new fields of maximum entropy given the moments of a model.

Microcanonical: a Gaussian field is moved by descent on the moment mismatch until its moments agree
with the target's within a tenth of their sampling spread (Bruna & Mallat 2018, arXiv 1801.02013).
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from solvers import Progress
from synth.devices import choose
from synth.errors import UsageError
from synth.field import Ensemble, Field
from synth.model import Model
from synth.synthesis.checkpoint import Checkpoint
from synth.synthesis.clock import Clock, Report
from synth.synthesis.descent import State, Watch
from synth.synthesis.drawing import Drawing, Made
from synth.synthesis.negative import tell_of_negative
from synth.synthesis.plan import Plan
from synth.synthesis.workers import StoppedError, in_parallel, torch_threads

MAX_STEPS = 1000
#: Rms mismatch, in units of the sampling spread, at which a sample has converged.
TOLERANCE = 0.1


def sample(
    model: Model,
    n: int = 1,
    *,
    seed: int = 0,
    size: Sequence[int] | None = None,
    steps: int | None = None,
    init: str = "gaussian",
    target: str = "each",
    tolerance: float = TOLERANCE,
    batch: int | str = "auto",
    device: str = "auto",
    progress: Report | None = None,
    checkpoint: str | Path | None = None,
) -> Ensemble:
    r"""Draw new fields from a model.

    Each sample minimises the mean E of :math:`(\Phi_m(x)-\mu_m)^2/s_m^2`, s the sampling spread, in
    which the moments of a scale count for no more than the values that a field has there
    (:class:`synth.synthesis.mismatch.Mismatch`).  It has converged when :math:`\sqrt E` is at most
    ``tolerance``.  The descent matches coarse scales first, each on its own grid
    (:mod:`synth.synthesis.descent`).

    The moments :math:`\mu` that it follows are the ``target``:

    - ``"each"``: those of one of the fitted fields, drawn without replacement as long as they last.
      The ensemble varies like the fitted fields.
    - ``"mean"``: the mean over the fitted fields.  All samples have the same moments.
    - ``"ensemble"``: that mean too, but only the mean over the n samples has to match it,
      :math:`\frac1n\sum_i\Phi(x_i)=\mu` (mean-field descent, arXiv 2403.08362): E is one energy of
      all samples, in which :math:`\Phi` is their mean.  What their moments vary by is left to them.
      The mean of n independent fields would scatter by :math:`s/\sqrt n`, which is more than the
      default tolerance for n up to 100.  The loss, status and steps of all samples are those of the
      run, their mismatch is their own.

    Samples of a ``covariance`` model need no descent: they are drawn from the Gaussian law of
    maximum entropy whose mean moments are the target's, and scatter around them like real fields;
    for them ``"ensemble"`` is ``"mean"``.

    Parameters
    ----------
    model : Model
    n : int
        Number of fields.
    seed : int
        Sample i depends on the seed and i alone; with the target "ensemble" also on n.
    size : sequence of int, optional
        Space sizes; those of the fit by default.
    steps : int, optional
        Most descent steps of a sample on the field's own grid, 1000 by default.
    init : {"gaussian", "white"}
        Start from a Gaussian field with the model's spectrum, or from white noise.
    target : {"each", "mean", "ensemble"}
        See above.
    tolerance : float
        In units of the sampling spread.
    batch : int or "auto"
        Fields computed at once; of the target "ensemble", which are all one problem, "auto".
    device : str
        "auto", "cpu" or "cuda".
    progress : callable, optional
        Called with a dict of done, n, scale, iteration, mismatch_median, mismatch_worst,
        seconds_left; scale is the finest that the present stage of the descent matches.  And
        for each finished batch with done, n and finished, outcomes by number.
    checkpoint : path, optional
        Folder that keeps finished samples and the state in progress; if it holds an interrupted run
        with the same arguments, that run goes on.

    Returns
    -------
    Ensemble

    Raises
    ------
    UsageError, InputError
        If an argument, or a checkpoint of other arguments, does not fit.
    """
    _check(n, seed, steps, init, target, tolerance, batch)
    where = choose(device)
    drawing = Drawing(
        model, n, seed=seed, size=size, steps=MAX_STEPS if steps is None else steps, init=init,
        target=target, tolerance=tolerance, device=where,
    )  # fmt: skip
    store = None if checkpoint is None else Checkpoint(Path(checkpoint), drawing.settings)
    done = {} if store is None else store.finished()
    if drawing.together and len(done) < n:
        done = {}  # stopped while it kept its samples: its state is there still
    plan = Plan(drawing, n, batch)
    clock = Clock(n, len(done), progress)

    def watching(numbers: list[int], stop: threading.Event) -> Watch:
        def watch(first: int, progress: Progress, state: Callable[[], State]) -> None:
            clock.tick(numbers, first, progress)
            if store is not None and (stop.is_set() or store.due(numbers)):
                store.keep(numbers, state())
            if stop.is_set():
                raise StoppedError

        return watch

    def begin(batches: list[list[int]]) -> dict[int, Tensor]:
        new = [batch for batch in batches if store is None or not store.holds(batch)]
        numbers = [number for batch in new for number in batch]
        known = numbers and store is not None and store.holds(numbers)
        state = store.state(numbers) if store is not None and known else None
        with torch_threads(1):
            begun = drawing.begin(numbers, watching(numbers, threading.Event()), state)
        if store is not None and begun:
            for batch in new:
                store.keep(batch, drawing.state(batch, begun))
        return begun

    def finish(numbers: list[int], stop: threading.Event) -> Made:
        if (made := drawing.exactly(numbers)) is not None:
            return made
        if store is None or numbers[0] in begun:
            state = drawing.state(numbers, begun)
        else:
            state = store.state(numbers)
        return drawing.finish(numbers, state, watching(numbers, stop))

    for batches in plan.rounds(done):
        begun = begin(batches)
        for numbers, (fields, outcomes) in in_parallel(finish, batches, plan.workers, plan.threads):
            for made in zip(numbers, fields, outcomes, strict=True):
                done[made[0]] = made[1:]
            if store is not None:
                store.add(numbers, fields, outcomes)
            clock.finish(numbers, outcomes)
    provenance: dict[str, Any] = {"device": str(where), "target": target}
    if drawing.together:
        provenance["mean_mismatch_sigma"] = math.sqrt(done[0][1]["loss"])
    ensemble = _ensemble(model, [done[number] for number in range(n)], seed, provenance)
    tell_of_negative(ensemble.field.values, model.standardisation.minimum)
    return ensemble


def _check(
    n: int,
    seed: int,
    steps: int | None,
    init: str,
    target: str,
    tolerance: float,
    batch: int | str,
) -> None:
    if n < 1:
        raise UsageError(f"n={n} samples were asked for; 1 or more would work.")
    if seed < 0:
        raise UsageError(f"seed={seed} was asked for; 0 or a positive integer would work.")
    if steps is not None and steps < 0:
        raise UsageError(f"steps={steps} was asked for; 0 or more would work.")
    if batch != "auto" and not (isinstance(batch, int) and batch >= 1):
        raise UsageError(f"batch={batch!r} was asked for; auto, or 1 or more, would work.")
    if init not in ("gaussian", "white"):
        raise UsageError(f"init={init!r} was asked for; gaussian or white would work.")
    if target not in ("each", "mean", "ensemble"):
        raise UsageError(f"target={target!r} was asked for; each, mean or ensemble would work.")
    if target == "ensemble" and batch != "auto":
        raise UsageError(
            f"batch={batch} was asked for with target='ensemble', whose samples descend together; "
            "auto would work."
        )
    if not tolerance > 0:
        raise UsageError(f"tolerance={tolerance} was asked for; a positive number would work.")


def _ensemble(
    model: Model,
    done: list[tuple[np.ndarray, dict[str, Any]]],
    seed: int,
    provenance: dict[str, Any],
) -> Ensemble:
    values = model.standardisation.inverse(np.stack([field for field, _ in done]))
    field = Field(
        values=values,
        name=model.field["name"],
        channels=tuple(model.field["channels"]),
        dims=tuple(model.field["dims"]),
        spacing=tuple(model.field["spacing"]),
        units=model.field["units"],
        boundary="periodic",
    )
    provenance = {"model": model.family, "model_hash": model.digest(), **provenance}
    return Ensemble(field, [outcome for _, outcome in done], seed, provenance)
