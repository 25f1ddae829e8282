"""One figure for each statistic: the real band, the synthetic band and the controls."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from io import StringIO
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from synth.evaluation.card import Evidence
from synth.evaluation.statistics import Panel, Statistic
from synth.report import colours

STYLE: Any = {
    "font.family": "sans-serif",
    "font.sans-serif": ["Helvetica Neue", "Arial", "Liberation Sans", "DejaVu Sans"],
    "font.size": 9,
    "axes.titlesize": 9,
    "axes.labelsize": 9,
    "axes.edgecolor": colours.SOFT,
    "axes.labelcolor": colours.INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.7,
    "xtick.color": colours.SOFT,
    "ytick.color": colours.SOFT,
    "xtick.labelcolor": colours.INK,
    "ytick.labelcolor": colours.INK,
    "xtick.direction": "out",
    "ytick.direction": "out",
    "text.color": colours.INK,
    "svg.fonttype": "none",
    "mathtext.fontset": "dejavusans",
}
LABELS = {"real": "real", "gaussian": "Gaussian control", "phase": "random phases"}
MOST_PANELS = 6
BAND = (0.1, 0.9)


def statistic_figure(statistic: Statistic, evidence: Evidence) -> Figure:
    """Median and central 80% of the fields of every set, on the panels of the statistic."""
    panels = shown(statistic, evidence)
    columns = min(len(panels), 3)
    rows = math.ceil(len(panels) / columns)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(10.5 if columns > 1 else 5.2, 2.9 * rows + 0.3))
        FigureCanvasAgg(figure)
        axes = np.atleast_1d(figure.subplots(rows, columns)).ravel()
        _set_margins(figure, rows, columns, legend=True)
        for panel, ax in zip(panels, axes, strict=False):
            draw(panel, ax, _curves(statistic, evidence))
        for ax in axes[len(panels) :]:
            ax.remove()
        handles, labels = (side[::-1] for side in axes[0].get_legend_handles_labels())
        figure.legend(
            handles, labels, loc="upper center", ncols=len(labels), frameon=False, handlelength=1.6
        )
    return figure


def _set_margins(figure: Figure, rows: int, columns: int, legend: bool = False) -> None:
    """Room for labels in inches: a layout that measures every text first costs a second drawing."""
    left, right, bottom, title = 0.78, 0.15, 0.5, 0.3
    width, height = figure.get_figwidth(), figure.get_figheight()
    top = title + (0.25 if legend else 0.0)
    across = (width - right - columns * left) / columns  # the size of one panel
    down = (height - top - rows * bottom - (rows - 1) * title) / rows
    figure.subplots_adjust(
        left=left / width,
        right=1 - right / width,
        bottom=bottom / height,
        top=1 - top / height,
        wspace=left / across,
        hspace=(bottom + title) / down,
    )


def panel_svgs(statistic: Statistic, evidence: Evidence) -> list[str]:
    """The panels of the statistic one by one, so that a narrow page can stack them."""
    panels = shown(statistic, evidence)
    drawings = []
    for i, panel in enumerate(panels):
        with mpl.rc_context(STYLE):
            figure = Figure(figsize=(4.5, 2.8) if len(panels) < 3 else (3.4, 2.6))
            draw(panel, figure.subplots(), _curves(statistic, evidence))
            _set_margins(figure, 1, 1)
        drawings.append(inline_svg(figure, f"{statistic.name}-{i}", list(evidence.curves)))
    return drawings


def shown(statistic: Statistic, evidence: Evidence) -> list[Panel]:
    """The panels that are drawn: all, or the first few where there are many channels."""
    return statistic.panels(evidence.frame)[:MOST_PANELS]


def _curves(statistic: Statistic, evidence: Evidence) -> dict[str, np.ndarray]:
    return {name: c[statistic.name].numpy() for name, c in evidence.curves.items()}


def draw(panel: Panel, ax: Axes, curves: dict[str, np.ndarray]) -> None:
    """One panel: the median of each set, with bands for the real fields and for a lone set."""
    palette = colours.of_sets(list(curves))
    synthetic = [name for name in curves if name not in LABELS]
    banded = {"real", *synthetic} if len(synthetic) == 1 else {"real"}
    order = ["phase", "gaussian", *synthetic[::-1], "real"]
    for place, name in enumerate(order):
        values = curves[name][:, list(panel.columns)]
        values = np.exp(values) if panel.logarithmic else values
        settings = {"color": palette[name], "label": label(name)}
        if panel.names:
            _bars(ax, values, ((len(order) - 1) / 2 - place) * 0.6 / len(order), settings)
        else:
            _curve(ax, np.asarray(panel.x, dtype=float), values, name, name in banded, settings)
    if panel.reference is not None:
        ax.axhline(panel.reference, color=colours.SOFT, linewidth=0.7, zorder=1)
    if panel.names:
        ax.set_xticks(range(len(panel.names)), panel.names)
        ax.set_xlim(-0.6, len(panel.names) - 0.4)
    else:
        ax.set_xscale(panel.xscale)
    ax.set_yscale(panel.yscale)
    _plain_ticks(panel, ax)
    ax.set_xlabel(panel.xlabel)
    ax.set_ylabel(panel.ylabel)
    ax.set_title(panel.title)


def label(name: str) -> str:
    """What a figure calls a set, safe from the mark-up of matplotlib."""
    text = LABELS.get(name, name).replace("$", r"\$")
    return " " + text if text.startswith("_") else text


def _curve(
    ax: Axes, x: np.ndarray, values: np.ndarray, name: str, banded: bool, settings: dict
) -> None:
    """A line, with a band if asked for; broken for a control; dots where no neighbour has a value.

    Such are the bins of the histogram of a field of few values.
    """
    middle, low, high = _summary(values)
    control = name in ("gaussian", "phase")
    style = {"gaussian": (0, (5, 1.5)), "phase": (0, (1, 1.3))}.get(name, "-")
    ax.plot(
        x,
        middle,
        linestyle=style,
        linewidth=1.1 if control else 1.6,
        zorder=4 if name == "real" else 3,
        **settings,
    )
    known = np.pad(np.isfinite(middle), 1)
    alone = known[1:-1] & ~known[:-2] & ~known[2:]
    ax.plot(x[alone], middle[alone], "o", markersize=3.5, color=settings["color"], zorder=4)
    if banded:
        ax.fill_between(x, low, high, color=settings["color"], alpha=0.2, linewidth=0)


def _bars(ax: Axes, values: np.ndarray, offset: float, settings: dict) -> None:
    """For categories: a dot with a bar over the central 80% of the fields."""
    middle, low, high = _summary(values)
    ax.errorbar(
        np.arange(len(middle)) + offset,
        middle,
        [middle - low, high - middle],
        fmt="o",
        markersize=4,
        elinewidth=1.2,
        **settings,
    )


def _summary(values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Median and central 80% over fields; nan where fewer than half of the fields have a value."""
    known = np.isfinite(values)
    seen = known.mean(0) >= 0.5
    out = np.full((3, values.shape[1]), np.nan)
    for i in np.flatnonzero(seen):
        out[:, i] = np.quantile(values[known[:, i], i], [0.5, *BAND])
    return out[0], out[1], out[2]


def _plain_ticks(panel: Panel, ax: Axes) -> None:
    """Numbers such as 3 and 10 rather than powers of ten, where the axis is short enough."""
    plain = FuncFormatter(lambda value, _: f"{value:.3g}".replace("-", "−"))
    low, high = ax.get_ylim()
    if panel.yscale == "log" and high / max(low, 1e-300) < 50:
        ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 3, 5)))
        ax.yaxis.set_major_formatter(plain)
        ax.yaxis.set_minor_formatter(NullFormatter())
    if panel.xscale == "linear" and all(isinstance(x, int) for x in panel.x):
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    if panel.xscale == "log" and not panel.names:
        if max(panel.x) / min(panel.x) < 5:
            ax.set_xticks(list(panel.x))
        elif max(panel.x) / min(panel.x) < 100:
            ax.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        ax.xaxis.set_major_formatter(plain)
        ax.xaxis.set_minor_formatter(NullFormatter())


def inline_svg(figure: Figure, salt: str, names: Sequence[str]) -> str:
    """The figure as an SVG element whose colours follow the page's light or dark scheme."""
    buffer = StringIO()
    with mpl.rc_context({**STYLE, "svg.hashsalt": salt}):
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    used = set(re.findall(r"(?:url\(|href=\")#([^\")]+)", text))
    text = re.sub(r' id="([^"]+)"', lambda m: m[0] if m[1] in used else "", text)
    for name in used:  # several figures share a page, and must not share ids
        text = text.replace(f'"{name}"', f'"{salt}-{name}"').replace(f"#{name}", f"#{salt}-{name}")
    palette = {colours.INK: "ink", colours.SOFT: "soft", colours.GAUSSIAN: "gaussian"}
    synthetic = [c for n, c in colours.of_sets(names).items() if n not in LABELS]
    palette |= {colour: f"set{i}" for i, colour in enumerate(synthetic)}
    for colour, variable in palette.items():
        text = text.replace(colour, f"var(--{variable})")
    return text
