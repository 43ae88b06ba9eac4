"""A run that has lost checks fails; groups that cannot run here are named."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bpframe.errors import CheckFailed
from bpframe.testing import CheckReport
from bpframe.testing.check_counts import (
    CheckCounts,
    absent_groups,
    counts_of,
    lost_checks,
    recorded_counts,
    require_counts,
)
from bpframe.testing.laws.array_api import NO_STRICT
from tests.conftest import Site

REPORTS = [
    CheckReport("loss:a/b", ("gradient", "engine numpy", "engine jax", "array api with q=0.5"), {"gradient": "no"}),
    CheckReport("loss:a/c", ("gradient", "engine numpy"), {}, {"engine jax": "not today"}, {"sign": "who knows"}),
]
RECORD = """
[project]
name = "bpframe-example"
[tool.bpframe.check]
laws = {laws}
numpy = 2
far = 3
"""


def recorded(**groups: int) -> CheckCounts:
    return CheckCounts(Path("pyproject.toml"), {name.replace("_", "-"): n for name, n in groups.items()})


def test_checks_count_where_they_ran_and_nowhere_else():
    assert counts_of(REPORTS) == {"array-api-strict": 1, "jax": 1, "laws": 2, "numpy": 2}


def test_fewer_checks_than_recorded_are_lost_in_each_group_that_could_run():
    assert lost_checks(recorded(laws=2, numpy=1, jax=1, array_api_strict=1), REPORTS, {}) == []
    (line,) = lost_checks(recorded(laws=2, jax=2), REPORTS, {})
    assert line.startswith("1 checks of 'jax' ran, 2 are recorded in pyproject.toml.")
    assert lost_checks(recorded(laws=2, jax=2), REPORTS, {"jax": "not installed"}) == []


def test_groups_that_cannot_run_here_are_named_with_the_reason():
    counts = recorded(laws=1, numpy=1, far=2, array_api_strict=2)
    assert set(absent_groups(counts, REPORTS, ["numpy"])) == {"far"}
    bare = [CheckReport("loss:a/b", (), {}, {"array api": NO_STRICT})]
    assert absent_groups(counts, bare, ["numpy", "far"]) == {"array-api-strict": NO_STRICT}


def test_counts_stand_in_the_pyproject_of_this_folder_if_it_is_the_distributions(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert recorded_counts("bpframe-example") is None
    file = tmp_path / "pyproject.toml"
    file.write_text(RECORD.format(laws=3))
    assert recorded_counts("bpframe-example") == CheckCounts(file, {"laws": 3, "numpy": 2, "far": 3})
    assert recorded_counts("another") is None
    assert recorded_counts("another", file) is not None
    with pytest.raises(CheckFailed, match="bpframe-example: 2 checks of 'laws' ran, 3 are recorded"):
        require_counts("bpframe-example", REPORTS, ["numpy"])
    file.write_text(RECORD.format(laws="true"))
    with pytest.raises(CheckFailed, match="needs a number of checks for each group"):
        recorded_counts("bpframe-example")
    file.write_text("[tool")
    with pytest.raises(CheckFailed, match="cannot be read"):
        recorded_counts("bpframe-example")


def test_the_command_fails_where_a_distribution_has_lost_checks(site: Site, tmp_path: Path):
    file = tmp_path / "record.toml"
    file.write_text(RECORD.format(laws=1000))
    options = ["--engine", "numpy", "--counts", "--pyproject", str(file)]
    done = site.run(f"from bpframe.cli import main; main({['check', 'bpframe-example', *options]})")
    assert done.returncode == 1
    assert "0 failed" in done.stdout
    assert "bpframe-example:\n[tool.bpframe.check]\narray-api-strict = 2\nlaws = " in done.stdout
    assert "3 recorded checks of 'far' cannot run here: this engine is not installed, or was not tried." in done.stdout
    assert re.search(r"bpframe-example has lost checks: \d\d checks of 'laws' ran, 1000 are recorded", done.stdout)
