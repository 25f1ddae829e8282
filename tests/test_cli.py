"""The contract of the command line: exit codes, streams, JSON keys, names of the outputs.

What the commands call is replaced by small fakes, so that each code and stream can be provoked.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner, Result

import cli
import synth
from synth.errors import InputError

OUTCOME = {
    "status": "converged",
    "steps": 41,
    "loss": 1e-4,
    "mismatch_rms": 2e-3,
    "mismatch_max": 1e-2,
    "mismatch_sigma": float("nan"),
}
STATISTIC = {
    "name": "spectrum",
    "matched": True,
    "value": 0.1,
    "p": None,
    "ratio": 1.02,
    "spread": 0.9,
    "skill": 0.98,
    "verdict": "close",
}


class Card:
    verdict = "close"
    names: tuple[str, ...] = ("synthetic",)

    def to_dict(self, report: str) -> dict:
        entry = {
            "verdict": self.verdict,
            "sentence": "A shift of 1 sd would have shown.",
            "statistics": [STATISTIC],
            "memorisation": {},
            "diversity": {},
        }
        sets = [{**entry, "verdict": "close", "name": name} for name in self.names]
        sets[-1]["verdict"] = self.verdict
        return {**entry, "comparisons": sets, "report": report}

    def write(self, directory: Path, overwrite: bool = False) -> Path:
        Path(directory).mkdir(exist_ok=overwrite)
        return Path(directory) / "report.html"


class Fakes:
    """Stand-ins for the functions of `synth` that record their calls and write real files."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, dict]] = []
        self.outcomes = [OUTCOME, OUTCOME]
        self.provenance: dict[str, object] = {}
        self.card = Card()
        self.error: BaseException | None = None
        self.field = SimpleNamespace(
            n_samples=2, n_channels=1, n_pixels=64, shape=(8, 8), boundary="periodic",
            source="field.h5:/x", layout="Dimension scales name the axes.",
        )  # fmt: skip

    def record(self, name: str, **options: object) -> None:
        self.calls.append((name, options))
        if self.error is not None and name in ("fit", "sample", "compare"):
            raise self.error

    def read(self, path: str, **options: object) -> SimpleNamespace:
        self.record("read", path=str(path), **options)
        return self.field

    def read_synthetic(self, path: str, like: object) -> SimpleNamespace:
        return self.read(path)

    def fit(self, field: object, **options: object) -> SimpleNamespace:
        self.record("fit", **options)
        return SimpleNamespace(family="wph", n_moments=3105)

    def sample(self, model: object, **options: object) -> SimpleNamespace:
        self.record("sample", **options)
        return SimpleNamespace(field=self.field, outcomes=self.outcomes, provenance=self.provenance)

    def compare(self, real: object, synthetic: list, **options: object) -> Card:
        self.record("compare", **options)
        self.card.names = options["names"] or ("synthetic",)  # type: ignore[assignment]
        assert len(self.card.names) == len(synthetic)
        return self.card

    def merge(self, models: list) -> SimpleNamespace:
        self.record("merge", models=models)
        return SimpleNamespace(family="wph", n_moments=3105)

    def measure(self, field: object, **options: object) -> SimpleNamespace:
        self.record("measure", **options)
        values = SimpleNamespace(shape=(2, 1730))
        write = lambda path, overwrite, draw: self.write(path, None, overwrite)  # noqa: E731
        return SimpleNamespace(family="wph", values=values, write=write)

    def inspect(self, path: str) -> dict:
        self.record("inspect", path=path)
        return {"kind": "field", "channels": ["u", "v"], "statistics": {"mean": 1.5}}

    def read_model(self, path: str) -> str:
        self.record("read_model", path=str(path))
        return f"model {path}"

    def write(self, path: Path, content: object, overwrite: bool = False, **_: object) -> None:
        self.record("write", path=path)
        Path(path).write_text("written")

    def options(self, name: str) -> dict:
        return next(options for called, options in self.calls if called == name)


@pytest.fixture
def fakes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Fakes:
    fakes = Fakes()
    names = ("fit", "measure", "sample", "compare", "merge", "inspect")
    for name in ("read", "read_model", "read_synthetic", *names):
        monkeypatch.setitem(vars(synth), name, getattr(fakes, name))
    for name in ("write_model", "write_samples"):
        monkeypatch.setitem(vars(synth), name, fakes.write)
    monkeypatch.chdir(tmp_path)
    return fakes


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli.main, arguments)


COMMANDS = {
    "fit": (["fit", "field.h5"], {"model", "moments", "pixels", "fields", "file"}),
    "sample": (["sample", "field.model.h5"], {"file", "n", "seed", "seconds", "samples"}),
    "compare": (
        ["compare", "field.h5", "field.samples.h5"],
        {"verdict", "statistics", "memorisation", "diversity", "report"},
    ),
    "inspect": (["inspect", "field.h5"], {"kind", "channels", "statistics"}),
    "merge": (["merge", "a.h5", "b.h5", "-o", "m.h5"], {"model", "moments", "file"}),
    "moments": (["moments", "field.h5"], {"model", "moments", "pixels", "fields", "file"}),
    "demo": (["demo"], {"fit", "sample", "compare"}),
}


@pytest.mark.parametrize(("arguments", "keys"), COMMANDS.values(), ids=COMMANDS)
def test_json_is_one_object_with_the_documented_keys(
    fakes: Fakes, arguments: list[str], keys: set[str]
) -> None:
    result = run(*arguments, "--json")
    assert result.exit_code == 0, result.stderr
    assert keys <= set(json.loads(result.stdout))
    assert result.stderr == ""


@pytest.mark.parametrize(("arguments", "_"), COMMANDS.values(), ids=COMMANDS)
def test_results_go_to_stdout_only(fakes: Fakes, arguments: list[str], _: set[str]) -> None:
    result = run(*arguments)
    assert result.exit_code == 0, result.stderr
    assert result.stdout.strip()
    assert result.stderr == ""


def test_json_has_null_where_there_is_no_number(fakes: Fakes) -> None:
    samples = json.loads(run("sample", "field.model.h5", "--json").stdout)["samples"]
    assert samples[0]["mismatch_sigma"] is None
    assert set(samples[0]) == set(OUTCOME)


@pytest.mark.parametrize(
    ("arguments", "output"),
    [
        (["fit", "data/field.h5"], "data/field.model.h5"),
        (["fit", "data/field.npy"], "data/field.model.h5"),
        (["fit", "data/field.h5:/group/x"], "data/field.model.h5"),
        (["sample", "data/field.model.h5"], "data/field.samples.h5"),
        (["compare", "other.h5", "data/field.samples.h5"], "data/field.report"),
        (["compare", "data/real.h5", "a.samples.h5", "b.samples.h5"], "data/real.report"),
        (["fit", "data/field.h5", "-o", "m.h5"], "m.h5"),
    ],
)
def test_outputs_are_named_after_the_input(fakes: Fakes, arguments: list[str], output: str) -> None:
    Path("data").mkdir()
    assert run(*arguments).exit_code == 0
    assert Path(output).exists()
    assert not Path("data/field.samples.checkpoint").exists()


@pytest.mark.parametrize(
    ("arguments", "output"),
    [
        (["fit", "field.h5"], "field.model.h5"),
        (["sample", "field.model.h5"], "field.samples.h5"),
        (["sample", "field.model.h5"], "field.samples.checkpoint/state.npz"),
        (["compare", "field.h5", "field.samples.h5"], "field.report"),
        (["merge", "a.h5", "-o", "m.h5"], "m.h5"),
        (["demo"], "demo/samples.h5"),
    ],
)
def test_an_existing_output_is_refused_before_any_work(
    fakes: Fakes, arguments: list[str], output: str
) -> None:
    Path(output).parent.mkdir(exist_ok=True)
    Path(output).mkdir() if output.endswith("report") else Path(output).write_text("precious")
    refused = run(*arguments)
    assert refused.exit_code == 2
    assert output.removesuffix("/state.npz") in refused.stderr and "--overwrite" in refused.stderr
    assert fakes.calls == []
    assert run(*arguments, "--overwrite").exit_code == 0


@pytest.mark.parametrize(
    "arguments",
    [
        ["fit", "field.h5", "-o", "field.h5", "--overwrite"],
        ["fit", "field.h5", "-o", "absent/field.model.h5"],
        ["merge", "a.h5"],
        ["sample", "field.model.h5", "--size", "256*256"],
        ["sample", "field.model.h5", "--batch", "0"],
        ["sample", "field.model.h5", "-n", "0"],
        ["fit", "field.h5", "--transform", "sqrt"],
        ["fit", "field.h5", "--like", "other.model.h5", "--scales", "4"],
        ["compare", "field.h5"],
        ["compare", "field.h5", "a.h5", "b.h5", "--names", "a"],
        ["compare", "field.h5", "a.h5", "b.h5", "--names", "a,a"],
        ["compare", "field.h5", "a.h5", "b.h5", "--names", "a,"],
        ["compare", "field.h5", "a.h5", "./a.h5", "--names", "a,b"],
        ["compare", "field.h5", "one/a.samples.h5", "two/a.samples.h5"],
        ["compare", "field.h5", "a.h5", "b.h5", "--model", "m.h5"],
        ["unknown"],
    ],
)
def test_wrong_usage_is_exit_2_before_any_work(fakes: Fakes, arguments: list[str]) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert result.stdout == "" and result.stderr.strip()
    assert fakes.calls == []


class OutOfMemoryError(RuntimeError):
    """Named like the exception that torch raises on a GPU."""


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (InputError("field.h5 holds NaN at 3 places; give --mask."), 3, "holds NaN"),
        (MemoryError(), 5, "--batch"),
        (OutOfMemoryError("CUDA out of memory"), 5, "--batch"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: 8 bytes"), 5, "--batch"),
        (KeyboardInterrupt(), 130, "nothing was written"),
        (ZeroDivisionError("division by zero"), 1, "ZeroDivisionError: division by zero"),
    ],
)
@pytest.mark.parametrize("name", ["fit", "sample", "compare"])
def test_an_error_is_one_sentence_and_its_exit_code(
    fakes: Fakes, name: str, error: BaseException, code: int, words: str
) -> None:
    fakes.error = error
    result = run(*COMMANDS[name][0], "--json")
    assert result.exit_code == code
    assert result.stdout == ""
    assert words in result.stderr and len(result.stderr.splitlines()) == 1
    assert "write" not in dict(fakes.calls)
    assert "Traceback" in run(*COMMANDS[name][0], "-v").stderr


def test_fields_that_did_not_converge_are_written_and_named(fakes: Fakes) -> None:
    fakes.outcomes = [OUTCOME, {**OUTCOME, "status": "max_steps"}]
    result = run("sample", "field.model.h5", "-n", "2")
    assert result.exit_code == 4
    assert Path("field.samples.h5").exists()
    assert "1 of 2 fields did not converge (1 max_steps): 1" in result.stderr
    assert "--steps" in result.stderr
    assert run("sample", "field.model.h5", "--overwrite", "-q").stderr == ""


def test_of_fields_that_matched_together_the_mismatch_of_the_mean_is_told(fakes: Fakes) -> None:
    assert "mean of all fields" not in run("sample", "field.model.h5").stdout
    fakes.provenance = {"mean_mismatch_sigma": 0.0987}
    arguments = ["sample", "field.model.h5", "--target", "ensemble", "--overwrite"]
    assert "mean of all fields: 0.0987 sigma from the target" in run(*arguments).stdout
    assert fakes.calls[-2][1]["target"] == "ensemble"
    assert json.loads(run(*arguments, "--json").stdout)["mean_mismatch_sigma"] == 0.0987


@pytest.mark.parametrize(("verdict", "code"), [("close", 0), ("different", 6)])
def test_fail_on_names_the_verdict_that_fails(fakes: Fakes, verdict: str, code: int) -> None:
    fakes.card.verdict = verdict
    result = run("compare", "field.h5", "field.samples.h5", "--fail-on", "different")
    assert result.exit_code == code
    assert Path("field.report").is_dir()
    assert f"{verdict}: A shift" in result.stdout


def test_several_sets_are_named_after_their_files_and_any_of_them_can_fail(fakes: Fakes) -> None:
    fakes.card.verdict = "different"
    files = ["a.samples.h5", "sub/b.h5:/x"]
    result = run("compare", "field.h5", *files, "--fail-on", "different")
    assert result.exit_code == 6
    assert fakes.options("compare")["names"] == ("a", "b")
    assert "a is close: A shift" in result.stdout and "b is different: A shift" in result.stdout
    assert result.stdout.splitlines()[1].split() == ["spectrum", "1.02", "close*", "1.02", "close*"]
    fakes.calls.clear()
    models = ["-m", "m.model.h5", "-m", "n.model.h5"]
    assert run("compare", "f.h5", *files, "--names", "x,y", *models).exit_code == 0
    assert fakes.options("compare")["names"] == ("x", "y")
    assert fakes.options("compare")["model"] == ["model m.model.h5", "model n.model.h5"]


def test_an_interrupted_run_says_how_to_resume(
    fakes: Fakes, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(model: object, checkpoint: Path, **_: object) -> None:
        checkpoint.mkdir()
        (checkpoint / "state.npz").write_text("state")
        raise KeyboardInterrupt

    monkeypatch.setattr(synth, "sample", stop)
    result = run("sample", "field.model.h5")
    assert result.exit_code == 130
    assert "--resume" in result.stderr and "field.samples.checkpoint" in result.stderr
    monkeypatch.setattr(synth, "sample", fakes.sample)
    assert run("sample", "field.model.h5").exit_code == 2
    assert run("sample", "field.model.h5", "--resume").exit_code == 0
    assert not Path("field.samples.checkpoint").exists()


def test_options_reach_the_functions(fakes: Fakes) -> None:
    run("fit", "field.h5", "-d", "x", "--dims", "sample,y,x", "--scales", "5", "--boundary", "open")
    assert fakes.options("read")["dims"] == ("sample", "y", "x")
    assert fakes.options("read")["dataset"] == "x"
    assert fakes.options("read")["boundary"] == "open"
    assert fakes.options("fit")["scales"] == 5
    run("sample", "field.model.h5", "--size", "128x96", "--batch", "4", "--seed", "7", "-n", "3")
    options = fakes.options("sample")
    assert (options["size"], options["batch"]) == ((128, 96), 4)
    assert (options["seed"], options["n"]) == (7, 3)
    run("compare", "field.h5", "field.samples.h5", "--model", "field.model.h5")
    assert fakes.options("compare")["model"] == ["model field.model.h5"]
    assert fakes.options("compare")["names"] is None


def test_verbose_says_how_the_layout_was_recognised(fakes: Fakes) -> None:
    assert "Dimension scales name the axes." in run("fit", "field.h5", "-v").stderr


def test_warnings_are_sentences_on_stderr(fakes: Fakes, monkeypatch: pytest.MonkeyPatch) -> None:
    import warnings

    def fit(*_: object, **__: object) -> SimpleNamespace:
        warnings.warn("moments are 12% of the pixels", stacklevel=2)
        warnings.warn("of a library", stacklevel=1)
        return SimpleNamespace(family="wph", n_moments=3105)

    monkeypatch.setattr(synth, "fit", fit)
    assert run("fit", "field.h5").stderr == "Warning: moments are 12% of the pixels\n"
    assert run("fit", "field.h5", "--overwrite", "-q").stderr == ""


def test_demo_prints_the_commands_it_stands_for(fakes: Fakes) -> None:
    result = run("demo", "-o", "tour")
    commands = [line for line in result.stdout.splitlines() if line.startswith("$ synth ")]
    assert [line.split()[2] for line in commands] == ["fit", "sample", "compare"]
    assert sorted(path.name for path in Path("tour").iterdir()) == [
        "model.h5",
        "report",
        "samples.h5",
    ]
    Path("tour").rename("before")
    Path("tour").mkdir()
    for line in commands:
        assert run(*line.split()[2:]).exit_code == 0


def test_progress_redraws_a_line_on_a_terminal_only(
    capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert cli.Console(False, False, False).progress is None
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    assert cli.Console(False, False, quiet=True).progress is None
    progress = cli.Console(False, False, False).progress
    assert progress is not None
    progress({"done": 2, "n": 8, "scale": 3, "iteration": 120, "mismatch_median": 0.2,
              "mismatch_worst": 1.5, "seconds_left": 75.0})  # fmt: skip
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.endswith(
        "[#####...............] 2/8  scale 3  iteration 120  mismatch 0.2 (worst 1.5)  1:15 left"
    )


def test_verbose_tells_of_each_field_even_without_a_terminal(capsys: pytest.CaptureFixture) -> None:
    progress = cli.Console(False, True, False).progress
    assert progress is not None
    progress({"done": 2, "n": 8, "scale": 3, "iteration": 120})
    outcome = {"status": "converged", "steps": 31, "mismatch_sigma": 0.098}
    progress({"done": 3, "n": 8, "finished": {5: outcome}})
    assert capsys.readouterr().err == "field 5: converged after 31 steps, mismatch 0.098 sigma\n"


def test_help_takes_less_than_half_a_second() -> None:
    command = [sys.executable, "-c", "import cli; cli.main()", "--help"]
    times = []
    for _ in range(3):
        start = time.perf_counter()
        shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        times.append(time.perf_counter() - start)
    assert all(name in shown for name in COMMANDS)
    assert min(times) < 0.5


def test_sigterm_is_an_interruption(tmp_path: Path) -> None:
    script = (
        "import cli, synth, os, signal\n"
        "synth.inspect = lambda path: os.kill(os.getpid(), signal.SIGTERM)\n"
        "cli.main(['inspect', 'field.h5'])"
    )
    ended = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stdout) == (130, "")
    assert "Interrupted" in ended.stderr


def test_a_reader_that_leaves_is_no_error() -> None:
    script = (
        "import cli, synth\n"
        "synth.inspect = lambda path: {str(i): i for i in range(10**5)}\n"
        "cli.main(['inspect', 'field.h5'])"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None and process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == ""
