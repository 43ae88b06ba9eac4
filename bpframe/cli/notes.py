"""Notes of the command line: on stderr, once each, what a library's user gets as a ColumnWarning."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

from bpframe.errors import ColumnWarning


@contextmanager
def column_notes() -> Iterator[None]:
    """Inside the block, a ColumnWarning is a line on stderr, without the place in the code; others are as they were."""
    known: set[str] = set()
    with warnings.catch_warnings():
        show = warnings.showwarning

        def note(message: Warning | str, category: type[Warning], *place: Any, **options: Any) -> None:
            if not issubclass(category, ColumnWarning):
                show(message, category, *place, **options)
            elif str(message) not in known:
                known.add(str(message))
                click.echo(f"Note: {message}", err=True)

        warnings.simplefilter("always", ColumnWarning)
        warnings.showwarning = note
        yield
