"""The guide to writing a plugin, from its first command to its last, wheel included, in an environment of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

from tests.cli.commands import good
from tests.house.test_docs import Block, blocks

ROOT = Path(__file__).parents[2]
GUIDE = ROOT / "docs/how-to/write-a-plugin.md"
OFFLINE = {"PIP_NO_INDEX": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_QUIET": "1"}
WRAPPED = {  # what each command is; pip takes the build backend that is installed, without a network
    "pip": 'pip=$1; shift; exec {python} -m pip "$pip" --no-build-isolation "$@"',
    "bpframe": 'exec {python} -m bpframe "$@"',
    "python": 'exec {python} "$@"',
}


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Variables of an environment that sees all that is installed here, and into which pip installs."""
    place = tmp_path / "environment"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", place], check=True, timeout=120)
    (site,) = place.glob("lib/python*/site-packages")
    (site / "outer.pth").write_text(f"import site; site.addsitedir({sysconfig.get_path('purelib')!r})\n")
    commands = tmp_path / "commands"
    commands.mkdir()
    for name, words in WRAPPED.items():
        script = commands / name
        script.write_text(f"#!/bin/sh\n{words.format(python=place / 'bin/python')}\n")
        script.chmod(0o755)
    kept = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "BPFRAME_PLUGINS")}
    return {**kept, **OFFLINE, "PATH": f"{commands}{os.pathsep}{os.environ['PATH']}", "COLUMNS": "120"}


def commands_of(block: Block) -> list[str]:
    return [line.removeprefix("$ ") for line in block.text.splitlines() if line.strip()]


def test_every_command_of_the_guide_works_from_first_to_last(folder: Path, environment: dict[str, str]) -> None:
    ran: dict[str, str] = {}
    for block in blocks(GUIDE.read_text(encoding="utf-8")):
        if block.file:
            (folder / block.file).write_text(block.text, encoding="utf-8")
        for line in commands_of(block) if block.language == "console" and "stubs" not in block.text else ():
            done = subprocess.run(
                line, shell=True, env=environment, cwd=folder, capture_output=True, text=True, timeout=300
            )
            assert done.returncode == 0, f"line {block.line}: {line}\n{done.stdout}\n{done.stderr}"
            ran[line] = done.stdout
    assert [line.split()[:2] for line in ran if "train" not in line and "evaluate" not in line] == [
        ["bpframe", "check"],
        ["bpframe", "new-plugin"],
        ["pip", "install"],
        ["bpframe", "plugins"],
        ["bpframe", "check"],
        ["python", "-m"],
        ["bpframe", "plugins"],
        ["bpframe", "schema"],
        ["bpframe", "docs"],
        ["pip", "wheel"],
        ["pip", "install"],
        ["bpframe", "check"],
    ]
    assert "1 component, " in ran["bpframe check bpframe-cauchy-tail"]
    assert ", 0 failed" in ran["bpframe check bpframe-cauchy-tail"]
    assert "1 passed" in ran["python -m pytest bpframe-cauchy-tail"]
    assert "1 distribution, 0 faults" in ran["bpframe plugins doctor bpframe-cauchy-tail"]
    assert "| `scale` | float | `1.0` | > 0 |" in ran["bpframe docs bpframe-cauchy-tail"]
    (wheel,) = (folder / "dist").glob("*.whl")
    names = {name.partition("/")[2] for name in zipfile.ZipFile(wheel).namelist() if name.startswith("bpframe_cauchy")}
    assert {"__init__.py", "py.typed", "METADATA", "entry_points.txt", "licenses/LICENSE"} <= names


def test_a_distribution_of_components_has_a_page(folder: Path) -> None:
    page = good("docs", "bpframe")
    assert page.startswith("# bpframe\n")
    assert "\n## Losses\n" in page
    assert "\n### huber\n" in page
    assert "\n| `delta` | float | `1.0` | > 0 |\n" in page
    assert '`{ name = "bpframe/huber" }`' in page
    assert "\n| `units` | int | required | > 0 |\n" in page
