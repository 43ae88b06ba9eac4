"""Update rules by their definition: settings, and the chain of a rule and the rules inside it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any, final

from bpframe.protocols import Param, RuleFor
from bpframe.protocols.implements import implements
from bpframe.registry import arguments
from bpframe.registry.scheduled_arguments import scheduled_arguments
from bpframe.types import Array, Hyper, State


def hyper(component: object, updates: int, **known: Any) -> Hyper:
    """h of a component in the update that follows so many: its arguments at that time, those of inner rules nested."""
    h = SimpleNamespace(loss=None, total=None, param=None, weight=None, rows=None, rule=None, key=None)
    vars(h).update(known, step=updates + 1)
    for name, value in arguments(component).items():
        if hasattr(value, "init"):
            own = {"key": known["key"].child(name)} if known.get("key") is not None else {}
            value = hyper(value, updates, **known | own)
        elif callable(getattr(value, "value", None)):  # a schedule
            value = float(value.value(max(updates, 0)))
        setattr(h, name, value)
    return h


def at_present(component: Any, made: int) -> Any:
    """A layer or loss in which numbers stand for schedules, as of the step that follows so many."""
    kind = "loss" if hasattr(component, "value_and_delta") else "layer"
    moving = {each.name: float(each.schedule.value(made)) for each in scheduled_arguments(kind, component)}
    return replace(component, **moving) if moving else component


@final
@dataclass(frozen=True)
class Link:
    """A rule of a chain, and the names that lead to it."""

    rule: Any
    path: tuple[str, ...] = ()

    def h(self, outer: Hyper) -> Hyper:
        """Its part of the outermost rule's settings."""
        for name in self.path:
            outer = getattr(outer, name)
        return outer

    def state(self, outer: Mapping[str, Any]) -> State:
        """Its part of the outermost rule's state."""
        for name in self.path:
            outer = outer[name]
        return dict(outer)

    def with_state(self, outer: State, change: Callable[[State], State], depth: int = 0) -> State:
        """The outermost rule's state with this part changed."""
        if depth == len(self.path):
            return change(outer)
        name = self.path[depth]
        return {**outer, name: self.with_state(outer[name], change, depth + 1)}


def links(rule: Any, state: Mapping[str, Any], path: tuple[str, ...] = ()) -> Iterator[Link]:
    """The rule, and those inside it whose state stands in its own."""
    yield Link(rule, path)
    for name, inner in arguments(rule).items():
        if name in state and hasattr(inner, "update"):
            yield from links(inner, state[name], (*path, name))


def own_rule(rule: Any, param: Param) -> Any:
    """The rule for a parameter, as the rule, or else those inside it, decide."""
    if implements(rule, RuleFor):
        return rule.rule_for(param)
    given = arguments(rule)
    return type(rule)(**{k: own_rule(v, param) if hasattr(v, "update") else v for k, v in given.items()})


def sums_by_name(parts: Iterator[dict[str, Array]]) -> dict[str, Any]:
    """Sums by name of what several parameters give."""
    sums: dict[str, Any] = {}
    for part in parts:
        for name, value in part.items():
            sums[name] = sums.get(name, 0.0) + value
    return sums
