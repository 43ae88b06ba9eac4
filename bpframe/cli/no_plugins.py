"""The option --no-plugins: a command uses components of bpframe itself only."""

from __future__ import annotations

import functools
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import click

OPTION = "--no-plugins"


def no_plugins(command: Callable[..., Any]) -> Callable[..., Any]:
    """The command with the option."""

    @click.option(OPTION, is_flag=True, help="Use components of bpframe itself only.")
    @functools.wraps(command)
    def run(*arguments: Any, no_plugins: bool, **options: Any) -> Any:
        with core_only(no_plugins):
            return command(*arguments, **options)

    return run


def core_only(wanted: bool) -> AbstractContextManager[None]:
    """A block in which no other components than bpframe's own are used, if that is wanted."""
    from bpframe.registry import Policy, registry

    return registry.restricted(Policy(frozenset(), origin=OPTION)) if wanted else nullcontext()
