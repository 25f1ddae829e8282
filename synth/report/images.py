"""Pictures of the fields: real, synthetic and Gaussian on one colour scale."""

from __future__ import annotations

import base64
from io import BytesIO

import matplotlib as mpl
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from PIL import Image

from synth.evaluation.card import Evidence
from synth.report import colours
from synth.report.figures import LABELS, STYLE, label

PURE = ("1", "dimensionless")  # units that no scale needs to name
SMALLEST = 256  # thumbnails of smaller fields are enlarged, pixel by pixel


def scale(evidence: Evidence, channel: int) -> tuple[Normalize, str]:
    """Colour scale and map that all sets share, from the real fields' central 99.6%.

    Values on both sides of zero get a diverging map with zero in the middle.
    """
    values = evidence.examples["real"][:, channel]
    low, high = (float(v) for v in np.quantile(values, [0.002, 0.998]))
    if low < 0 < high and min(-low, high) > 0.2 * max(-low, high):
        return Normalize(-max(-low, high), max(-low, high)), "RdBu_r"
    return Normalize(low, high), "cividis"


def plane(field: np.ndarray) -> np.ndarray:
    """A field (*space) in two dimensions: itself, or the middle slice of a cube."""
    return field if field.ndim == 2 else field[field.shape[0] // 2]


def thumbnails(evidence: Evidence) -> dict[str, list[str]]:
    """data: URIs of the first channel of the examples of every set, one pixel a pixel."""
    norm, cmap = scale(evidence, 0)
    return {
        name: [_encode(_rgb(plane(field[0]), norm, cmap)) for field in fields]
        for name, fields in evidence.examples.items()
    }


def _rgb(field: np.ndarray, norm: Normalize, cmap: str) -> np.ndarray:
    pixels = mpl.colormaps[cmap](norm(field), bytes=True)[..., :3]
    repeat = max(1, round(SMALLEST / max(field.shape)))
    return np.ascontiguousarray(pixels.repeat(repeat, 0).repeat(repeat, 1))


def _encode(pixels: np.ndarray) -> str:
    buffer = BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


def fields_figure(evidence: Evidence, units: str = "") -> Figure:
    """The first example of every set side by side, a row for each channel."""
    names = ["real", *(n for n in evidence.examples if n not in LABELS), "gaussian"]
    n_channels = len(evidence.frame.channels)
    lines = evidence.frame.ndim == 1
    with mpl.rc_context(STYLE):
        width, height = 2.9 * len(names) + 0.6, (1.7 if lines else 2.8) * n_channels + 0.3
        figure = Figure(figsize=(width, height), layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.subplots(
            n_channels, len(names), squeeze=False, sharey="row" if lines else "none"
        )
        for channel in range(n_channels):
            norm, cmap = scale(evidence, channel)
            for ax, name in zip(axes[channel], names, strict=True):
                field = evidence.examples[name][0, channel]
                if lines:
                    ax.plot(field, color=colours.of_sets(names)[name], linewidth=0.5)
                else:
                    image = ax.imshow(plane(field), norm=norm, cmap=cmap, interpolation="nearest")
                    ax.set_xticks([])
                    ax.set_yticks([])
                    ax.spines[:].set_visible(False)
                if channel == 0:
                    ax.set_title(label(name))
            if n_channels > 1:
                axes[channel, 0].set_ylabel(evidence.frame.channels[channel])
            if not lines:
                bar = figure.colorbar(image, ax=list(axes[channel]), fraction=0.02, pad=0.01)
                bar.outline.set_visible(False)
                bar.set_label("" if units in PURE else units)
    return figure
