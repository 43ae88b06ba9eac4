"""Line numbers of the settings in a TOML text, which `tomllib` does not give.

Paths are dotted, with numbers for arrays of tables: "optimizer.lr", "model.layers[0].units".
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

TOKEN = re.compile(
    r'"""(?:\\.|[^\\])*?"{3,5}'  # a text of many lines may end in two quotes of its own
    r"|'''.*?'{3,5}"
    r'|"(?:\\.|[^"\\\n])*"'
    r"|'[^'\n]*'"
    r"|\#[^\n]*"
    r"|[\[\]{}\n]"
    r"""|[^"'\#\[\]{}\n]+"""
    r"|.",
    re.DOTALL,
)
KEY = re.compile(r"""\s*(?:"((?:\\.|[^"\\])*)"|'([^']*)'|([\w-]+))\s*([.=\]])""")


@dataclass
class Statement:
    """A header or an assignment: its first line, its text, and how deep its brackets nest."""

    line: int
    text: str = ""
    depth: int = 0

    @property
    def keys(self) -> list[str]:
        """The parts of its dotted key, without quotes."""
        parts, at = [], len(self.text) - len(self.text.lstrip("["))
        while match := KEY.match(self.text, at):
            parts.append(next(part for part in match.groups() if part is not None))
            at = match.end()
            if match[4] != ".":
                break
        return parts


def statements(text: str) -> Iterator[Statement]:
    """The statements of a valid TOML text in order; of an invalid one, those before the mistake."""
    line, depth, now = 1, 0, Statement(1)
    for token in TOKEN.findall(text):
        if token == "\n" and depth == 0:
            if now.text.strip():
                yield now
            now = Statement(line + 1)
        elif not token.startswith("#"):
            now.text += token if now.text else token.lstrip()
            depth += (token in ("[", "{")) - (token in ("]", "}"))
            now.depth = max(now.depth, depth)
        line += token.count("\n")
    if now.text.strip():
        yield now


@dataclass
class _Scope:
    """The table that assignments go into, and the latest element of every array of tables."""

    table: str = ""
    latest: dict[str, int] = field(default_factory=dict)

    def paths(self, statement: Statement) -> list[str]:
        """The path of the statement's key and of every table on the way there; a header opens its table."""
        header = statement.text.startswith("[")
        path, paths, keys = "" if header else self.table, [], statement.keys
        for i, key in enumerate(keys):
            path = f"{path}.{key}" if path else key
            paths.append(path)
            if statement.text.startswith("[[") and i == len(keys) - 1:
                self.latest[path] = self.latest.get(path, -1) + 1
            if path in self.latest:
                path = f"{path}[{self.latest[path]}]"
                paths.append(path)
        if header:
            self.table = path
        return paths


def line_numbers(text: str) -> dict[str, int]:
    """Line number (from 1) by path; what stands inside an inline table or an array has the line of its statement."""
    scope, lines = _Scope(), dict[str, int]()
    for statement in statements(text):
        for path in scope.paths(statement):
            lines.setdefault(path, statement.line)
    return lines
