"""Output of commands: lines and tables for a terminal, and what happens if they cannot be written."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Sequence

import click

from bpframe import layout
from bpframe.cli.exit_codes import error_message


def print_table(
    header: Sequence[str], rows: Sequence[Sequence[str]], styles: Sequence[str | None] = (), wrap: int | None = None
) -> None:
    """Print a table; on a terminal its column `wrap`, the last by default, is broken where it does not fit.

    Elsewhere a row is one line. `styles`: the colour of each row.
    """
    width, last = layout.terminal_width(), len(header) - 1 if wrap is None else wrap
    for i, block in enumerate(layout.text_blocks(header, rows, width, wrap=last)):
        colour = styles[i - 1] if i and styles else None
        for line in block:
            click.echo(click.style(line, fg=colour, bold=i == 0) if colour or not i else line)


def print_result(line: str) -> None:
    """Print what a command did; it has been done, whether anybody can read of it or not."""
    try:
        click.echo(line)
    except (OSError, ValueError):
        discard_stdout()


def print_error(error: BaseException, debug: bool) -> None:
    """Print an error's message on stderr, below its traceback if `debug`; the exit code is there without it, too.

    Nothing is printed where the reader of stdout has closed the pipe, as `head` does: there is nothing to mend.
    """
    if isinstance(error, BrokenPipeError):
        discard_stdout()
        return
    try:
        if debug:
            traceback.print_exception(error)
        click.echo(error_message(error), err=True)
    except (OSError, ValueError):
        pass


def discard_stdout() -> None:
    """Let go of what cannot be written, so that Python does not try again when it ends, and fail."""
    try:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
    except (AttributeError, OSError, ValueError):  # no stream of the system
        pass
