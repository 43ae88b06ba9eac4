"""Import of a provider's target: the one module that its entry point names."""

from __future__ import annotations

import re

from bpframe.errors import BrokenComponent, IncompatibleComponent
from bpframe.registry import policy
from bpframe.registry.constructor import Component
from bpframe.registry.provider import Provider
from bpframe.registry.safe_text import error_text

TARGET = re.compile(r"[\w.]+\s*:\s*[\w.]+\s*(\[.*\])?")  # an entry point's module:attribute, and extras


def import_target(provider: Provider) -> Component:
    """The class or function; BrokenComponent where its import fails, IncompatibleComponent for anything else."""
    if provider.dist != policy.LOCAL and not TARGET.fullmatch(provider.target):
        raise BrokenComponent(f"{provider} has a malformed entry point: it needs module:Class. Tell its author.")
    try:
        component: Component = provider.load()
    except KeyboardInterrupt:
        raise
    except BaseException as cause:  # SystemExit too: a plugin must not end the program
        raise BrokenComponent(f"{provider} fails on import: {error_text(cause)}") from cause
    if not callable(component):
        raise IncompatibleComponent(f"{provider} is not a class or a function, but {type(component).__name__}.")
    return component
