"""Data sources of a config: a data set by name, with arguments, or a file and the source that reads it."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, final

from bpframe.data.arguments import suggestion
from bpframe.data.sources.by_name import BY_NAME, load
from bpframe.data.sources.selection import Rows, Selection
from bpframe.errors import ConfigError, DataError
from bpframe.protocols import Source
from bpframe.protocols.traits import holds_arrays
from bpframe.registry import registry
from bpframe.registry.builder import Builder, parameters
from bpframe.registry.describe import describe
from bpframe.types import HostArray

Pair = tuple[HostArray, HostArray]


@final
@dataclass(frozen=True)
class NamedSource:
    """A data set of `bpframe.datasets`."""

    name: str
    arguments: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.name

    @property
    def table(self) -> bool:
        """Whether its columns have names."""
        return False

    def read(self, folder: Path, selection: Selection) -> Rows:
        """x (N, n) and y (N,)."""
        return Rows(*load(self.name, **self.arguments))

    def errors(self, folder: Path) -> AbstractContextManager[object]:
        """A block in which errors about its rows name it; rows of data sets have none."""
        return nullcontext()

    def spec(self, folder: Path) -> Any:
        """What a config holds for it: every argument, those left out with their defaults."""
        return {"name": self.name, **self.arguments} if self.arguments else self.name


@final
@dataclass(frozen=True)
class FileSource:
    """A file; a relative path starts at the folder of the config. `named`: the config names the source that reads it.

    A source that is not named is that of the file's suffix.
    """

    path: Path
    reader: Source
    named: bool = False

    def __str__(self) -> str:
        return str(self.path)

    @property
    def table(self) -> bool:
        """Whether inputs and targets are columns of one table, so that the target needs a name."""
        return not holds_arrays(self.reader)

    def read(self, folder: Path, selection: Selection) -> Rows:
        """The rows of the file."""
        from bpframe.data.sources.files import read_rows  # only here: data sets can do without

        return read_rows(folder / self.path, selection, self.reader)

    def errors(self, folder: Path) -> AbstractContextManager[object]:
        """A block in which errors about its rows name it."""
        from bpframe.data.sources.files import naming_file

        return naming_file(folder / self.path, self.reader, self.path)

    def spec(self, folder: Path) -> Any:
        """What a config in any folder holds for it."""
        path = str((folder / self.path).absolute())
        return {**describe(registry, "source", self.reader), "path": path} if self.named else path


@final
@dataclass(frozen=True)
class ProgramSource:
    """The arrays that a program handed to `fit`: its run holds their digests, and nothing can read them again."""

    name: ClassVar[str] = "program"
    table: ClassVar[bool] = False

    def __str__(self) -> str:
        return self.name

    def read(self, folder: Path, selection: Selection) -> Rows:
        """ConfigError: nobody can."""
        raise ConfigError(
            "'program' stands for arrays that a program handed to fit, which no config can read. Name a file or a data "
            "set; bpframe.Run(folder).data(train=(x, y)) compares arrays with those of the run."
        )

    def errors(self, folder: Path) -> AbstractContextManager[object]:
        """A block in which errors about its rows name it; it has none."""
        return nullcontext()

    def spec(self, folder: Path) -> Any:
        """What a config holds for it."""
        return self.name


AnySource = NamedSource | FileSource | ProgramSource


def build_source(builder: Builder, given: object, path: str) -> AnySource | None:
    """The source that a name, a path or a table means; None where a problem was noted.

    A table has `name` and arguments of a data set, or the `path` of a file, the `name` of the source that reads it, by
    default that of its suffix, and arguments of that.
    """
    if given == ProgramSource.name:
        return ProgramSource()
    spec = _as_table(given)
    if isinstance(spec, Mapping) and isinstance(spec.get("path"), str):
        return _file(builder, spec, path)
    if not isinstance(spec, Mapping) or not isinstance(spec.get("name"), str):
        builder.report(path, f"wants a data set's name, a file, or a table with 'name' and arguments, got {given!r}.")
        return None
    name, arguments = spec["name"], {key: value for key, value in spec.items() if key != "name"}
    if name not in BY_NAME:
        builder.report(path, _unknown(name))
        return None
    named: NamedSource | None = builder.call(_recorder(name, BY_NAME[name]), arguments, path)
    return named


def build_file(builder: Builder, given: object, path: str) -> FileSource | None:
    """The file that a path or a table with `path` means; None where a problem was noted."""
    spec = _as_table(given)
    if not isinstance(spec, Mapping) or not isinstance(spec.get("path"), str):
        builder.report(path, f"wants a file, or a table with its 'path', got {given!r}.")
        return None
    return _file(builder, spec, path)


def named_reader(spec: object) -> dict[str, Any] | None:
    """The specification of the source that reads a config's file, where it is named, given arguments, or not bpframe's.

    None otherwise; DataError where no source reads such files.
    """
    from bpframe.data.sources.formats import foreign_source, source_name

    table = _as_table(spec)
    if not isinstance(table, Mapping) or not isinstance(table.get("path"), str):
        return None
    path, arguments = Path(table["path"]), {key: value for key, value in table.items() if key != "path"}
    if "name" in arguments:
        return arguments
    name = foreign_source(path) or (source_name(path) if arguments else None)
    return None if name is None else {"name": name, **arguments}


def _as_table(given: object) -> object:
    """A name that is no data set's, and ends as files do, as a table."""
    if not isinstance(given, str):
        return given
    return {"path": given} if Path(given).suffix and given not in BY_NAME else {"name": given}


def _file(builder: Builder, spec: Mapping[str, Any], path: str) -> FileSource | None:
    """The file of a table with `path`; None where a problem was noted."""
    from bpframe.data.sources.formats import source_name

    file = Path(spec["path"])
    try:
        named = named_reader(spec)
        reader = builder.build("source", source_name(file) if named is None else named, path)
    except DataError:
        builder.report(path, _unknown(str(file)))
        return None
    return reader and FileSource(file, reader, named is not None)


def _recorder(name: str, function: Callable[..., Pair]) -> Callable[..., NamedSource]:
    """A function with the signature of a data set that only notes the arguments, defaults included."""

    defaults = {key: parameter.default for key, parameter in parameters(function).items()}

    def record(**arguments: Any) -> NamedSource:
        return NamedSource(name, {**defaults, **arguments})

    return functools.update_wrapper(record, function)


def _unknown(name: str) -> str:
    if name in registry.names("source"):
        return f"source '{name}' reads files: it needs their 'path', which is missing."
    from bpframe.data.sources.formats import suffixes

    hint = suggestion(name, BY_NAME)
    return (
        f"no data set named '{name}'.{hint} There are: {', '.join(BY_NAME)}. "
        f"A file needs one of the suffixes {', '.join(suffixes())}, or a table with its 'path' and a source's 'name'."
    )
