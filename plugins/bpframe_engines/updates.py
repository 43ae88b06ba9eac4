"""Updates of the reference engine: what acts on each parameter, one after the other.

p any parameter, g its gradient; states: those of the gradient steps and, last, of the rule; h the settings of a
component.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from functools import reduce
from types import SimpleNamespace
from typing import Any, final

from bpframe.plugin import Adjust, Displace, EvaluationParams, Group, Param, Periodic, Restart

ACTING = ("update", "transform", "value_and_gradient", "project")  # a method that each component of an update has
Path = tuple[str, ...]


def leaves(tree: Mapping[str, Any], path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """(path, leaf) of every leaf."""
    for name, node in tree.items():
        if isinstance(node, Mapping):
            yield from leaves(node, (*path, name))
        else:
            yield (*path, name), node


def arguments(component: Any) -> dict[str, Any]:
    """The arguments that a component was made with."""
    return {name: getattr(component, name) for name in inspect.signature(type(component)).parameters}


def settings(component: Any, step: int, known: Mapping[str, Any]) -> Any:
    """h in the update that follows `step` updates: numbers at their value, components inside as an h of their own."""
    unknown = {"total": None, "rule": None, "param": None, "rows": None, "key": None, "project": lambda p: p}
    h = SimpleNamespace(**{**unknown, **known, "step": step + 1})
    for name, value in arguments(component).items():
        if hasattr(value, "value"):
            setattr(h, name, float(value.value(step)))
        elif any(hasattr(value, method) for method in ACTING):
            setattr(h, name, settings(value, step, {**known, "key": h.key and h.key.child(name)}))
        elif isinstance(value, int | float):
            setattr(h, name, value)
    return h


def chain(rule: Any, state: Mapping[str, Any], path: Path = ()) -> Iterator[tuple[Any, Path]]:
    """(rule, where its state and its settings are in those of the outermost), from the outermost inwards."""
    yield rule, path
    for name, inner in arguments(rule).items():
        if hasattr(inner, "update") and name in state:
            yield from chain(inner, state[name], (*path, name))


def inside(outer: Any, path: Path) -> Any:
    """The state, or the h, at a path of the outermost one's."""
    return reduce(lambda at, name: at[name] if isinstance(at, Mapping) else getattr(at, name), path, outer)


def replaced(state: Mapping[str, Any], path: Path, own: Any) -> Any:
    """The outermost state with that at a path exchanged."""
    return {**state, path[0]: replaced(state[path[0]], path[1:], own)} if path else own


@final
class ParameterUpdate:
    """The update of one parameter of a group; `penalised`: whether the group's penalties act on it."""

    def __init__(self, group: Group, param: Param, penalised: bool) -> None:
        self.group, self.param, self.penalised = group, param, penalised

    def initial(self, p: Any) -> list[Any]:
        """The states before the first step."""
        rule: Any = self.group.rule
        return [part.init(p) for part in (*self.group.gradient_steps, rule)]

    def h(self, part: Any, step: int, known: Mapping[str, Any], name: str = "") -> Any:
        """h of a component; one of a `name` draws by a key of its own, and of the parameter."""
        key = known["key"].child(name).child(self.param.name) if name else None
        return settings(part, max(step, 0), {**known, "param": self.param, "key": key})

    def project(self, p: Any, step: int) -> Any:
        """p as the constraints allow it."""
        for part in self.group.constraints:
            p = part.project(p, self.h(part, step, {}))
        return p

    def update(self, p: Any, g: Any, states: list[Any], step: int, known: Mapping[str, Any]) -> tuple[Any, Any, Any]:
        """(p, states, penalty) after penalties, gradient steps, rule and constraints.

        What follows a gradient step that gathers waits until it is due.
        """
        rule: Any = self.group.rule
        states = list(states)
        penalty: Any = 0.0
        for penalty_part in self.group.regularizers if self.penalised else ():
            value, slope = penalty_part.value_and_gradient(p, self.h(penalty_part, step, known))
            penalty, g = penalty + value, g + slope
        for k, part in enumerate(self.group.gradient_steps):
            h = self.h(part, step, known, f"gradient_steps[{k}]")
            h.rule = self.h(rule, step, known)
            g, states[k] = part.transform(p, g, states[k], h)
            if isinstance(part, Adjust):
                p, states[-1] = self._displaced(p, part.adjust(p, h) - p, states[-1], step)
            if isinstance(part, Periodic):
                if (step + 1) % part.period:
                    return p, states, penalty
                step = (step + 1) // part.period - 1
        h = self.h(rule, step, {**known, "project": lambda p: self.project(p, step)}, "optimizer")
        p, states[-1] = rule.update(p, g, states[-1], h)
        return self.project(p, step), states, penalty

    def _displaced(self, p: Any, change: Any, state: Any, step: int) -> tuple[Any, Any]:
        for part, path in chain(self.group.rule, state):
            if isinstance(part, Displace):
                h = inside(self.h(self.group.rule, step, {}), path)
                p, own = part.displace(p, change, inside(state, path), h)
                return p, replaced(state, path, own)
        return p + change, state

    def restarted(self, p: Any, states: list[Any]) -> list[Any]:
        """The states once the parameter was set to p."""
        state = states[-1]
        for part, path in list(chain(self.group.rule, state)):
            if isinstance(part, Restart):
                state = replaced(state, path, part.restart(p, inside(state, path)))
        return [*states[:-1], state]

    def shown(self, p: Any, states: list[Any], step: int) -> Any:
        """The parameter to predict with after `step` steps."""
        for part, path in chain(self.group.rule, states[-1]) if step else ():
            if isinstance(part, EvaluationParams):
                h = inside(self.h(self.group.rule, step - 1, {}), path)
                return self.project(part.evaluation_params(p, inside(states[-1], path), h), step - 1)
        return p
