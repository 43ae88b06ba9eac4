"""Layout of tables: text that fits a terminal, and HTML for a notebook.

A row is a sequence of texts, one a column. Widths are in columns of a terminal.
"""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Sequence

Row = Sequence[str]

GAP = 2  # columns between two cells
NARROWEST = 24  # room below which a cell that is wrapped gets lines of its own below its row
INDENT = 4  # of those


class Text(str):
    """A text of several lines that a notebook and the prompt of Python show as lines."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def terminal_width() -> int | None:
    """Columns of the terminal that stdout is; None where it is none, so that nothing has to fit."""
    import shutil  # with what it needs of compression, by those who look at tables

    try:
        return shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    except (AttributeError, OSError, ValueError):  # no stdout, or a closed one
        return None


def text_table(
    header: Row, rows: Sequence[Row], width: int | None = None, *, wrap: int | None = None, numbers: int = 0
) -> list[str]:
    """The lines of a table under its header, at most `width` columns wide.

    The last `numbers` columns are flush right. What does not fit: the column `wrap` is broken into several lines, which
    stand below the row where there is hardly room beside it; without one, columns are left out from the right.
    """
    return [line for block in text_blocks(header, rows, width, wrap=wrap, numbers=numbers) for line in block]


def text_blocks(
    header: Row, rows: Sequence[Row], width: int | None = None, *, wrap: int | None = None, numbers: int = 0
) -> list[list[str]]:
    """The lines of the header and of each row, as in `text_table`."""
    rows = [header, *rows]
    sizes = [max(len(row[i]) for row in rows) for i in range(len(header))]
    if width is not None and _total(sizes) > width:
        if wrap is not None:
            return _wrapped_rows(rows, sizes, wrap, width)
        while len(sizes) > 1 and _total(sizes) > width:
            sizes.pop()
    first = len(header) - numbers
    return [[_line([_cell(row[i], size, i >= first) for i, size in enumerate(sizes)])] for row in rows]


def html_table(header: Row, rows: Sequence[Row], caption: str = "") -> str:
    """A plain HTML table, every text escaped."""
    from html import escape  # only here: start-up can do without

    head = "".join(f"<th>{escape(cell)}</th>" for cell in header)
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    title = f"<caption>{escape(caption)}</caption>" if caption else ""
    return f"<table>{title}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def excerpt(count: int, most: int) -> list[int | None]:
    """Numbers 0 to count - 1, or the first and last of them with None for those between: `most` entries at most."""
    if count <= most:
        return list(range(count))
    first = most // 2
    return [*range(first), None, *range(count - (most - first - 1), count)]


def wrapped(text: str, width: int | None, indent: int = 0) -> list[str]:
    """The lines of a paragraph, broken within words only where one is wider than a line; all but the first indented."""
    if width is None:
        return [text]
    return textwrap.wrap(text, width, subsequent_indent=" " * indent, break_on_hyphens=False) or [""]


def _total(sizes: Sequence[int]) -> int:
    return sum(sizes) + GAP * (len(sizes) - 1)


def _cell(text: str, size: int, right: bool) -> str:
    return text.rjust(size) if right else text.ljust(size)


def _line(cells: Sequence[str]) -> str:
    return (" " * GAP).join(cells).rstrip()


def _wrapped_rows(rows: Sequence[Row], sizes: list[int], wrap: int, width: int) -> list[list[str]]:
    """The lines of each row, whose cell `wrap` may take several: in its column, or below the others."""
    others = [size for i, size in enumerate(sizes) if i != wrap]
    room = width - _total(others) - GAP
    if room < NARROWEST:
        return [_stacked(row, others, wrap, width) for row in rows]
    sizes[wrap] = room
    blocks = []
    for row in rows:
        parts = wrapped(row[wrap], room)
        first = [cell if i != wrap else parts[0] for i, cell in enumerate(row)]
        more = [["" if i != wrap else part for i in range(len(row))] for part in parts[1:]]
        blocks.append([_line([_cell(c, s, False) for c, s in zip(r, sizes, strict=True)]) for r in [first, *more]])
    return blocks


def _stacked(row: Row, sizes: Sequence[int], wrap: int, width: int) -> list[str]:
    """A row without one cell, in columns if these fit; below it that cell, indented."""
    others = [cell for i, cell in enumerate(row) if i != wrap]
    lines = [_line([_cell(cell, size, False) for cell, size in zip(others, sizes, strict=True)])]
    if _total(sizes) > width:
        lines = wrapped(" ".join(filter(None, others)), width, INDENT)
    return [*lines, *(" " * INDENT + part for part in wrapped(row[wrap], max(width - INDENT, 1)) if part)]
