"""The command line: each command is a thin call of the function of `synth` it is named after.

Results go to stdout, everything else to stderr. Exit codes: 0 done, 1 unexpected, 2 usage,
3 bad or ambiguous input, 4 written but not converged, 5 out of memory, 6 `compare` found what
`--fail-on` names, 130 interrupted.
"""

from __future__ import annotations

import functools
import shlex
import signal
import sys
import time
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

import synth
from synth import formatting, options, paths
from synth.errors import UsageError

NOT_CONVERGED, FOUND = 4, 6
Command = Callable[..., tuple[dict, int]]


class Console:
    """Where a command speaks: results on stdout, notes and progress on stderr."""

    def __init__(self, as_json: bool, verbose: bool, quiet: bool) -> None:
        self.as_json, self.verbose, self.quiet = as_json, verbose, quiet
        self.live = sys.stderr.isatty() and not quiet

    def result(self, text: str) -> None:
        if not self.as_json:
            self.clear()
            click.echo(text)

    def note(self, text: str) -> None:
        if not self.quiet:
            self.clear()
            click.echo(text, err=True)

    def detail(self, text: str) -> None:
        if self.verbose:
            self.note(text)

    def warning(self, message: Warning | str, *_: object, **__: object) -> None:
        self.note(f"Warning: {message}")

    @property
    def progress(self) -> Callable[[dict], None] | None:
        """A callback that redraws one line on a terminal, and with -v tells of each field made."""
        return self._watch if self.live or (self.verbose and not self.quiet) else None

    def _watch(self, state: dict) -> None:
        for number, outcome in state.get("finished", {}).items():
            self.detail(formatting.sample_line(number, outcome))
        if self.live:
            click.echo(f"\r\x1b[K{formatting.progress_line(state)}", err=True, nl=False)

    def clear(self) -> None:
        if self.live:
            click.echo("\r\x1b[K", err=True, nl=False)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="synthfield", prog_name="synth")
def main() -> None:
    """Fit a moment model to a field, draw new fields from it, compare them with the real one.

    \b
        synth fit field.h5                        writes field.model.h5
        synth sample field.model.h5 -n 16         writes field.samples.h5
        synth compare field.h5 field.samples.h5   writes field.report/
    """
    # A batch system ends a job with SIGTERM: let it unwind like ctrl-C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)


def command(function: Command) -> Command:
    """Make `function(console, ...) -> (JSON object, exit code)` a command of its name."""

    @functools.wraps(function)
    def run(as_json: bool, verbose: bool, quiet: bool, **settings: Any) -> None:
        console = Console(as_json, verbose, quiet)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what libraries say to developers
            warnings.filterwarnings("always", category=UserWarning, module=r"(cli|synth)\b")
            warnings.showwarning = console.warning
            try:
                result, code = function(console, **settings)
            except BrokenPipeError:
                raise  # click ends quietly when nobody reads on
            except (Exception, KeyboardInterrupt) as error:
                code, sentence = formatting.explain(error)
                console.detail(traceback.format_exc())
                console.clear()
                click.echo(f"Error: {sentence}", err=True)
            else:
                console.clear()
                if as_json:
                    click.echo(formatting.as_json(result))
        sys.exit(code)

    main.command()(run)
    return function


def _read(console: Console, path: str, **asked: Any) -> Any:
    field = synth.read(path, **asked)
    console.detail(formatting.field_line(field))
    return field


def _read_to_measure(console: Console, path: str, settings: dict) -> tuple[Any, dict]:
    """The field, and how its moments are asked for: by settings, or like those of a model."""
    asked = {name: settings.pop(name, None) for name in options.READING}
    like, device = settings.pop("like", None), settings.pop("device", "auto")
    given = {name: value for name, value in settings.items() if value is not None}
    if like and given:
        dropped = ", --".join(given).replace("_", "-")
        raise UsageError(f"--like takes the settings of {like}; drop --{dropped}.")
    given |= {"like": like and synth.read_model(like), "device": device}
    return _read(console, path, **asked), {**given, "progress": console.progress}


@command
@click.argument("field")
@options.measuring
@options.threshold
@options.writing
@options.speaking
def fit(
    console: Console,
    field: str,
    output: Path | None,
    overwrite: bool,
    threshold: float | None = None,
    **settings: Any,
) -> tuple[dict, int]:
    """Measure the moments of FIELD, an HDF5 or .npy file."""
    path = paths.output_path(output, field, ".model.h5", overwrite)
    data, given = _read_to_measure(console, field, settings)
    model = synth.fit(data, threshold=threshold, **given)
    synth.write_model(path, model, overwrite=overwrite)
    result = {"model": model.family, **formatting.counts(model.n_moments, data), "file": path}
    if threshold is not None:
        result["dropped"] = model.provenance["dropped"]
    console.result(formatting.fit_line(result))
    return result, 0


@command
@click.argument("field")
@options.measuring
@click.option("--figure", "draw", is_flag=True, help="Draw them too, in a PNG beside the output.")
@options.writing
@options.speaking
def moments(
    console: Console, field: str, output: Path | None, overwrite: bool, draw: bool, **settings: Any
) -> tuple[dict, int]:
    """Write the labelled moments of each realization of FIELD, as features."""
    path = paths.output_path(output, field, ".moments.h5", overwrite)
    data, given = _read_to_measure(console, field, settings)
    measured = synth.measure(data, **given)
    measured.write(path, overwrite=overwrite, draw=draw)
    counts = formatting.counts(measured.values.shape[1], data)
    result = {"model": measured.family, **counts, "file": path}
    result |= {"figure": path.with_suffix(".png")} if draw else {}
    console.result(formatting.fit_line(result))
    return result, 0


@command
@click.argument("model")
@options.drawing
@options.writing
@options.speaking
def sample(
    console: Console,
    model: str,
    output: Path | None = None,
    overwrite: bool = False,
    resume: bool = False,
    xdmf: bool = False,
    seed: int = 0,
    **settings: Any,
) -> tuple[dict, int]:
    """Draw new fields from MODEL."""
    path = paths.samples_path(output, model, overwrite, xdmf)
    checkpoint = paths.checkpoint_path(path, resume, overwrite)
    start = time.perf_counter()
    try:
        ensemble = synth.sample(
            synth.read_model(model),
            seed=seed,
            progress=console.progress,
            checkpoint=checkpoint,
            **settings,
        )
    except KeyboardInterrupt:
        raise paths.interruption(checkpoint) from None
    ensemble.provenance["command"] = shlex.join(["synth", *sys.argv[1:]])
    synth.write_samples(path, ensemble, overwrite=overwrite, xdmf=xdmf)
    paths.discard(checkpoint)
    seconds = round(time.perf_counter() - start, 3)
    counts = {"n": ensemble.field.n_samples, "seed": seed, "seconds": seconds}
    result = {"file": path, **counts, "samples": ensemble.outcomes}
    if "mean_mismatch_sigma" in ensemble.provenance:
        result["mean_mismatch_sigma"] = ensemble.provenance["mean_mismatch_sigma"]
    console.result(formatting.sample_table(result))
    unfinished = formatting.not_converged(ensemble.outcomes)
    if unfinished:
        console.note(unfinished)
    return result, NOT_CONVERGED if unfinished else 0


@command
@click.argument("real")
@click.argument("synthetic", nargs=-1, required=True)
@options.judging
@options.writing
@options.speaking
def compare(
    console: Console,
    real: str,
    synthetic: tuple[str, ...],
    names: tuple[str, ...] | None = None,
    model: tuple[str, ...] = (),
    output: Path | None = None,
    overwrite: bool = False,
    fail_on: tuple[str, ...] = (),
    **settings: Any,
) -> tuple[dict, int]:
    """Judge if SYNTHETIC, one file or several, could come from the process behind REAL."""
    titles = paths.set_names(synthetic, names, model)
    path = paths.report_path(output, real, synthetic, overwrite)
    field = _read(console, real, **settings)
    card = synth.compare(
        field,
        [synth.read_synthetic(file, like=field) for file in synthetic],
        model=[synth.read_model(file) for file in model] or None,
        names=titles,
        progress=console.progress,
    )
    result = card.to_dict(report=str(card.write(path, overwrite=overwrite)))
    console.result(formatting.card_table(result))
    return result, FOUND if any(c["verdict"] in fail_on for c in result["comparisons"]) else 0


@command
@click.argument("file")
@options.speaking
def inspect(console: Console, file: str) -> tuple[dict, int]:
    """Say what FILE holds and how it was understood."""
    result = synth.inspect(file)
    console.result(formatting.inspection(result))
    return result, 0


@command
@click.argument("models", nargs=-1, required=True)
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True)
@options.overwrite
@options.speaking
def merge(
    console: Console, models: tuple[str, ...], output: Path, overwrite: bool
) -> tuple[dict, int]:
    """Pool MODELS that were fitted alike to different fields."""
    path = paths.output_path(output, models[0], "", overwrite)
    model = synth.merge([synth.read_model(name) for name in models])
    synth.write_model(path, model, overwrite=overwrite)
    result = {"model": model.family, "moments": model.n_moments, "file": path}
    console.result(formatting.merge_line(result, len(models)))
    return result, 0


@command
@click.option("-o", "--output", type=click.Path(path_type=Path), default=Path("demo"))
@click.option("-n", type=click.IntRange(1), default=8, help="Number of fields.", show_default=True)
@options.overwrite
@options.speaking
def demo(console: Console, output: Path, n: int, overwrite: bool) -> tuple[dict, int]:
    """Fit, sample and compare the turbulence in the package."""
    field = str(paths.demo_field())
    model, samples, report = paths.demo_outputs(output, field, overwrite)
    console.result(f"$ synth fit {field} -o {model}")
    fitted, _ = fit(console, field, model, overwrite)
    console.result(f"\n$ synth sample {model} -n {n} -o {samples}")
    sampled, code = sample(console, str(model), samples, overwrite, n=n)
    console.result(f"\n$ synth compare {field} {samples} --model {model} -o {report}")
    compared, _ = compare(console, field, (str(samples),), None, (str(model),), report, overwrite)
    return {"fit": fitted, "sample": sampled, "compare": compared}, code
