"""Print a table: rows are cut to the width of a terminal, and complete in other output."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

WIDE = 10_000  # columns of a console that is not a terminal, so that no row is cut


def print_table(header: Sequence[str], rows: Sequence[Sequence[str]], styles: Sequence[str] = ()) -> None:
    """Print one line for each row under a header; `styles`: the colour of each row."""
    console = Console()
    if not console.is_terminal:
        console = Console(width=WIDE)
    widths = [max(len(row[i]) for row in [header, *rows]) for i in range(len(header))]
    for row, style in zip([header, *rows], ["bold", *(styles or [""] * len(rows))], strict=True):
        line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        console.print(Text(line, style), no_wrap=True, overflow="ellipsis")
