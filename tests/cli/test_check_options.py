"""`bpframe check`: failures by cause with what helps, --fast, -x, --json, and failures that are expected."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import bpframe as bp
from bpframe.cli.failure_groups import failure_groups
from bpframe.registry import registry
from bpframe.testing import CheckReport
from tests.cli.commands import bpframe
from tests.planted import plant
from tests.testing.test_distribution_suite import OFF, PROJECT, SOUND


@pytest.fixture(autouse=True)
def sample(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The distribution check-sample: two losses that are off, then one that is right."""
    names = ("off", "off_too", "square")
    points = {f"bpframe.losses:{name}": f"check_sample:{name.title().replace('_', '')}" for name in names}
    modules = {"check_sample.py": SOUND + OFF + OFF.replace("Off", "OffToo")}
    plant(folder, "check-sample", points, modules)
    (folder / "pyproject.toml").write_text(PROJECT.replace("suite", "check"))
    monkeypatch.syspath_prepend(folder)
    monkeypatch.setattr(registry, "_loaded", dict(registry._loaded))
    bp.refresh()
    yield folder
    monkeypatch.undo()
    sys.modules.pop("check_sample", None)
    bp.refresh()


def test_fast_is_engine_numpy_without_pairs() -> None:
    told = bpframe("check", "check-sample", "--fast").stdout
    assert "jax" not in told
    assert "pair" not in told
    assert "loss:check-sample/square" in told


def test_x_stops_at_the_first_component_that_fails() -> None:
    result = bpframe("check", "check-sample", "--fast", "-x")
    assert result.exit_code == 1
    assert "loss:check-sample/off " in result.stdout
    assert "off_too" not in result.stdout
    assert result.stdout.endswith("Stopped at the first component that fails (-x).\n")
    assert bpframe("check", "loss:mse", "--fast", "-x").exit_code == 0


def test_json_is_one_object_with_what_the_table_has() -> None:
    result = bpframe("check", "check-sample", "--fast", "--json")
    found = json.loads(result.stdout)
    assert (result.exit_code, found["good"]) == (1, False)
    assert [(c["component"], bool(c["failed"])) for c in found["components"]] == [
        ("loss:check-sample/off", True),
        ("loss:check-sample/off_too", True),
        ("loss:check-sample/square", False),
    ]
    square = found["components"][-1]
    assert set(square["passed"]) == set(square["run"])
    assert square["engines"] == ["numpy"]
    assert found["counts"]["check-sample"]["laws"] > 30
    assert found["causes"][0]["checks"]


def test_failures_of_one_cause_stand_together() -> None:
    told = bpframe("check", "check-sample", "--fast").stdout
    assert "\n2 components fail for one cause: " in told
    assert "\n  loss:check-sample/off fails gradient" in told
    assert "\n  loss:check-sample/off_too fails gradient" in told
    assert '\n  Remedy: If its slope is meant not to be the gradient, add surrogate = "why".\n' in told


def test_the_cause_is_the_message_without_its_numbers_and_remedies() -> None:
    reports = [
        CheckReport(
            "loss:a", ("x", "y", "z"), {"x": "gives 1.5, not 2. If it is so, add this.", "y": "gives 3e-4, not 2."}
        ),
        CheckReport("loss:b", ("x", "z"), {"z": "is another", "x": "gives 7, not 2. If it is odd, add that."}),
    ]
    first, second = failure_groups(reports)
    assert first.checks == {"loss:a": ["x", "y"], "loss:b": ["x"]}
    assert first.remedies == ["If it is so, add this.", "If it is odd, add that."]
    assert first.cause == "gives 1.5, not 2."
    assert list(second.lines()) == ["\nloss:b fails z: is another"]


def test_a_part_that_is_not_written_has_one_remedy() -> None:
    failed = dict.fromkeys("abcdefghijk", "raises NotImplementedError: the slope. If it is so, add this.")
    trained = {
        "engine numpy": "raises BrokenComponent: loss 'x' fails in value_and_delta: NotImplementedError: the slope"
    }
    (group,) = failure_groups([CheckReport("loss:x", (*failed, *trained), {**failed, **trained})])
    assert group.number == 12
    lines = list(group.lines())
    assert lines[0].startswith(
        "\nloss:x fails a, b, c, d, e, f, g, h and 4 more: raises NotImplementedError: the slope."
    )
    assert lines[1:] == ["  Remedy: Write that part of the component; these checks need it."]


def test_failures_that_the_project_expects_are_none_and_strictly_so(folder: Path) -> None:
    expected = "".join(f'"loss:{name}" = {{ gradient = "meant" }}\n' for name in ("off", "off_too"))
    project = folder / "pyproject.toml"
    project.write_text(f"{PROJECT.replace('suite', 'check')}[tool.bpframe.xfail]\n{expected}")
    result = bpframe("check", "check-sample", "--fast", "-v")
    assert result.exit_code == 0, result.stdout
    assert ", 0 failed, 2 as expected" in result.stdout
    assert "\n  gradient: failed as expected, meant" in result.stdout
    project.write_text(project.read_text() + '"loss:square" = { gradient = "meant" }\n')
    result = bpframe("check", "loss:square", "--fast", "--pyproject", "pyproject.toml")
    assert result.exit_code == 1
    assert "fails gradient: is expected to fail (meant), but passes." in result.stdout


def test_an_expected_failure_of_a_component_that_is_not_there_is_said(folder: Path) -> None:
    expected = '"loss:off" = { gradient = "meant" }\n"loss:offf" = { gradient = "meant" }\n'
    expected += '"loss:off_too" = { gradient = "meant" }\n'
    (folder / "pyproject.toml").write_text(f"{PROJECT.replace('suite', 'check')}[tool.bpframe.xfail]\n{expected}")
    result = bpframe("check", "check-sample", "--fast")
    assert result.exit_code == 1
    assert "\ncheck-sample: [tool.bpframe.xfail] names loss:offf, which was not checked." in result.stdout


def test_a_check_that_stopped_misses_nothing_of_what_it_did_not_reach(folder: Path) -> None:
    recorded = '[tool.bpframe.check]\nlaws = 999\n[tool.bpframe.xfail]\n"loss:square" = { gradient = "meant" }\n'
    (folder / "pyproject.toml").write_text(PROJECT.replace("suite", "check") + recorded)
    result = bpframe("check", "check-sample", "--fast", "-x")
    assert result.exit_code == 1
    assert "loss:check-sample/off fails gradient" in result.stdout
    assert "lost" not in result.stdout
    assert "not checked" not in result.stdout
