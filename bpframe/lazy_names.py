"""Lazy names of a module: what is seldom needed is imported from its home when it is first touched."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import Any


def lazy_names(module: str, names: dict[str, Any], home: Mapping[str, str], package: str) -> Callable[[str], Any]:
    """A `__getattr__` for the module, whose `names` (its globals) keep what was touched.

    `home`: by name, the module inside `package` that it comes from.
    """

    def touched(name: str) -> Any:
        if name not in home:
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        return names.setdefault(name, getattr(importlib.import_module(f"{package}.{home[name]}"), name))

    return touched
