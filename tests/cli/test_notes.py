"""Notes of the command line: a column that the model does not know is said once, on stderr."""

from __future__ import annotations

import warnings

import click
import pytest
from click.testing import CliRunner

from bpframe.cli.app import main
from bpframe.errors import ColumnWarning


@pytest.fixture
def command():
    """A command that warns twice of the same columns, and of something else."""

    @main.command("warn")
    def warn() -> None:
        for _ in range(2):
            warnings.warn(
                "x has columns that the model does not know, and leaves out: 'id'.", ColumnWarning, stacklevel=2
            )
        warnings.warn("another matter", UserWarning, stacklevel=2)
        click.echo("done")

    yield "warn"
    main.commands.pop("warn")


def test_left_out_columns_are_one_note_and_other_warnings_stay_warnings(command):
    with pytest.warns(UserWarning, match="another matter") as caught:
        result = CliRunner().invoke(main, [command])
    assert [one.category for one in caught] == [UserWarning]
    assert result.stdout == "done\n"
    assert result.stderr == "Note: x has columns that the model does not know, and leaves out: 'id'.\n"
    assert result.exit_code == 0
