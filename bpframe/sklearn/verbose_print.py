"""The print of `verbose`: what scikit-learn prints, which must not end a fit."""

from __future__ import annotations

from contextlib import suppress


def verbose_print(text: str) -> None:
    """Print a line on stdout, or go on without it where nobody can read it: a closed pipe, a full disk."""
    with suppress(OSError, ValueError):
        print(text)
