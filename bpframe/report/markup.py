"""Markup: HTML that is made of elements, in which every text is escaped because only an element is markup."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import final

MOST_ROWS_IN_SIGHT = 20
Child = object  # an Html as it is; anything else as text; None and "" leave nothing


@final
class Html(str):
    """A text that is markup already."""

    __slots__ = ()


def tag(name: str, /, *children: Child, **attributes: object) -> Html:
    """<name attributes>children</name>; an underscore at the end of an attribute goes, others become hyphens.

    None and False leave an attribute out, True gives it without a value.
    """
    inside = fragment(children)
    if name in ("br", "img", "meta"):
        return Html(f"<{name}{_attributes(attributes)}>")
    return Html(f"<{name}{_attributes(attributes)}>{inside}</{name}>")


def fragment(children: Iterable[Child]) -> Html:
    """Children one behind the other."""
    return Html("".join(c if isinstance(c, Html) else "" if c is None else escape(str(c)) for c in children))


def scroll_table(
    header: Sequence[Child], rows: Iterable[Sequence[Child]], *, numbers: Sequence[int] = (), caption: str = ""
) -> Html:
    """A table that scrolls by itself where it is too wide; the first cell of a row is its heading.

    `numbers`: the columns, from 0, that stand flush right.
    """

    def cell(kind: str, i: int, content: Child, scope: str | None) -> Html:
        return tag(kind, content, scope=scope, class_="number" if i in numbers else None)

    head = tag("tr", *(cell("th", i, text, "col") for i, text in enumerate(header)))
    body = [
        tag("tr", *(cell("td" if i else "th", i, text, None if i else "row") for i, text in enumerate(row)))
        for row in rows
    ]
    parts = [tag("caption", caption) if caption else None, tag("thead", head), tag("tbody", *body)]
    return tag("div", tag("table", *parts), class_="scroll", tabindex="0", role="group", aria_label=caption or "Table")


def words_cell(text: str) -> Html:
    """A text of several words in a cell, which a narrow window does not squeeze into a column of single words."""
    return tag("span", text, class_="words")


def details(title: str, *contents: Child) -> Html:
    """Contents that are folded until somebody opens them."""
    return tag("details", tag("summary", title), *contents)


def details_if_long(title: str, rows: int, contents: Html) -> Html:
    """Contents of so many rows, folded where these are more than one looks at."""
    return details(title, contents) if rows > MOST_ROWS_IN_SIGHT else contents


def _attributes(given: dict[str, object]) -> str:
    named = ((name.rstrip("_").replace("_", "-"), value) for name, value in given.items())
    kept = ((name, value) for name, value in named if value is not None and value is not False)
    return "".join(f" {name}" if value is True else f' {name}="{escape(str(value))}"' for name, value in kept)
