"""Output that cannot be written ends no training, and has the documented exit codes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from bpframe.cli.exit_codes import CODES, EXPLANATIONS
from tests.cli.commands import COMMAND, good, records


def piped(command: str, redirection: str) -> tuple[int, str]:
    """(exit code, stderr) of a bpframe command whose output goes elsewhere."""
    script = f"\"{sys.executable}\" -c '{COMMAND}' {command} {redirection}; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(
        ["bash", "-c", script], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, timeout=60
    )
    return done.returncode, done.stderr


@pytest.mark.parametrize("redirection", ["| head -1", "> /dev/full", ">&-", "> /dev/full 2> /dev/full"])
def test_a_training_whose_output_is_gone_goes_on_to_its_end(folder: Path, redirection: str) -> None:
    assert piped("train small.toml --epochs 300", redirection) == (0, "")
    assert len(records(folder / "runs/small/history.jsonl")) == 300
    assert (folder / "runs/small/test.json").exists()


@pytest.mark.parametrize(
    ("command", "redirection", "code"),
    [
        ("plugins list", "| true", 141),
        ("plugins list", "> /dev/full", 74),
        ("train nowhere.toml", "> /dev/full 2> /dev/full", 2),
    ],
)
@pytest.mark.usefixtures("folder")
def test_other_commands_end_with_the_documented_code(command: str, redirection: str, code: int) -> None:
    returned, told = piped(command, redirection)
    assert returned == code
    assert "Traceback" not in told
    assert "Exception ignored" not in told


def test_help_explains_every_exit_code() -> None:
    listed = good("--help").partition("Exit code")[2].splitlines()
    assert [int(line.split()[0]) for line in listed[1:-1]] == list(EXPLANATIONS)
    assert {code for _, code in CODES} | {0, 70, 74} <= set(EXPLANATIONS)
    assert max(map(len, listed)) <= 80
