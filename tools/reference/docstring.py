"""A component's docstrings taken apart: what it is, shapes, formula, notes, source."""

from __future__ import annotations

import inspect
import re
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from tools.reference.markdown import laid_out

SENTENCES = re.compile(r"(?<=[.:])\s+(?=[A-Z`])")
SIGNS = re.compile(r"<-|[=^|~]|\w\(| / |\b\w_\w\b")  # of a formula
SOURCE = re.compile(r"(?:^|\s)Sources?:\s+(.*?)(?=\n\n|\Z)", re.DOTALL)
LINE = 110


@dataclass(frozen=True)
class Docstring:
    """Texts; "" where the component says nothing of the sort. `formula` has a line a clause."""

    what: str
    shapes: str
    formula: str
    notes: str
    source: str


def read(component: Any) -> Docstring:
    """The docstring of the module (what it is, shapes) and of the class, which opens with the formula."""
    what, _, shapes = (inspect.getdoc(inspect.getmodule(component)) or "").partition(".")
    text = inspect.getdoc(component) or ""
    source = "\n\n".join(match[1] for match in SOURCE.finditer(text))
    first, *others = (p for p in SOURCE.sub("", text).split("\n\n") if p)
    while others and (first.endswith(";") or _led_up_to(others[0], first)):
        first = f"{first} {others.pop(0)}"
    formula, rest = (first, "") if laid_out(first) else _opening(" ".join(first.split()))
    return Docstring(what, shapes.strip(), formula, "\n\n".join(filter(None, [rest, *others])), source)


def _led_up_to(formula: str, words: str) -> bool:
    """Whether a paragraph opens with signs of a formula, and the one before it has none."""
    return bool(SIGNS.search(SENTENCES.split(formula)[0])) and not SIGNS.search(words)


def _opening(paragraph: str) -> tuple[str, str]:
    """(a paragraph's sentences up to the first with signs of a formula, a line a clause; the rest of it)."""
    sentences = SENTENCES.split(paragraph)
    count = next((i + 1 for i, sentence in enumerate(sentences) if SIGNS.search(sentence)), 0)
    clauses = [c for sentence in sentences[:count] for c in re.split(r";\s+", sentence.rstrip(";.:").replace("`", ""))]
    return "\n".join(map(_broken, clauses)), " ".join(sentences[count:])


def _broken(clause: str) -> str:
    """A clause on lines that are not too long, broken behind commas outside of all parentheses."""
    depths = accumulate((sign in "([{") - (sign in ")]}") for sign in clause)
    breaks = [i + 1 for i, (sign, depth) in enumerate(zip(clause, depths, strict=True)) if sign == "," and not depth]
    parts = [clause[a:b].strip() for a, b in zip([0, *breaks], [*breaks, None], strict=True)]
    lines = parts[:1]
    for part in parts[1:]:
        if len(lines[-1]) + len(part) < LINE:
            lines[-1] += f" {part}"
        else:
            lines.append(f"    {part}")
    return "\n".join(lines)
