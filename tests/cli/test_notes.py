"""Notes of the command line: what is said once, on stderr."""

from __future__ import annotations

import warnings

import click
import pytest
from click.testing import CliRunner

from bpframe.cli.app import main
from bpframe.errors import ColumnWarning, TrainingWarning


@pytest.fixture
def command():
    """A command that warns twice of the same columns, and of something else."""

    @main.command("warn")
    def warn() -> None:
        for _ in range(2):
            warnings.warn(
                "x has columns that the model does not know, and leaves out: 'id'.", ColumnWarning, stacklevel=2
            )
        warnings.warn("layer dense_1: too high a lr", TrainingWarning, stacklevel=2)
        warnings.warn("another matter", UserWarning, stacklevel=2)
        click.echo("done")

    yield "warn"
    main.commands.pop("warn")


def test_warnings_of_bpframes_own_are_a_note_each_and_other_warnings_stay_warnings(command):
    with pytest.warns(UserWarning, match="another matter") as caught:
        result = CliRunner().invoke(main, [command])
    assert [one.category for one in caught] == [UserWarning]
    assert result.stdout == "done\n"
    assert result.stderr.splitlines() == [
        "Note: x has columns that the model does not know, and leaves out: 'id'.",
        "Note: layer dense_1: too high a lr",
    ]
    assert result.exit_code == 0
