"""The repository around the package: commands that several files state are the same in each of them."""

from __future__ import annotations

import re
import stat
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CHECK = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")
REQUIREMENT = re.compile(r"([\w-]+)>=([\d.]+)")


def declared() -> dict[str, str]:
    """The lower bound of every dependency by its name; AssertionError for a requirement of another form."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    project = settings["project"]
    texts = [*settings["build-system"]["requires"], *project["dependencies"]]
    for extra in project["optional-dependencies"].values():
        texts += [text for text in extra if not text.startswith("bpframe[")]
    found: dict[str, str] = {}
    for text in texts:
        match = REQUIREMENT.fullmatch(text)
        assert match, f"{text} has no lower bound, or more than one"
        assert found.setdefault(match[1], match[2]) == match[2], f"{match[1]} has two lower bounds"
    return found


def test_lowest_versions_are_the_lower_bounds_that_the_project_declares() -> None:
    lines = (ROOT / "tools" / "lowest.txt").read_text(encoding="utf-8").splitlines()
    pinned = dict(line.split("==") for line in lines if not line.startswith("#"))
    assert pinned == declared()


def test_readme_and_check_state_the_same_commands_for_the_tests() -> None:
    block = re.search(r"Run the tests:\n\n```sh\n(.*?)```", README, re.DOTALL)
    assert block
    assert f"\n{block[1]}" in CHECK


def test_check_installs_what_a_developer_needs_only_after_the_tests() -> None:
    assert CHECK.index("\npytest\n") < CHECK.index("[dev]")


@pytest.mark.parametrize("folder", [".ci", "findings"])
def test_scripts_can_be_executed(folder: str) -> None:
    scripts = [path for path in (ROOT / folder).iterdir() if path.is_file() and path.suffix != ".md"]
    assert [path.name for path in scripts if not path.stat().st_mode & stat.S_IXUSR] == []


def test_no_file_of_tests_is_longer_than_500_lines() -> None:
    lengths = {path: path.read_text(encoding="utf-8").count("\n") for path in (ROOT / "tests").rglob("*.py")}
    assert [str(path.relative_to(ROOT)) for path, length in lengths.items() if length > 500] == []
