"""Time to a sample of one 256x256 field, against 50 iterations of pywph judged by its own loss."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import numpy as np
import torch
from scipy.optimize import minimize

import synth
from benchmarks.contenders import pywph_loss, pywph_operator

FLOW = Path(__file__).parents[1] / "samples" / "vorticity_2d.h5"
ITERATIONS = 50


@dataclass(frozen=True)
class Made:
    """A field beside the target, and what it took."""

    name: str
    seconds: float
    loss: float  # pywph's
    coarsest: float  # what S00 of the coarsest scale has of it
    spectrum: float
    histogram: float
    note: str


def spectrum_distance(a: np.ndarray, b: np.ndarray) -> float:
    """Rms difference of ln P(k) over unit shells of wavenumber up to the Nyquist."""
    n = a.shape[0]
    k = np.hypot(*np.meshgrid(*[np.fft.fftfreq(n, 1 / n)] * 2)).round().astype(int).ravel()
    counts = [np.bincount(k, np.abs(np.fft.fft2(x)).ravel() ** 2)[1 : n // 2] for x in (a, b)]
    return float(np.sqrt(np.mean(np.log(counts[0] / counts[1]) ** 2)))


def histogram_distance(a: np.ndarray, b: np.ndarray) -> float:
    """Wasserstein distance of the pixels' laws, in standard deviations of b."""
    return float(np.abs(np.sort(a, axis=None) - np.sort(b, axis=None)).mean() / b.std())


def by_pywph(x: np.ndarray) -> tuple[np.ndarray, float]:
    """pywph's synthesis as its examples do it: L-BFGS-B on its loss, from white noise."""
    loss_and_gradient = pywph_loss(torch.from_numpy(x))

    def fun(y: np.ndarray) -> tuple[float, np.ndarray]:
        field = torch.from_numpy(y.reshape(x.shape).astype(np.float32))
        value, gradient = loss_and_gradient(field)
        return value, gradient.numpy().astype(np.float64).ravel()

    start = np.random.default_rng(0).normal(x.mean(), x.std(), x.size)
    begin = perf_counter()
    options = {"maxiter": ITERATIONS, "maxcor": 20, "ftol": 0, "gtol": 0}
    found = minimize(fun, start, jac=True, method="L-BFGS-B", options=options)
    return found.x.reshape(x.shape).astype(np.float32), perf_counter() - begin


def made(families: tuple[str, ...]) -> Iterator[Made]:
    """Samples of the first field of samples/, and the second field, which is as real."""
    flow = synth.read(FLOW)
    fields = flow.load()[:2, 0]
    real, other = (fields - fields[0].mean()) / fields[0].std()
    op, target = pywph_operator(torch.from_numpy(real))
    # Columns j1, l1, p1, j2, l2, p2, ..; p is the phase harmonic.
    first, p1, p2 = (op.wph_moments_indices[:, column] for column in (0, 2, 5))
    coarsest = ((first == first.max()) & (p1 == 0) & (p2 == 0)).nonzero().flatten()

    def row(name: str, seconds: float, x: np.ndarray, note: str) -> Made:
        values = op.apply(torch.from_numpy(np.ascontiguousarray(x)), norm="auto")
        apart = (values - target).abs().square()
        distances = spectrum_distance(x, real), histogram_distance(x, real)
        return Made(
            name, seconds, float(apart.sum()), float(apart[coarsest].sum()), *distances, note
        )

    field = synth.Field.from_array(real, dims=("y", "x"), boundary="periodic")
    for family in families:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            begin = perf_counter()
            model = synth.fit(field, family)
            fitted = perf_counter() - begin
        begin = perf_counter()
        ensemble = synth.sample(model, 1, seed=0)
        seconds = perf_counter() - begin
        outcome = ensemble.outcomes[0]
        note = f"{outcome['status']} in {outcome['steps']} steps; fit {fitted:.1f} s before"
        yield row(family, seconds, np.asarray(ensemble.field.load()[0, 0]), note)
    synthetic, seconds = by_pywph(real)
    yield row("pywph", seconds, synthetic, f"{ITERATIONS} iterations")
    yield row("another real field", math.nan, other, "")
