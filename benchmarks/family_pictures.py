"""One picture of what every family made of a field: small, in few colours."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

COLUMNS = 3
COLOURS = 64
#: Points of a line that are shown, and pixels a side of a picture.
POINTS, SIDE = 2048, 256


def picture(fields: Mapping[str, np.ndarray], real: np.ndarray, path: Path) -> None:
    """Write a grid of fields (channel, *space) as one PNG.

    Lines show their first points, volumes their middle plane; of several channels the first.  All
    share one range of values, the central 99.8% of the real field.
    """
    low, high = np.quantile(real[0], (0.001, 0.999))
    rows = -(-len(fields) // COLUMNS)
    line = real.ndim == 2
    size = (2.1 * COLUMNS, (0.9 if line else 2.25) * rows)
    with mpl.rc_context({"font.size": 8, "axes.titlesize": 8}):
        figure = Figure(figsize=size, layout="constrained", dpi=110)
        FigureCanvasAgg(figure)
        axes = list(figure.subplots(rows, COLUMNS, squeeze=False).flat)
        for ax in axes:
            ax.set_axis_off()
        for ax, (name, values) in zip(axes, fields.items(), strict=False):
            ax.set_title(name)
            shown = values[0]
            if line:
                ax.plot(shown[:POINTS], linewidth=0.4, color="black")
                ax.set_ylim(1.5 * low, 1.5 * high)
                continue
            plane = shown[len(shown) // 2] if shown.ndim == 3 else shown
            ax.imshow(plane[:SIDE, :SIDE], cmap="cividis", vmin=low, vmax=high)
    buffer = io.BytesIO()
    figure.savefig(buffer)
    few = Image.open(buffer).convert("RGB").quantize(COLOURS)
    few.save(path, optimize=True)
