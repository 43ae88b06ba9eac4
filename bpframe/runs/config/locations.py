"""The locations of settings: the line of the config file, or the command-line option, that each comes from."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from bpframe.errors import Problem


@dataclass
class Locations:
    """The line of each path of `file`, and the options that overrode some of them ("--set optimizer.lr").

    `files`: the other file in which a path was written, where that is a config that `file` extends.
    """

    file: str
    lines: dict[str, int] = field(default_factory=dict)
    options: dict[str, str] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)

    def override(self, path: str, option: str) -> None:
        """From now on the setting at `path`, with all below it and tables that only it opens, comes from `option`."""
        self.lines = {known: line for known, line in self.lines.items() if path not in _enclosing(known)}
        self.options[path] = option
        for around in _enclosing(path):
            if around not in self.lines:
                self.options.setdefault(around, option)

    def message(self, problem: Problem) -> str:
        """ "digits.toml:12: optimizer.beta3: message", or "--set optimizer.beta3: message"."""
        option = self._option(problem.path)
        if option is None:
            return f"{self._file(problem.path)}:{self.line(problem.path)}: {problem}"
        path = "" if self.options.get(problem.path) == option else problem.path
        return f"{option}: {Problem(path, problem.message)}"

    def line(self, path: str) -> int:
        """The line of the setting, or of the closest table around it that is there."""
        return next((self.lines[known] for known in _enclosing(path) if known in self.lines), 1)

    def _file(self, path: str) -> str:
        closest = next((known for known in _enclosing(path) if known in self.lines), path)
        return self.files.get(closest, self.file)

    def _option(self, path: str) -> str | None:
        closest = next((known for known in _enclosing(path) if known in self.lines or known in self.options), None)
        return self.options.get(closest) if closest is not None else None


def _enclosing(path: str) -> Iterator[str]:
    """The path, then each path around it: a[0].b, a[0], a."""
    while path:
        yield path
        path = re.sub(r"\.?[^.\[]+$|\[\d+\]$", "", path)
