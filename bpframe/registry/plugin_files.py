"""Plugin files: components in a Python file that nobody has packaged.

Which ones it holds is read off its text; the file runs when one of them is loaded, as the very bytes that were read.
They are local components, as those that a program registers: "local/NAME", with the digest of the file as version.
Configs, locks and model files have that name and that digest, never where the file is.
"""

from __future__ import annotations

import ast
import os
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.abc import InspectLoader, MetaPathFinder
from pathlib import Path
from types import CodeType, ModuleType
from typing import TYPE_CHECKING, Any, final

from bpframe.errors import ConfigError
from bpframe.registry.class_kinds import Offer, class_offers
from bpframe.registry.code_digest import digest
from bpframe.registry.kinds import KINDS
from bpframe.registry.lookup import Registry
from bpframe.registry.policy import LOCAL
from bpframe.registry.provider import Provider
from bpframe.regular_files import open_regular

if TYPE_CHECKING:
    from importlib.machinery import ModuleSpec

MODULE = "bpframe_local_"  # begins the names of their modules, so that none hides another
MOST_BYTES = 10_000_000


@final
@dataclass(frozen=True)
class PluginFile:
    """A file as it was read: where it is, what it says, and what it offers."""

    path: Path
    content: bytes = field(repr=False)
    offers: tuple[Offer, ...]

    @property
    def module(self) -> str:
        """The name of its module: "bpframe_local_my" of my.py."""
        return MODULE + re.sub(r"\W", "_", self.path.stem)

    @property
    def digest(self) -> str:
        """The digest of what it says."""
        return digest(self.content)

    def providers(self) -> list[Provider]:
        """Its components; nothing of it runs before one is loaded."""
        return [self._provider(offer) for offer in self.offers]

    def _provider(self, offer: Offer) -> Provider:
        from importlib.metadata import EntryPoint

        target = f"{self.module}:{offer.cls}"
        load = EntryPoint(offer.name, target, KINDS[offer.kind].group).load
        return Provider(offer.kind, offer.name, LOCAL, self.digest, target, f"of {self.path.name}", load)


@final
class _Loader(InspectLoader):
    """Runs the bytes that were read, so that what runs is what the digest is of."""

    def __init__(self, file: PluginFile) -> None:
        self._file = file

    def get_source(self, fullname: str) -> str:
        return self._file.content.decode()

    def get_code(self, fullname: str) -> CodeType:
        return compile(self._file.content, str(self._file.path), "exec", dont_inherit=True)

    def exec_module(self, module: ModuleType) -> None:
        exec(self.get_code(module.__name__), vars(module))


@final
class _Finder(MetaPathFinder):
    """Finds the modules of plugin files for the import system."""

    def __init__(self) -> None:
        self.files: dict[str, PluginFile] = {}

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        file = self.files.get(fullname)
        if file is None:
            return None
        from importlib.util import spec_from_file_location

        return spec_from_file_location(fullname, file.path, loader=_Loader(file))


_FINDER = _Finder()


def declare(registry: Registry, path: str | os.PathLike[str]) -> list[Provider]:
    """The components of a file, on offer from now on; ConfigError where it has none, or names that are taken.

    BlockedComponent where a policy allows no files.
    """
    file = read_plugin_file(path)
    known = _FINDER.files.get(file.module)
    if known is not None and known.path.absolute() != file.path.absolute():
        raise ConfigError(f"{file.path} and {known.path} have the same name. Rename one of these plugin files.")
    providers = file.providers()
    registry.declare(providers, str(file.path))
    if _FINDER not in sys.meta_path:
        sys.meta_path.append(_FINDER)
    if known is None or known.content != file.content:
        sys.modules.pop(file.module, None)
        _FINDER.files[file.module] = file
    return providers


def declared_files() -> Sequence[PluginFile]:
    """The files that were declared in this process, in that order."""
    return list(_FINDER.files.values())


def read_plugin_file(path: str | os.PathLike[str]) -> PluginFile:
    """The file; ConfigError where it cannot be read, is no Python, or holds no component."""
    place = Path(path)
    if place.suffix != ".py":
        raise ConfigError(f"A plugin file needs a name that ends in .py, got '{place}'.")
    try:
        with open_regular(place) as file:
            content = file.read(MOST_BYTES + 1)
        tree = ast.parse(content, str(place))
    except OSError as error:
        raise ConfigError(f"The plugin file '{place}' cannot be read: {error.strerror or error}.") from None
    except (SyntaxError, ValueError, RecursionError) as error:
        line = (isinstance(error, SyntaxError) and error.lineno) or 1
        raise ConfigError(f"{place}:{line}: this plugin file is no Python: {error}.") from None
    if len(content) > MOST_BYTES:
        raise ConfigError(f"The plugin file '{place}' needs at most {MOST_BYTES} bytes, got more.")
    found = tuple(class_offers(place, tree))
    if not found:
        raise ConfigError(
            f"The plugin file '{place}' holds no component: it needs a class with the methods of a kind, such as a "
            "loss's value_and_delta(scores, target). What each kind needs: bpframe docs write-a-plugin."
        )
    names = [(offer.kind, offer.name) for offer in found]
    if twice := next((each for each in names if names.count(each) > 1), None):
        raise ConfigError(f"The plugin file '{place}' has two classes that are called {twice[0]} '{twice[1]}'.")
    return PluginFile(place, content, found)
