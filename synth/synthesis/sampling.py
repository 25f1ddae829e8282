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
import torch
from torch import Tensor

from moments.covariance import Covariance
from solvers import LBFGS, Progress
from synth.devices import choose
from synth.errors import UsageError
from synth.estimation.helmholtz import Helmholtz
from synth.estimation.spectra import Colour
from synth.field import Ensemble, Field
from synth.model import Model
from synth.synthesis.checkpoint import Checkpoint
from synth.synthesis.clock import Clock, Report
from synth.synthesis.descent import Descent, State
from synth.synthesis.energy import AT_ONCE, working_set
from synth.synthesis.exact import ExactGaussian
from synth.synthesis.negative import tell_of_negative
from synth.synthesis.preconditioner import Preconditioner
from synth.synthesis.workers import StoppedError, fitting, in_parallel

MAX_STEPS = 1000
#: Rms mismatch, in units of the sampling spread, at which a sample has converged.
TOLERANCE = 0.1
#: Pairs that L-BFGS keeps: many, because moments between scales are strongly correlated.
HISTORY = 60
#: Bytes that the history of one sample may take.
HISTORY_BYTES = 4 * 2**30
#: Most fields that a core works on together, and the bytes that their histories may take.
TOGETHER = 8
BATCH_BYTES = 2**29
#: Values from which a field is worth all cores of the machine.
LARGE_FIELD = 2**19

Made = tuple[np.ndarray, list[dict[str, Any]]]


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
    op, rows = model.on_grid(size)
    op = op.to(where)
    colour = Colour(model.shells, model.spectrum, op.bank, op.band_power().cpu())
    scale = math.sqrt(math.prod(model.shape) / math.prod(op.shape))
    spread = torch.as_tensor(model.spread[rows] * scale, dtype=torch.float32, device=where)
    limit = MAX_STEPS if steps is None else steps
    store = None
    if checkpoint is not None:
        settings = {
            "model": model.digest(), "n": n, "seed": seed, "size": list(op.shape), "steps": limit,
            "init": init, "target": target, "tolerance": tolerance,
        }  # fmt: skip
        store = Checkpoint(Path(checkpoint), settings)
    done = {} if store is None else store.finished()
    exact = ExactGaussian(op, spread, tolerance) if isinstance(op, Covariance) else None
    together = target == "ensemble" and exact is None
    if together and len(done) < n:
        done = {}  # stopped while it kept its samples: its state is there still
    each = n if together else 1  # fields of one problem of the minimiser
    values = each * math.prod(op.shape) * op.channels
    method = LBFGS(history=max(5, min(HISTORY, HISTORY_BYTES // (8 * values))))
    problems = _batch_size(batch, n // each, where, method, values)
    clock = Clock(n, len(done), progress)
    # Batches do not depend on what is done, so that those in progress find their states.
    whole = [range(n)[i : i + problems * each] for i in range(0, n, problems * each)]
    left = ([number for number in numbers if number not in done] for numbers in whole)
    batches = [numbers for numbers in left if numbers]
    workers, threads = _workers(where, max(1, len(batches)), problems, method, values)
    helmholtz = _helmholtz(model, op.shape)
    preconditioner = Preconditioner(colour.power, helmholtz)
    descent = Descent(op, spread, preconditioner, method, limit, tolerance, together)

    def make(numbers: list[int], stop: threading.Event) -> Made:
        noise = torch.stack([_noise(seed, i, (op.channels, *op.shape)) for i in numbers])
        wanted = _targets(model, target, seed, numbers)[:, rows]
        targets = torch.as_tensor(wanted, dtype=torch.float32, device=where)
        if exact is not None:
            return exact.draw(targets, noise.to(where))

        def watch(first: int, state: Progress, keep: Callable[[], State]) -> None:
            clock.tick(numbers, first, state)
            if store is not None and (stop.is_set() or store.due(numbers)):
                store.keep(numbers, keep())
            if stop.is_set():
                raise StoppedError

        start = colour.draw(noise) if init == "gaussian" else noise
        start = start if helmholtz is None else helmholtz.shaped(start)
        resume = None if store is None else store.state(numbers)
        x, outcomes = descent.run(start.to(where), targets, watch, resume)
        return x.cpu().numpy(), outcomes

    for numbers, (fields, outcomes) in in_parallel(make, batches, workers, threads):
        for made in zip(numbers, fields, outcomes, strict=True):
            done[made[0]] = made[1:]
        if store is not None:
            store.add(numbers, fields, outcomes)
        clock.finish(numbers, outcomes)
    provenance: dict[str, Any] = {"device": str(where), "target": target}
    if together:
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


def _helmholtz(model: Model, shape: Sequence[int]) -> Helmholtz | None:
    """The shares of a vector field's two parts, on fields of a shape; None for other fields."""
    if model.compressive is None:
        return None
    axes, spacing = model.field["components"], model.field["spacing"]
    unit = [std / spacing[axis] for std, axis in zip(model.standardisation.std, axes, strict=True)]
    whole = model.spectrum.trace(axis1=1, axis2=2)
    share = model.compressive / np.maximum(whole, np.finfo(float).tiny)
    return Helmholtz.of_shells(shape, axes, unit, model.shells, share)


def _noise(seed: int, number: int, shape: tuple[int, ...]) -> Tensor:
    """White noise of a stream of its own for each sample."""
    stream = np.random.SeedSequence([seed, number]).generate_state(1, np.uint64)[0]
    return torch.randn(shape, generator=torch.Generator().manual_seed(int(stream >> 1)))


def _targets(model: Model, target: str, seed: int, numbers: list[int]) -> np.ndarray:
    if target != "each":
        return model.mean[None]
    order = np.random.default_rng([seed, 1]).permutation(len(model.targets))
    return model.targets[[order[number % len(order)] for number in numbers]]


def _batch_size(batch: int | str, n: int, device: torch.device, method: LBFGS, values: int) -> int:
    if batch != "auto":
        return int(batch)
    if device.type != "cuda":
        most = max(1, min(TOGETHER, BATCH_BYTES // method.memory(values)))
        share = math.ceil(n / torch.get_num_threads())
        return math.ceil(share / math.ceil(share / most))  # as even as can be
    free, _ = torch.cuda.mem_get_info(device)
    return max(1, int(0.5 * free / method.memory(values)))


def _workers(
    device: torch.device, batches: int, per_batch: int, method: LBFGS, values: int
) -> tuple[int, int]:
    """Batches to work on at once, and threads for each.

    A field that is not large has one thread, however many there are: rounding depends on their
    number, and a sample must not depend on how many others are drawn, or where.
    """
    cores = torch.get_num_threads()
    if device.type != "cpu" or values >= LARGE_FIELD:
        return 1, cores
    return min(
        cores,
        batches,
        fitting(per_batch * method.memory(values) + working_set(max(values, AT_ONCE))),
    ), 1


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
