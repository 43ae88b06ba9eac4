"""Purity of components: arguments are not changed, nothing is kept, and equal calls give equal bits."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Iterator, Mapping
from types import ModuleType
from typing import Any

import numpy as np

from bpframe.errors import CheckFailed
from bpframe.testing.laws.comparison import require, require_same_bits

DEPTH = 6  # levels of nested objects to follow


def make_read_only(structure: object, depth: int = DEPTH) -> Any:
    """Make every array in the structure (mappings, sequences, attributes) read-only, and return the structure."""
    if isinstance(structure, np.ndarray):
        structure.flags.writeable = False
    elif depth:
        for item in _items(structure):
            make_read_only(item, depth - 1)
    return structure


def call_read_only(name: str, call: Callable[..., Any], *arguments: Any) -> Any:
    """call(*arguments) on read-only copies of the arguments; CheckFailed if it writes into one of them."""
    copies = make_read_only(copy.deepcopy(arguments))
    try:
        result = call(*copies)
    except ValueError as error:
        if "read-only" not in str(error):
            raise
        raise CheckFailed(f"{name} writes into an array that it was given, but its arguments are read-only") from error
    require_same_bits(f"the arguments of {name}", list(_numbers(copies)), list(_numbers(arguments)))
    return result


def determinism_check(component: object) -> Callable[[Callable[[], Any]], None]:
    """A check of calls: the same bits twice, no draws from a global generator, no change of the component's attributes.

    The attributes are recorded here, before any other check has used the component.
    """
    before = attribute_texts(component)

    def check(call: Callable[[], Any]) -> None:
        drawn = global_random_state()
        first, second = call(), call()
        require(
            global_random_state() == drawn,
            "draws from a global random generator; use the key or generator that is given",
        )
        after = attribute_texts(component)
        changed = [name for name in after if after[name] != before.get(name)]
        require(not changed, f"keeps {', '.join(map(repr, changed))} on itself; state must be handed back")
        require_same_bits("a second call", second, first)

    return check


def global_random_state() -> object:
    """The state of NumPy's and of Python's global generator."""
    name, words, *rest = np.random.get_state()
    return name, np.asarray(words).tobytes(), *rest, random.getstate()


def attribute_texts(component: object) -> dict[str, str]:
    """A text for the value of each attribute of a component."""
    return {name: _text(value, DEPTH) for name, value in getattr(component, "__dict__", {}).items()}


def _numbers(structure: object, depth: int = DEPTH) -> Iterator[np.ndarray[Any, Any]]:
    """Every array and every number in nested mappings, sequences and attributes."""
    if isinstance(structure, np.ndarray | np.generic | float | int):
        yield np.asarray(structure)
    elif depth:
        for item in _items(structure):
            yield from _numbers(item, depth - 1)


def _text(value: object, depth: int) -> str:
    if isinstance(value, np.ndarray):
        return f"{value.dtype}{value.shape}{value.tobytes().hex()}"
    items = _items(value) if depth else []
    return f"{type(value).__name__}[{', '.join(_text(item, depth - 1) for item in items)}]" if items else repr(value)


def _items(value: object) -> list[Any]:
    if isinstance(value, Mapping):
        return list(value.values())
    if isinstance(value, list | tuple):
        return list(value)
    opaque = callable(value) or isinstance(value, ModuleType) or not hasattr(value, "__dict__")
    return [] if opaque else list(vars(value).values())
