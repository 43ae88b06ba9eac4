"""`suite` makes a test of each component of a distribution; expected failures are strict."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import bpframe as bp
from bpframe.cli import main  # noqa: F401  # after it, `suite` is still the function
from bpframe.errors import CheckFailed
from bpframe.registry import registry
from bpframe.testing import CheckReport, check_distribution, suite
from bpframe.testing.expected_failures import recorded_failures, unknown_components, with_expected
from tests.conftest import fresh_python
from tests.planted import plant

SOUND = """
class Square:
    \"\"\"loss = sum_c (z_c - y_c)^2.\"\"\"
    link = "identity"
    def value_and_delta(self, scores, target):
        r = scores - target
        return (r * r).sum(axis=-1), 2 * r
"""
OFF = SOUND.replace("Square", "Off").replace("2 * r", "2.1 * r")
PROJECT = '[project]\nname = "suite-sample"\n'
GRADIENT = {"loss:off": {"gradient": "meant to be off"}}


@pytest.fixture
def sample(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The distribution suite-sample, with a loss that is right and one that is off, and its project here."""
    points = {"bpframe.losses:off": "suite_sample:Off", "bpframe.losses:square": "suite_sample:Square"}
    plant(tmp_path, "suite-sample", points, {"suite_sample.py": SOUND + OFF})
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(registry, "_loaded", dict(registry._loaded))
    bp.refresh()
    yield tmp_path
    monkeypatch.undo()
    sys.modules.pop("suite_sample", None)
    bp.refresh()


def run_suite(folder: Path, line: str, project: str = PROJECT) -> tuple[int, str]:
    """(exit code, output) of pytest on a test file of one line, in a process of its own."""
    (folder / "pyproject.toml").write_text(project)
    (folder / "test_sample.py").write_text(f"import bpframe.testing\n\ntest_conformance = bpframe.testing.{line}\n")
    done = fresh_python(["-m", "pytest", "-q", "-p", "no:cacheprovider", "test_sample.py"], folder, folder)
    return done.returncode, done.stdout


def test_each_component_is_a_test_and_a_failure_names_the_check(sample: Path) -> None:
    code, told = run_suite(sample, 'suite("Suite_Sample")')
    assert code == 1
    assert "1 failed, 1 passed" in told
    assert "FAILED test_sample.py::test_conformance[loss:suite-sample/off]" in told
    assert "gradient: " in told


def items(sample: Path, project: str, **options: Any) -> dict[str, str]:
    """What becomes of each item of the suite: "" where it passes, else what it says."""
    (sample / "pyproject.toml").write_text(project)
    test: Any = suite("suite-sample", **options)
    (mark,) = test.pytestmark
    found = {}
    for component in mark.args[1]:
        try:
            test(component)
            found[component] = ""
        except CheckFailed as error:
            found[component] = str(error)
    return found


def test_expected_failures_pass_and_counts_are_compared(sample: Path) -> None:
    recorded = f'{PROJECT}[tool.bpframe.xfail."loss:off"]\ngradient = "meant to be off"\n'
    names = ["loss:suite-sample/off", "loss:suite-sample/square", "recorded counts"]
    assert items(sample, f"{recorded}[tool.bpframe.check]\nlaws = 10\n") == dict.fromkeys(names, "")
    lost = items(sample, f"{recorded}[tool.bpframe.check]\nlaws = 1000\n")
    assert [name for name, said in lost.items() if said] == ["recorded counts"]
    assert "1000 are recorded" in lost["recorded counts"]
    assert set(items(sample, PROJECT, xfail=GRADIENT).values()) == {""}


def test_what_would_check_nothing_fails(sample: Path) -> None:
    absent: Any = suite("suite-nobody")
    with pytest.raises(CheckFailed, match="no installed distribution suite-nobody offers components"):
        absent(absent.pytestmark[0].args[1][0])
    misspelt = items(sample, PROJECT, xfail={"loss:offf": {"gradient": "x"}})
    assert all("names loss:offf, which was not checked" in said for said in misspelt.values())


def test_check_distribution_obeys_what_the_project_expects(sample: Path) -> None:
    (sample / "pyproject.toml").write_text(f'{PROJECT}[tool.bpframe.xfail]\n"loss:off" = {{ gradient = "meant" }}\n')
    off, square = check_distribution("suite-sample")
    assert (off.expected, dict(off.failed)) == ({"gradient": "meant"}, {})
    assert "gradient" not in off.passed
    assert ", 1 failed as expected" in str(off)
    assert not square.expected


REPORT = CheckReport("loss:a-b/off", ("gradient", "shape"), {"gradient": "is off"}, {"kinks": "none"})


@pytest.mark.parametrize(
    ("checks", "failed"),
    [
        ({"gradient": "why"}, {}),
        ({}, {"gradient": "is off"}),
        ({"gradient": "why", "kinks": "it has none"}, {}),
        ({"gradient": "why", "shape": "odd"}, {"shape": "is expected to fail (odd), but passes."}),
        ({"gradient": "why", "shap": "odd"}, {"shap": "is expected to fail (odd), but does not exist."}),
    ],
)
@pytest.mark.parametrize("component", ["loss:off", "loss:a-b/off"])
def test_expected_failures_are_strict(component: str, checks: dict[str, str], failed: dict[str, str]) -> None:
    found = with_expected(REPORT, {component: checks})
    assert {name: message.partition(" Take")[0] for name, message in found.failed.items()} == failed
    assert with_expected(REPORT, {"loss:other": checks}) == REPORT


def test_a_reason_is_a_text_that_says_something(tmp_path: Path) -> None:
    file = tmp_path / "pyproject.toml"
    for wrong in ('"loss:off" = "why"', '"loss:off" = { gradient = "" }', '"loss:off" = { gradient = true }'):
        file.write_text(f"{PROJECT}[tool.bpframe.xfail]\n{wrong}\n")
        with pytest.raises(CheckFailed, match=r"\[tool.bpframe.xfail\] needs tables such as"):
            recorded_failures("suite-sample", file)


def test_misspelt_components_are_named() -> None:
    (line,) = unknown_components(["loss:a/off"], {"loss:of": {}, "loss:off": {}, "loss:a/off": {}})
    assert "names loss:of, which was not checked. Components: loss:off." in line
