"""One figure for the moments of a family: their size against scale, orientation and scale pairs."""

from __future__ import annotations

from collections.abc import Mapping

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from moments import Labels
from synth.estimation.measurement import Measurement
from synth.report import colours
from synth.report.figures import BAND, STYLE

COLUMNS = 4
#: What each kind of moment measures, for the title of its panels.
MEANINGS = {
    "S1": "sparsity of a band",
    "P": "power of a band",
    "variance": "of the low passes",
    "skewness": "of the low passes",
    "kurtosis": "of the low passes",
    "quantile": "values of the pixels",
    "F": "flatness of a band",
    "W11": "band with itself",
    "W12": "band and its square",
    "W22": "square of a band with itself",
    "S2": "modulus seen by a coarser band",
    "S3": "coarse band and finer modulus",
    "S4": "two moduli in a coarser band",
    "S11": "band with itself",
    "S00": "modulus with itself",
    "S01": "modulus and its own band",
    "C00": "two moduli",
    "C11": "bands of two angles",
    "C10": "modulus, band of another angle",
    "C02": "modulus, harmonic of a coarser band",
    "C12": "band, harmonic of a coarser band",
    "C01": "fine modulus and coarse band",
    "Cphase": "phases of two scales",
    "R": "rectified bands",
    "L|y|": "size of a low pass",
    "Ly|y|": "asymmetry of a low pass",
}


def moment_figure(sets: Mapping[str, Measurement]) -> Figure:
    """Two panels for every kind of moment that exists at several scales.

    Above, the rms over orientations against scale, or for pairs of bands against the difference of
    their scales: the median over the realizations of each set, and their central 80%.  Below, where
    there are several orientations or pairs, the median of the first set as a map of scale and
    orientation, or of both scales.  Quantiles are those of the pixels.  Lag 0 only, and of cosine
    transforms the order 0.

    Parameters
    ----------
    sets : mapping of str to Measurement
        Of the same family and settings; measured ``like`` one model where they are to be compared.
    """
    first = next(iter(sets.values()))
    kinds = _kinds(first.labels)
    columns = min(COLUMNS, len(kinds))
    bands = [kinds[n : n + columns] for n in range(0, len(kinds), columns)]
    tall = [any(_rows_of_map(first, kind) > 1 for kind in band) for band in bands]
    colour = colours.of_sets(list(sets))
    with mpl.rc_context(STYLE):
        height = len(bands) + sum(tall)
        figure = Figure(figsize=(2.9 * columns, 2.5 * height), layout="constrained")
        FigureCanvasAgg(figure)
        axes = np.atleast_2d(figure.subplots(height, columns, squeeze=False))
        for ax in axes.flat:
            ax.set_visible(False)
        top = 0
        for band, mapped in zip(bands, tall, strict=True):
            for column, kind in enumerate(band):
                above = axes[top, column]
                for name, measured in sets.items():
                    curve = _quantiles if kind == "quantile" else _curve
                    curve(above, measured, kind, colour[name], name)
                above.set_title(f"{kind}: {MEANINGS[kind]}" if kind in MEANINGS else kind)
                if mapped:
                    _map(figure, axes[top + 1, column], first, kind)
            top += 1 + mapped
        if len(sets) > 1:
            axes[0, 0].legend(frameon=False)
    return figure


def _scales(labels: Labels) -> tuple[np.ndarray, np.ndarray]:
    """Finest and coarsest scale of each moment, (M,) each."""
    columns = np.stack([labels[name] for name in ("j1", "j2", "j3")])
    present = columns >= 0
    return np.where(present, columns, 99).min(0), np.where(present, columns, -1).max(0)


def _kinds(labels: Labels) -> list[str]:
    """Kinds with moments at several scales, in their order."""
    fine, coarse = _scales(labels)
    found = dict.fromkeys(labels["kind"].tolist())
    return [k for k in found if len(set(coarse[(labels["kind"] == k) & (fine < 99)])) > 1]


def _rms(measured: Measurement, rows: np.ndarray) -> np.ndarray:
    """Rms of some moments of each realization, (n,)."""
    return np.sqrt((measured.values[:, rows].astype(float) ** 2).mean(1))


def _of_kind(labels: Labels, kind: str) -> tuple[np.ndarray, np.ndarray, np.ndarray, bool]:
    """Mask of a kind at lag 0, both scales, and whether it relates two scales."""
    fine, coarse = _scales(labels)
    rows = labels.where(kind=kind) & ~labels["shift"].any(-1) & (fine < 99) & (labels["q"] < 1)
    return rows, fine, coarse, bool((fine != coarse)[rows].any())


def _curve(ax: Axes, measured: Measurement, kind: str, colour: str, name: str) -> None:
    rows, fine, coarse, paired = _of_kind(measured.labels, kind)
    along = coarse - fine if paired else coarse
    x = np.unique(along[rows])
    sizes = np.stack([_rms(measured, rows & (along == value)) for value in x], axis=1)
    _draw(ax, x, sizes, colour, name)
    ax.set_xlabel("difference of scales" if paired else "scale j")
    ax.set_ylabel("rms (normalised)")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.set_ylim(bottom=0)


def _quantiles(ax: Axes, measured: Measurement, kind: str, colour: str, name: str) -> None:
    labels = measured.labels
    rows = labels.where(kind=kind, j1=-1, c1=0)
    _draw(ax, labels["level"][rows], measured.values[:, rows], colour, name)
    ax.set_xlabel("share of pixels below")
    ax.set_ylabel("value, in deviations")


def _draw(ax: Axes, x: np.ndarray, values: np.ndarray, colour: str, name: str) -> None:
    """Median of the values (n, x) over realizations, and their central 80%."""
    low, middle, high = np.quantile(values, (BAND[0], 0.5, BAND[1]), axis=0)
    ax.set_visible(True)
    ax.fill_between(x, low, high, color=colour, alpha=0.2, linewidth=0)
    ax.plot(x, middle, color=colour, marker="o", markersize=3, label=name)


def _vertical(labels: Labels, kind: str) -> tuple[np.ndarray, str]:
    """What a map of a kind has upwards, (M,), and its name."""
    _, fine, _, paired = _of_kind(labels, kind)
    return (fine, "finest scale") if paired else (labels["l1"].astype(int), "orientation l")


def _rows_of_map(measured: Measurement, kind: str) -> int:
    rows, *_ = _of_kind(measured.labels, kind)
    return int(_vertical(measured.labels, kind)[0][rows].max()) + 1


def _map(figure: Figure, ax: Axes, measured: Measurement, kind: str) -> None:
    """Median size on (scale, orientation) or (fine, coarse scale); hidden if it has one row."""
    labels = measured.labels
    rows, _, coarse, paired = _of_kind(labels, kind)
    vertical, upwards = _vertical(labels, kind)
    size = _rows_of_map(measured, kind)
    if size < 2:
        return
    image = np.full((size, int(coarse[rows].max()) + 1), np.nan)
    for y, x in {(int(a), int(b)) for a, b in zip(vertical[rows], coarse[rows], strict=True)}:
        image[y, x] = np.median(_rms(measured, rows & (vertical == y) & (coarse == x)))
    ax.set_visible(True)
    shown = ax.imshow(image, origin="lower", aspect="auto", cmap="cividis", vmin=0)
    figure.colorbar(shown, ax=ax, shrink=0.9)
    ax.set_xlabel("coarsest scale" if paired else "scale j")
    ax.set_ylabel(upwards)
    ax.yaxis.set_major_locator(MaxNLocator(integer=True))
