"""Output of commands: lines and tables for a terminal, and what happens if they cannot be written."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import click

from bpframe import layout
from bpframe.cli.exit_codes import error_message


def print_table(header: Sequence[str], rows: Sequence[Sequence[str]], styles: Sequence[str | None] = ()) -> None:
    """Print a table, a row a line; on a terminal the last column is broken where it does not fit.

    `styles`: the colour of each row.
    """
    for i, block in enumerate(layout.text_blocks(header, rows, layout.terminal_width(), wrap=len(header) - 1)):
        colour = styles[i - 1] if i and styles else None
        for line in block:
            click.echo(click.style(line, fg=colour, bold=i == 0) if colour or not i else line)


def print_result(line: str) -> None:
    """Print what a command did; it has been done, whether anybody can read of it or not."""
    with suppress(OSError, ValueError):
        click.echo(line)


def print_json(record: Any) -> None:
    """Print what was found as JSON, for programs."""
    import json  # only here: start-up can do without

    click.echo(json.dumps(record, indent=2))


def print_error(error: BaseException, debug: bool) -> None:
    """Print an error's message on stderr, below its traceback if `debug`; the exit code is there without it, too.

    Nothing is printed where the reader of stdout has closed the pipe, as `head` does: there is nothing to mend.
    """
    if isinstance(error, BrokenPipeError):
        return
    with suppress(OSError, ValueError):
        if debug:
            import traceback  # only here: start-up can do without

            traceback.print_exception(error)
        click.echo(error_message(error), err=True)
