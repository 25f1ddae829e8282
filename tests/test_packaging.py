"""What the wheel installs, and the rules on how its modules may depend on each other."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from conftest import ROOT

PACKAGES = ("moments", "solvers", "synth")
SOURCES = [
    ROOT / "cli.py",
    *sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py")),
]
LONGEST_MODULE = 300


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def imports(path: Path) -> set[str]:
    """The top-level packages that a module imports, anywhere in its code."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            if node.level:
                found.add(path.relative_to(ROOT).parts[0])
            elif node.module:
                found.add(node.module.split(".")[0])
    return found


def speaks(path: Path) -> bool:
    """Whether a module writes to the terminal."""
    calls = (n.func for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.Call))
    return any(
        (isinstance(call, ast.Name) and call.id == "print")
        or ast.unparse(call)
        in {"click.echo", "click.secho", "sys.stdout.write", "sys.stderr.write"}
        for call in calls
    )


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """A wheel built from a copy, so that the checkout stays clean."""
    copy = tmp_path_factory.mktemp("source")
    for item in (*PACKAGES, "samples"):
        shutil.copytree(ROOT / item, copy / item, ignore=shutil.ignore_patterns("__pycache__"))
    for item in ("cli.py", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / item, copy)
    build = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation"]
    subprocess.run([*build, "-w", copy / "dist", copy], check=True)
    (built,) = (copy / "dist").iterdir()
    return zipfile.ZipFile(built)


def test_the_wheel_installs_the_modules_and_nothing_else(wheel: zipfile.ZipFile) -> None:
    files = {f for f in wheel.namelist() if not f.startswith("synthfield-0.1.0.dist-info/")}
    scripts = {f"synth/{name(path)}" for path in (ROOT / "samples").glob("*.py")}
    data = {f for f in files if not f.endswith(".py")}
    assert files - data == {name(path) for path in SOURCES} | scripts
    templates = (p for p in (ROOT / "synth").rglob("*") if p.suffix in {".html", ".css"})
    assert data == {name(path) for path in templates} | {"synth/samples/vorticity_2d.h5"}


def test_the_wheel_installs_the_command(wheel: zipfile.ZipFile) -> None:
    entry_points = wheel.read("synthfield-0.1.0.dist-info/entry_points.txt").decode()
    assert entry_points.split() == ["[console_scripts]", "synth", "=", "cli:main"]


def test_dependencies_point_one_way() -> None:
    allowed = {"moments": set(), "solvers": set(), "synth": {"moments", "solvers"}}
    for package in PACKAGES:
        forbidden = {"cli", *PACKAGES} - {package} - allowed[package]
        for path in (ROOT / package).rglob("*.py"):
            assert not imports(path) & forbidden, name(path)


#: The rooms of `synth`, in the order in which a field passes through them.
ROOMS = ("files", "estimation", "synthesis", "evaluation")


def rooms(path: Path) -> set[str]:
    """The rooms of `synth` that a module imports from."""
    modules = [n for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.ImportFrom)]
    parts = [(node.module or "").split(".") for node in modules]
    return {part[1] for part in parts if part[0] == "synth" and len(part) > 1} & {*ROOMS}


@pytest.mark.parametrize("number", range(len(ROOMS)), ids=ROOMS)
def test_a_room_of_synth_knows_no_later_one(number: int) -> None:
    for path in (ROOT / "synth" / ROOMS[number]).rglob("*.py"):
        assert not rooms(path) & {*ROOMS[number + 1 :]}, name(path)


def test_one_module_opens_hdf5() -> None:
    assert [name(path) for path in SOURCES if "h5py" in imports(path)] == ["synth/files/hdf5.py"]


def test_only_the_command_line_prints() -> None:
    assert [name(path) for path in SOURCES if speaks(path)] == ["cli.py"]


def test_starting_up_imports_nothing_heavy() -> None:
    heavy = {"torch", "matplotlib", "h5py", "scipy", "numpy", "jinja2"}
    script = f"import sys, cli, synth; print(*({heavy} & set(sys.modules)))"
    shown = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    assert shown.stdout.split() == []


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_a_module_is_short_enough_to_hold_one_idea(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= LONGEST_MODULE


def test_every_import_is_a_declared_dependency() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    declared = {requirement.split(">=")[0] for requirement in project["dependencies"]}
    imported = set().union(*map(imports, SOURCES)) - {*sys.stdlib_module_names, *PACKAGES, "cli"}
    assert {{"PIL": "pillow"}.get(package, package) for package in imported} == declared


def test_the_top_level_holds_what_belongs_there():
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
    if tracked.returncode:
        pytest.skip("not a checkout")
    assert {path.split("/")[0] for path in tracked.stdout.splitlines()} == {
        *(".ci", ".gitignore", "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "Makefile"),
        *("README.md", "benchmarks", "cli.py", "docs", "moments", "pyproject.toml", "samples"),
        *("solvers", "synth", "tests"),
    }
