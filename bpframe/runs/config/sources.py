"""Data sources of a config: a data set by name, with arguments, or a file."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, final

from bpframe.data.arguments import suggestion
from bpframe.data.sources.by_name import BY_NAME, load
from bpframe.data.sources.files import SUFFIXES, read
from bpframe.registry.builder import Builder, parameters
from bpframe.types import HostArray

Pair = tuple[HostArray, HostArray]


@final
@dataclass(frozen=True)
class NamedSource:
    """A data set of `bpframe.datasets`."""

    name: str
    arguments: Mapping[str, Any] = field(default_factory=dict)

    def read(self, folder: Path, target: str | None) -> Pair:
        """x (N, n) and y (N,)."""
        return load(self.name, **self.arguments)

    def spec(self, folder: Path) -> Any:
        """What a config holds for it: every argument, those left out with their defaults."""
        return {"name": self.name, **self.arguments} if self.arguments else self.name


@final
@dataclass(frozen=True)
class FileSource:
    """A file; a relative path starts at the folder of the config."""

    path: Path

    @property
    def table(self) -> bool:
        """Whether inputs and targets are columns of one table, so that the target needs a name."""
        return self.path.suffix.lower() == ".csv"

    def read(self, folder: Path, target: str | None) -> Pair:
        """x (N, ...) and y (N, ...); the target column matters to tables only."""
        return read(folder / self.path, target if self.table else None)

    def spec(self, folder: Path) -> str:
        """What a config in any folder holds for it."""
        return str((folder / self.path).absolute())


def build_source(builder: Builder, given: object, path: str) -> NamedSource | FileSource | None:
    """The source that a name, a path or a table with `name` and arguments means; None where a problem was noted."""
    if isinstance(given, str) and given.lower().endswith(SUFFIXES):
        return FileSource(Path(given))
    spec = {"name": given} if isinstance(given, str) else given
    if not isinstance(spec, Mapping) or not isinstance(spec.get("name"), str):
        builder.report(path, f"wants a data set's name, a file, or a table with 'name' and arguments, got {given!r}.")
        return None
    name, arguments = spec["name"], {key: value for key, value in spec.items() if key != "name"}
    if name not in BY_NAME:
        builder.report(path, _unknown(name))
        return None
    named: NamedSource | None = builder.call(_recorder(name, BY_NAME[name]), arguments, path)
    return named


def _recorder(name: str, function: Callable[..., Pair]) -> Callable[..., NamedSource]:
    """A function with the signature of a data set that only notes the arguments, defaults included."""

    defaults = {key: parameter.default for key, parameter in parameters(function).items()}

    def record(**arguments: Any) -> NamedSource:
        return NamedSource(name, {**defaults, **arguments})

    return functools.update_wrapper(record, function)


def _unknown(name: str) -> str:
    hint = suggestion(name, BY_NAME)
    return (
        f"no data set named '{name}'.{hint} There are: {', '.join(BY_NAME)}. "
        f"A file needs one of the suffixes {', '.join(SUFFIXES)}."
    )
