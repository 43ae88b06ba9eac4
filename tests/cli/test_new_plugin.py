"""`bpframe new-plugin` writes distributions that fail their test in words, and pass it once the formula is in."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

import bpframe as bp
from bpframe.registry import registry
from bpframe.registry.kinds import KINDS
from bpframe.runs.config import load
from bpframe.runs.config.json_schema import config_schema
from bpframe.testing import check_distribution
from bpframe.version import VERSION
from tests.cli.commands import bad, good
from tests.cli.editor import lint
from tests.cli.formulas import completed
from tests.planted import plant

KIND_NAMES = sorted(KINDS)


@pytest.fixture
def at_hand(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder whose modules and metadata this process sees; they are forgotten afterwards."""
    place = folder / "site"
    place.mkdir()
    monkeypatch.syspath_prepend(place)
    monkeypatch.setattr(registry, "_loaded", dict(registry._loaded))
    yield place
    monkeypatch.undo()
    for name in [name for name in sys.modules if name.startswith("bpframe_new_")]:
        del sys.modules[name]
    bp.refresh()


def scaffolded(kind: str, place: Path, *, complete: bool) -> str:
    """The distribution of a kind, its metadata as an installer reads them from what was written; its name."""
    good("new-plugin", kind, f"new_{kind}")
    dist = f"bpframe-new-{kind.replace('_', '-')}"
    project = tomllib.loads((Path(dist) / "pyproject.toml").read_text())["project"]
    points = {f"{group}:{n}": t for group, found in project["entry-points"].items() for n, t in found.items()}
    package = f"bpframe_new_{kind}"
    shutil.copytree(Path(dist) / package, place / package)
    module = place / package / "__init__.py"
    if complete:
        module.write_text(completed(module.read_text(), kind))
    plant(place, project["name"], points)
    bp.refresh()
    return str(project["name"])


@pytest.mark.parametrize("kind", KIND_NAMES)
def test_what_is_written_passes_all_checks_once_the_formula_is_in(kind: str, at_hand: Path) -> None:
    dist = scaffolded(kind, at_hand, complete=True)
    (report,) = check_distribution(dist)
    assert report.component == f"{kind}:{dist}/new_{kind}"
    assert len(report.run) >= 4
    assert not report.unproven
    text = (at_hand / f"bpframe_new_{kind}/__init__.py").read_text()
    assert "NotImplementedError" not in text
    example = Path(dist) / "example.toml"
    assert f"new_{kind}" in example.read_text()
    assert load(example).settings
    assert lint(example.parent, {"example.toml": example.read_text()}, config_schema(registry)) == {"example.toml": []}


@pytest.mark.parametrize("kind", KIND_NAMES)
def test_without_the_formula_it_fails_and_says_which_is_wanted(kind: str, at_hand: Path) -> None:
    dist = scaffolded(kind, at_hand, complete=False)
    (report,) = check_distribution(dist, collect=True)
    gaps = [
        node.exc.args[0].value
        for node in ast.walk(ast.parse((at_hand / f"bpframe_new_{kind}/__init__.py").read_text()))
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call) and isinstance(node.exc.args[0], ast.Constant)
    ]
    assert gaps
    assert any(str(gap) in message for gap in gaps for message in report.failed.values())


def test_the_files_are_a_whole_distribution(folder: Path) -> None:
    told = good("new-plugin", "gradient-step", "soft_clip").splitlines()
    place = folder / "bpframe-soft-clip"
    names = {path.relative_to(place).as_posix() for path in place.rglob("*") if path.is_file()}
    assert names == {
        "pyproject.toml",
        "README.md",
        "LICENSE",
        "example.toml",
        ".gitignore",
        ".github/workflows/check.yml",
        "tests/test_conformance.py",
        "bpframe_soft_clip/__init__.py",
        "bpframe_soft_clip/py.typed",
    }
    project = tomllib.loads((place / "pyproject.toml").read_text())["project"]
    assert project["entry-points"] == {"bpframe.gradient_steps": {"soft_clip": "bpframe_soft_clip:SoftClip"}}
    assert project["dependencies"] == [f"bpframe>={VERSION}"]
    assert (
        'test_conformance = bpframe.testing.suite("bpframe-soft-clip")'
        in (place / "tests/test_conformance.py").read_text()
    )
    assert "${{ matrix.python }}" in (place / ".github/workflows/check.yml").read_text()
    assert "$" not in (place / "README.md").read_text()
    assert told[0].endswith("Put the formula in bpframe-soft-clip/bpframe_soft_clip/__init__.py, then:")
    assert [line.strip() for line in told[1:]] == [
        "pip install -e ./bpframe-soft-clip",
        "bpframe check bpframe-soft-clip",
        "pip wheel --no-deps --wheel-dir dist ./bpframe-soft-clip",
    ]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("los", "x"), "There is no kind of component named 'los'. Did you mean 'loss'?"),
        (("loss", "huber"), "needs a free name, but the loss 'huber' is bpframe's own"),
        (("loss", "Cauchy"), "needs a name of small letters, digits and _, got 'Cauchy'"),
        (("loss", "../x"), "needs a name of small letters"),
        (("loss", "class"), "needs a name of small letters"),
        (("loss", "a__b"), "needs a name of small letters"),
    ],
)
def test_names_that_cannot_be_are_refused_in_words(words: tuple[str, str], told: str, folder: Path) -> None:
    assert told in bad(2, "new-plugin", *words)
    assert [path.name for path in folder.iterdir()] == ["small.toml"]


def test_nothing_is_overwritten(folder: Path) -> None:
    good("new-plugin", "loss", "cauchy")
    assert "bpframe new-plugin overwrites nothing" in bad(2, "new-plugin", "metric", "cauchy")
    good("new-plugin", "metric", "cauchy", "--output", "elsewhere")
    assert (folder / "elsewhere/bpframe-cauchy/bpframe_cauchy/py.typed").is_file()


@pytest.mark.slow
def test_every_module_keeps_strict_types(folder: Path) -> None:
    for kind in KIND_NAMES:
        good("new-plugin", kind, f"typed_{kind}")
    modules = sorted(map(str, folder.glob("bpframe-*/bpframe_*/__init__.py")))
    assert len(modules) == len(KIND_NAMES)
    command = [sys.executable, "-m", "mypy", "--strict", "--no-incremental", "--follow-imports=silent"]
    done = subprocess.run(
        [*command, "--scripts-are-modules", *(word for each in modules for word in ("-c", Path(each).read_text()))],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout
