"""The components among the arguments of a component."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from bpframe.registry.annotations import wanted
from bpframe.registry.builder import parameters


def gather(kind: str, component: Any, found: dict[type, str]) -> None:
    """Note the kind of a component and of those among its arguments, by class.

    Schedules stand in the place of numbers.
    """
    if component is None or isinstance(component, str):
        return
    found.setdefault(type(component), kind)
    for name, parameter in parameters(type(component)).items():
        want, value = wanted(parameter), getattr(component, name, None)
        inner = "schedule" if want.number and hasattr(value, "value") else want.kind or want.kind_of_items
        for part in (value if isinstance(value, list | tuple) else [value]) if inner else ():
            gather(inner or "", part, found)


def classes(components: Iterable[Any]) -> set[type]:
    """The classes of components and of those among their arguments."""
    found: dict[type, str] = {}
    for component in components:
        gather("", component, found)
    return set(found)
