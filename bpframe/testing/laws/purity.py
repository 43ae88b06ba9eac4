"""Components keep nothing and change nothing: what they are given stays as it is, twice gives the same bits."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Iterator, Mapping
from types import ModuleType
from typing import Any

import numpy as np

from bpframe.errors import CheckFailed
from bpframe.testing.laws.comparison import require, same

DEPTH = 6  # how far nested objects are followed


def freeze(structure: Any, depth: int = DEPTH) -> Any:
    """The structure itself, every array in it (in mappings, sequences, attributes) made read-only."""
    if isinstance(structure, np.ndarray):
        structure.flags.writeable = False
    elif depth:
        for item in _items(structure):
            freeze(item, depth - 1)
    return structure


def untouched(name: str, call: Callable[..., Any], *arguments: Any) -> Any:
    """call(*arguments) on read-only copies of the arguments; CheckFailed if it writes into one of them."""
    frozen = freeze(copy.deepcopy(arguments))
    try:
        result = call(*frozen)
    except ValueError as error:
        if "read-only" not in str(error):
            raise
        raise CheckFailed(f"{name} writes into an array that it was given, but its arguments are read-only") from error
    same(f"the arguments of {name}", list(_numbers(frozen)), list(_numbers(arguments)))
    return result


def deterministic(component: Any) -> Callable[[Callable[[], Any]], None]:
    """A check of calls: the same bits twice, no draws from a global generator, nothing kept on the component.

    What stands on the component is noted now, before any other check has used it.
    """
    before = remembered(component)

    def check(call: Callable[[], Any]) -> None:
        drawn = global_draws()
        first, second = call(), call()
        require(global_draws() == drawn, "draws from a global random generator; use the key or generator that is given")
        after = remembered(component)
        changed = [name for name in after if after[name] != before.get(name)]
        require(not changed, f"keeps {', '.join(map(repr, changed))} on itself; state must be handed back")
        same("a second call", second, first)

    return check


def global_draws() -> object:
    """The state of NumPy's and of Python's global generator."""
    name, words, *rest = np.random.get_state()
    return name, np.asarray(words).tobytes(), *rest, random.getstate()


def remembered(component: Any) -> dict[str, str]:
    """A text of everything that stands on a component, by attribute."""
    return {name: _text(value, DEPTH) for name, value in getattr(component, "__dict__", {}).items()}


def _numbers(structure: Any, depth: int = DEPTH) -> Iterator[np.ndarray[Any, Any]]:
    """Every array and every number in nested mappings, sequences and attributes."""
    if isinstance(structure, np.ndarray | np.generic | float | int):
        yield np.asarray(structure)
    elif depth:
        for item in _items(structure):
            yield from _numbers(item, depth - 1)


def _text(value: Any, depth: int) -> str:
    if isinstance(value, np.ndarray):
        return f"{value.dtype}{value.shape}{value.tobytes().hex()}"
    items = _items(value) if depth else []
    return f"{type(value).__name__}[{', '.join(_text(item, depth - 1) for item in items)}]" if items else repr(value)


def _items(value: Any) -> list[Any]:
    if isinstance(value, Mapping):
        return list(value.values())
    if isinstance(value, list | tuple):
        return list(value)
    opaque = callable(value) or isinstance(value, ModuleType) or not hasattr(value, "__dict__")
    return [] if opaque else list(vars(value).values())
