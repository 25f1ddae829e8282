"""Command-line options that several commands share, and the parsing of their values."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path

import click

READING = ("dataset", "dims", "mask", "boundary")  # what `reading` adds, arguments of synth.read
Decorator = Callable[[Callable], Callable]


def _all(*options: Decorator) -> Decorator:
    """Several options as one decorator, shown by --help in the order given."""
    return lambda command: functools.reduce(lambda c, add: add(c), reversed(options), command)


def _split(separator: str, kind: type) -> Callable[..., tuple | None]:
    """A callback for a list in one word: "256x256" -> (256, 256)."""

    def parse(_: click.Context, __: click.Parameter, value: str | None) -> tuple | None:
        try:
            return None if value is None else tuple(kind(w) for w in value.split(separator))
        except ValueError:
            raise click.BadParameter(f"{value!r} is not like 256{separator}256.") from None

    return parse


def _batch(_: click.Context, __: click.Parameter, value: str) -> str | int:
    """A callback for "auto" or a positive number."""
    if value == "auto":
        return value
    if value.isdecimal() and int(value) > 0:
        return int(value)
    raise click.BadParameter(f"{value!r} is neither 'auto' nor a number of fields.")


reading = _all(
    click.option("-d", "--dataset", help="Dataset to read, where the file has several."),
    click.option("--dims", callback=_split(",", str), help="Names of the axes: sample,channel,y,x"),
    click.option("--mask", help="Dataset that is true where the field is valid."),
    click.option(
        "--boundary",
        type=click.Choice(["auto", "periodic", "open"]),
        default="auto",
        callback=lambda _, __, value: None if value == "auto" else value,
        help="Whether the field is periodic; auto: as its file says.",
    ),
)
overwrite = click.option("--overwrite", is_flag=True, help="Replace an existing output.")
writing = _all(
    click.option(
        "-o",
        "--output",
        type=click.Path(path_type=Path),
        help="Default: named after the input, beside it.",
    ),
    overwrite,
)
speaking = _all(
    click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON object."),
    click.option("-v", "--verbose", is_flag=True, help="Say more; show the traceback of an error."),
    click.option("-q", "--quiet", is_flag=True, help="Print only results and errors."),
)
device = click.option("--device", default="auto", help="auto, cpu, cuda or cuda:1")
measuring = _all(
    reading,
    click.option("--model", help="Moment family, or several, or a preset  [default: standard]"),
    click.option("--scales", type=click.IntRange(1), help="Number of dyadic scales J."),
    click.option("--angles", type=click.IntRange(1), help="Number of orientations L."),
    click.option("--isotropic", is_flag=True, default=None, help="Average moments over rotations."),
    click.option(
        "--mirror", is_flag=True, default=None, help="Average over reflections as well, in 2-D."
    ),
    click.option(
        "--scale-orders",
        type=click.IntRange(1),
        help="Orders of a cosine transform over scales (scattering-covariance).",
    ),
    click.option(
        "--transform", type=click.Choice(["none", "log", "asinh"]), help="Undone in samples."
    ),
    click.option("--like", help="Model to take these settings and the normalisation from."),
    device,
)
threshold = click.option(
    "--threshold", type=float, help="Drop correlations fewer sampling spreads than this from 0."
)
drawing = _all(
    click.option(
        "-n", type=click.IntRange(1), default=1, help="Number of fields.", show_default=True
    ),
    click.option("--size", callback=_split("x", int), help="Size of the fields: 256x256"),
    click.option("--seed", type=click.IntRange(0), default=0, show_default=True),
    click.option("--steps", type=click.IntRange(1), help="Most iterations of a field."),
    click.option("--init", type=click.Choice(["gaussian", "white"]), default="gaussian"),
    click.option(
        "--target",
        type=click.Choice(["each", "mean", "ensemble"]),
        default="each",
        show_default=True,
        help="Moments that a sample matches: of one of the fitted fields, or the mean of all; or "
        "the mean of all, by the mean over the samples.",
    ),
    click.option("--batch", callback=_batch, default="auto", help="Fields computed at once."),
    device,
    click.option("--resume", is_flag=True, help="Continue an interrupted run."),
    click.option("--xdmf", is_flag=True, help="Write an .xdmf file too, which ParaView opens."),
)
judging = _all(
    reading,
    click.option("--names", callback=_split(",", str), help="What to call each SYNTHETIC: a,b"),
    click.option(
        "-m",
        "--model",
        multiple=True,
        help="Model of the synthetic fields, to mark matched statistics; once for each SYNTHETIC.",
    ),
    click.option(
        "--fail-on",
        multiple=True,
        type=click.Choice(["different", "close", "underpowered"]),
        help="Exit with 6 on this verdict on any SYNTHETIC.",
    ),
)
