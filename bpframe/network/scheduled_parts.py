"""Scheduled parts: copies of layers and a cost that hold a number wherever a schedule stands for a setting.

A component reads its settings from itself, as `self.rate`. Where a schedule stands for one, whoever computes works on a
copy of the component, in which the setting is the number of the present step; a component that holds such a one is
copied, too. Components in which nothing is scheduled are themselves.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any, final

from bpframe.network.backprop import CostLayer, Layers
from bpframe.registry.scheduled_arguments import ScheduledArgument, scheduled_arguments

START = 0.0  # what stands for a setting until `hold`
CLOSED = (type, FunctionType, BuiltinFunctionType, ModuleType)  # objects that are not looked into
UNNAMED = ("__dict__", "__weakref__")


@final
class ScheduledParts:
    """Layers and cost, those in copies that have scheduled settings or hold such; `settings` in their order.

    `hold` puts numbers in the place of all of them. `none`: that nothing is scheduled is known.
    """

    def __init__(self, layers: Layers, cost: CostLayer, none: bool = False) -> None:
        self.layers, self.cost = layers, cost
        self.settings = [] if none else list(_settings(layers, cost))
        places: dict[int, list[tuple[Any, str]]] = {id(each.schedule): [] for each in self.settings}
        self.places = [places[id(each.schedule)] for each in self.settings]  # (copy, attribute) of each setting
        self.values: Sequence[Any] = [START] * len(self.settings)
        if self.settings:
            copies = _Copies(places)
            self.layers = tuple((label, copies.of(layer)) for label, layer in layers)
            self.cost = CostLayer(copies.of(cost.loss), copies.of(cost.link))

    def hold(self, values: Sequence[Any]) -> None:
        """Let every scheduled setting be the number at its place in `values`."""
        self.values = values
        for value, places in zip(values, self.places, strict=True):
            for owner, name in places:
                object.__setattr__(owner, name, value)

    @contextmanager
    def holding(self, values: Sequence[Any]) -> Iterator[None]:
        """A block in which the settings are these."""
        before = self.values
        self.hold(values)
        try:
            yield
        finally:
            self.hold(before)


def _settings(layers: Layers, cost: CostLayer) -> Iterator[ScheduledArgument]:
    for i, (_, layer) in enumerate(layers):
        yield from scheduled_arguments("layer", layer, f"network[{i}]")
    yield from scheduled_arguments("loss", cost.loss, "loss")


@final
class _Copies:
    """Copies of what holds schedules; `places`: by the identity of a schedule, where copies hold its number."""

    def __init__(self, places: Mapping[int, list[tuple[Any, str]]]) -> None:
        self._places = places
        self._made: dict[int, Any] = {}
        self._holding: dict[int, bool] = {}

    def of(self, value: Any) -> Any:
        """The value itself, or what stands for it where it holds a schedule."""
        if id(value) in self._made:
            return self._made[id(value)]
        if isinstance(value, MethodType):  # of an owner that is copied, perhaps
            return MethodType(value.__func__, self.of(value.__self__))
        if not self._holds(value):
            return value
        if isinstance(value, tuple | list):
            return type(value)(map(self.of, value))
        if isinstance(value, dict):
            return {name: self.of(item) for name, item in value.items()}
        return self._copy(value)

    def _copy(self, component: Any) -> Any:
        new = self._made[id(component)] = copy.copy(component)  # before what it holds: its own methods, perhaps
        for name, old in _attributes(component).items():
            if id(old) in self._places:
                self._places[id(old)].append((new, name))
                object.__setattr__(new, name, START)
            elif isinstance(getattr(type(component), name, None), cached_property):
                vars(new).pop(name)
            elif (inside := self.of(old)) is not old:
                object.__setattr__(new, name, inside)
        return new

    def _holds(self, value: Any) -> bool:
        """Whether a schedule stands in an attribute, at any depth."""
        if id(value) not in self._holding:
            self._holding[id(value)] = False  # while it is looked at
            inside = _inside(value)
            self._holding[id(value)] = any(id(each) in self._places or self._holds(each) for each in inside)
        return self._holding[id(value)]


def _inside(value: Any) -> Sequence[Any]:
    """What a component or a container holds."""
    if isinstance(value, dict):
        return list(value.values())
    if isinstance(value, tuple | list):
        return value
    return list(_attributes(value).values())


def _attributes(component: Any) -> dict[str, Any]:
    """The attributes of an instance by name; none of classes, functions and what has no attributes of its own."""
    if isinstance(component, CLOSED):
        return {}
    slots = (name for cls in type(component).__mro__ for name in getattr(cls, "__slots__", ()))
    named = {name: getattr(component, name) for name in slots if name not in UNNAMED and hasattr(component, name)}
    return {**named, **getattr(component, "__dict__", {})}
