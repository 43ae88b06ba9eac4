"""Notes of the command line: on stderr, once each, what a library's user gets as a warning of its own."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

from bpframe.errors import ColumnWarning, TrainingWarning

NOTED = (ColumnWarning, TrainingWarning)


@contextmanager
def column_notes() -> Iterator[None]:
    """Inside the block, warnings of bpframe's own are lines on stderr, without the place in the code."""
    known: set[str] = set()
    with warnings.catch_warnings():
        show = warnings.showwarning

        def note(message: Warning | str, category: type[Warning], *place: Any, **options: Any) -> None:
            if not issubclass(category, NOTED):
                show(message, category, *place, **options)
            elif str(message) not in known:
                known.add(str(message))
                click.echo(f"Note: {message}", err=True)

        for category in NOTED:
            warnings.simplefilter("always", category)
        warnings.showwarning = note
        yield
