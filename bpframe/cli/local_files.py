"""The option --plugin: components of local files that nobody has packaged."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from bpframe.registry import Provider

OPTION = "--plugin"
TARGET = re.compile(r"(.+\.py)(?::(\w+))?", re.DOTALL)  # FILE.py, or FILE.py:Class

plugin_option = click.option(
    OPTION,
    "plugins",
    multiple=True,
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Use the components of a Python file, too; may be repeated.",
)


def plugin_files(command: Callable[..., Any]) -> Callable[..., Any]:
    """The command with the option."""

    @plugin_option
    @functools.wraps(command)
    def run(*arguments: Any, plugins: Sequence[Path], **options: Any) -> Any:
        declare_plugin_files(plugins)
        return command(*arguments, **options)

    return run


def declare_plugin_files(files: Sequence[Path]) -> None:
    """Offer the components of the files; ConfigError or BlockedComponent for what cannot be used."""
    if files:
        from bpframe.registry import registry
        from bpframe.registry.plugin_files import declare

        for file in files:
            declare(registry, file)


def plugin_words() -> list[str]:
    """The words of a command line that give the files of this process again."""
    from bpframe.registry.plugin_files import declared_files

    return [word for file in declared_files() for word in (OPTION, str(file.path))]


def is_plugin_file(target: str) -> bool:
    """Whether a target is FILE.py or FILE.py:Class."""
    return TARGET.fullmatch(target) is not None


def file_components(target: str) -> list[Provider]:
    """The components of FILE.py, or the one that FILE.py:Class, or FILE.py:name, means; ConfigError otherwise."""
    from bpframe.errors import ConfigError
    from bpframe.registry import registry
    from bpframe.registry.plugin_files import declare

    match = TARGET.fullmatch(target)
    assert match
    file, wanted = match.groups()
    providers = declare(registry, file)
    found = [p for p in providers if wanted in (None, p.name, p.target.partition(":")[2])]
    if not found:
        classes = ", ".join(p.target.partition(":")[2] for p in providers)
        raise ConfigError(f"The plugin file '{file}' has no component {wanted}. It has: {classes}.")
    return found
