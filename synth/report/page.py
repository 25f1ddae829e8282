"""report.html from a card: everything embedded, nothing fetched from elsewhere."""

from __future__ import annotations

import math
from importlib import resources
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from matplotlib.figure import Figure

from synth.evaluation.card import Card
from synth.report.figures import LABELS, inline_svg, panel_svgs, statistic_figure
from synth.report.images import fields_figure, thumbnails

FORMATS: dict[str, dict[str, Any]] = {"png": {"dpi": 150}, "pdf": {}}


def write_page(card: Card, directory: Path) -> Path:
    """Write report.html and figures/*.png, *.pdf into an existing folder; return the page."""
    folder = directory / "figures"
    folder.mkdir()
    fields = fields_figure(card.evidence, card.real["units"])
    _save(fields, folder / "fields")
    drawings = {}
    for statistic in card.evidence.statistics:
        _save(statistic_figure(statistic, card.evidence), folder / statistic.name)
        drawings[statistic.name] = panel_svgs(statistic, card.evidence)
    page = directory / "report.html"
    page.write_text(render(card, drawings, fields), encoding="utf-8")
    return page


def render(card: Card, drawings: dict[str, list[str]], fields: Figure) -> str:
    """The HTML of the page."""
    environment = Environment(
        loader=PackageLoader("synth.report", "."),
        autoescape=select_autoescape(),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(number=number, significant=significant)
    flat = card.evidence.frame.ndim > 1
    return environment.get_template("report.html").render(
        card=card,
        style=resources.files("synth.report").joinpath("style.css").read_text(encoding="utf-8"),
        drawings=drawings,
        images=thumbnails(card.evidence) if flat else {},
        lines="" if flat else inline_svg(fields, "fields", list(card.evidence.curves)),
        labels={n: LABELS.get(n, n) for n in card.evidence.examples},
    )


def number(value: float | None, digits: int = 2) -> str:
    """A number with so many decimals, few digits of a huge one, a dash for none."""
    if value is None or not math.isfinite(value):
        return "–"
    if abs(value) >= 1e4:
        return significant(value)
    return f"{round(value, digits) + 0.0:.{digits}f}".replace("-", "−")


def significant(value: float | None) -> str:
    """A number with three significant digits, a dash for none."""
    if value is None or not math.isfinite(value):
        return "–"
    return f"{value:.3g}".replace("-", "−")


def _save(figure: Figure, path: Path) -> None:
    for suffix, settings in FORMATS.items():
        figure.savefig(f"{path}.{suffix}", **settings)
