"""What the commands say on a terminal, as strings; nothing here prints."""

from __future__ import annotations

import json
import math
import textwrap
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from synth.errors import SynthError

if TYPE_CHECKING:
    from synth.field import Field

BAR_WIDTH = 20
MEMORY_REMEDY = (
    "Out of memory: sample with a smaller --batch or --size, "
    "fit with fewer --scales or --angles, or use a device with more memory."
)


def explain(error: BaseException) -> tuple[int, str]:
    """The exit code and the one sentence that an exception deserves."""
    if isinstance(error, SynthError):
        return error.exit_code, str(error)
    if isinstance(error, KeyboardInterrupt):
        return 130, str(error) or "Interrupted; nothing was written."
    # torch raises its own OutOfMemoryError on a GPU and a bare RuntimeError on a CPU.
    exhausted = isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError"
    if exhausted or "can't allocate memory" in str(error):
        return 5, MEMORY_REMEDY
    return 1, f"{type(error).__name__}: {error} (-v shows where)"


def as_json(value: Any) -> str:
    """One JSON document; numbers that JSON lacks (nan, inf) become null."""
    return json.dumps(_plain(value), indent=2, allow_nan=False)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if hasattr(value, "tolist"):  # numpy arrays and scalars
        return _plain(value.tolist())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, bool | int | str) else str(value)


def _plural(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def _number(value: float | None) -> str:
    """Three significant digits, or a dash where there is no number."""
    return "-" if value is None or not math.isfinite(value) else f"{value:.3g}"


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns two spaces apart; the first aligned left, the others right."""
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    lines = []
    for row in (header, *rows):
        first, *rest = (
            cell.ljust(width) if i == 0 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        lines.append("  ".join([first, *rest]).rstrip())
    return "\n".join(lines)


def field_line(field: Field) -> str:
    """One sentence on the field that was read and how its layout was recognised."""
    size = "x".join(map(str, field.shape))
    return (
        f"Read {_plural(field.n_samples, 'field')} of {size}, "
        f"{_plural(field.n_channels, 'channel')}, boundary {field.boundary}, "
        f"from {field.source}. {field.layout}"
    ).rstrip()


def counts(moments: int, field: Field) -> dict[str, Any]:
    """Numbers of moments, pixels and fields, and M / d, the moments a value."""
    share = round(moments / (field.n_pixels * field.n_channels), 4)
    sizes = {"pixels": field.n_pixels, "fields": field.n_samples}
    return {"moments": moments, **sizes, "share": share}


def fit_line(result: Mapping[str, Any]) -> str:
    dropped = f", {result['dropped']} below the threshold" if "dropped" in result else ""
    return (
        f"{result['file']}: {_plural(result['moments'], 'moment')} ({result['model']}{dropped}) of "
        f"{_plural(result['fields'], 'field')} of {_plural(result['pixels'], 'pixel')}, "
        f"{result['share']:.1%} of the values"
    )


def merge_line(result: Mapping[str, Any], models: int) -> str:
    return (
        f"{result['file']}: {_plural(result['moments'], 'moment')} ({result['model']}), "
        f"merged from {_plural(models, 'model')}"
    )


def sample_table(result: Mapping[str, Any]) -> str:
    """One row a field, then the file and the time it took."""
    header = ("field", "status", "steps", "loss", "mismatch rms", "largest", "in sigma")
    rows = [
        (
            str(i),
            str(outcome["status"]),
            str(outcome["steps"]),
            *(_number(outcome[k]) for k in ("loss", "mismatch_rms", "mismatch_max")),
            _number(outcome["mismatch_sigma"]),
        )
        for i, outcome in enumerate(result["samples"])
    ]
    mean = ""
    if "mean_mismatch_sigma" in result:
        mean = (
            f"mean of all fields: {_number(result['mean_mismatch_sigma'])} sigma from the target\n"
        )
    return (
        f"{_table(header, rows)}\n{mean}"
        f"{result['file']}: {_plural(result['n'], 'field')}, seed {result['seed']}, "
        f"{result['seconds']:.1f} s"
    )


def sample_line(number: int, outcome: Mapping[str, Any]) -> str:
    """One finished field."""
    mismatch = _number(outcome["mismatch_sigma"])
    steps = _plural(outcome["steps"], "step")
    return f"field {number}: {outcome['status']} after {steps}, mismatch {mismatch} sigma"


def not_converged(outcomes: Sequence[Mapping[str, Any]]) -> str:
    """Which samples did not converge and what to do about it; empty when all did."""
    failed = {i: o["status"] for i, o in enumerate(outcomes) if o["status"] != "converged"}
    if not failed:
        return ""
    reasons = ", ".join(f"{n} {status}" for status, n in Counter(failed.values()).items())
    which = ", ".join(map(str, failed))
    return (
        f"{len(failed)} of {_plural(len(outcomes), 'field')} did not converge ({reasons}): "
        f"{which}. Raise --steps, or fit with fewer --scales."
    )


def card_table(result: Mapping[str, Any]) -> str:
    """One row a statistic, then for each set its verdict and a sentence, and the report."""
    sets = result["comparisons"]
    table = _table(*(_scores(sets[0]) if len(sets) == 1 else _side_by_side(sets)))
    names = [""] if len(sets) == 1 else [f"{entry['name']} is " for entry in sets]
    verdicts = [
        f"{name}{entry['verdict']}: {entry['sentence']}"
        for name, entry in zip(names, sets, strict=True)
    ]
    return "\n".join([table, *verdicts, str(result["report"])])


def _scores(entry: Mapping[str, Any]) -> tuple[tuple[str, ...], list[tuple]]:
    """Header and rows: all scores of one set."""
    rows = [
        (
            s["name"] + (" (matched)" if s["matched"] else ""),
            *(_number(s[key]) for key in ("p", "ratio", "spread", "skill")),
            s["verdict"],
        )
        for s in entry["statistics"]
    ]
    return ("statistic", "p", "ratio", "spread", "skill", "verdict"), rows


def _side_by_side(sets: Sequence[Mapping[str, Any]]) -> tuple[tuple[str, ...], list[tuple]]:
    """Header and rows: ratio and verdict of each set, with a star where its model matched it."""
    rows = [
        (
            entries[0]["name"],
            *(
                f"{_number(s['ratio'])} {s['verdict']}{'*' if s['matched'] else ' '}"
                for s in entries
            ),
        )
        for entries in zip(*(entry["statistics"] for entry in sets), strict=True)
    ]
    return ("ratio (*: matched)", *(f"{entry['name']} " for entry in sets)), rows


def inspection(result: Mapping[str, Any], indent: str = "") -> str:
    """A nested mapping as indented `key: value` lines; mappings of the same keys as a table."""
    lines = []
    for key, value in result.items():
        if value in ("", None):
            continue
        if not isinstance(value, Mapping):
            lines.append(f"{indent}{key}: {_value(value)}")
        elif value and all(isinstance(row, Mapping) for row in value.values()):
            columns = list(next(iter(value.values())))
            rows = [(name, *(_value(row[c]) for c in columns)) for name, row in value.items()]
            lines.append(textwrap.indent(_table((key, *columns), rows), indent))
        else:
            lines += [f"{indent}{key}:", inspection(value, indent + "  ")]
    return "\n".join(lines)


def _value(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(map(_value, value))
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def progress_line(state: Mapping[str, Any]) -> str:
    """A bar of the samples done, the scale, the iteration, the mismatch in sigma, the time left."""
    done, n = state["done"], state["n"]
    filled = BAR_WIDTH * done // max(n, 1)
    words = [f"[{'#' * filled}{'.' * (BAR_WIDTH - filled)}] {done}/{n}"]
    if state.get("scale") is not None:
        words.append(f"scale {state['scale']}")
    if state.get("iteration") is not None:
        words.append(f"iteration {state['iteration']}")
    if state.get("mismatch_median") is not None:
        median, worst = (_number(state[f"mismatch_{k}"]) for k in ("median", "worst"))
        words.append(f"mismatch {median} (worst {worst})")
    if math.isfinite(state.get("seconds_left", math.nan)):
        minutes, seconds = divmod(round(state["seconds_left"]), 60)
        words.append(f"{minutes}:{seconds:02d} left")
    return "  ".join(words)
