"""The builder: components made from specifications, all mistakes reported at once.

A specification is a name, a mapping with `name` and arguments, or a ready object. Arguments are checked against the
constructor's signature, all mistakes at once; an argument whose annotation names a protocol (`inner: Optimizer`) is
itself a specification; a schedule may stand for a float argument of an optimizer, gradient step, regularizer,
augmentation, layer, activation or loss.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from functools import lru_cache
from numbers import Real
from typing import Any

from bpframe.errors import BpframeError, BrokenComponent, ConfigError, Problem, UnknownComponent
from bpframe.registry import path_arguments
from bpframe.registry.annotations import Mismatch, Wanted
from bpframe.registry.constructor import Component, arguments, parameters, required_arguments, wants
from bpframe.registry.labelled import Labelled
from bpframe.registry.lookup import Registry
from bpframe.registry.nested import is_schedule, is_specification, walk
from bpframe.registry.other_words import argument_suggestion
from bpframe.registry.policy import LOCAL
from bpframe.registry.provider import Provider
from bpframe.registry.safe_text import add_note, error_text
from bpframe.registry.scheduled_arguments import MOVING, refusal, refuse_fixed

SCHEDULED = ("optimizer", "gradient_step", "regularizer", "augmentation")  # kinds that read moving settings from h
FOLLOWING = (*SCHEDULED, *MOVING)
SCHEDULED_KINDS = "optimizers, gradient steps, regularizers, augmentations, layers, activations and losses"
Spec = Any  # a name, a mapping, or a ready object

__all__ = ["FOLLOWING", "SCHEDULED", "Builder", "Spec", "arguments", "parameters"]


class Builder:
    """Builds specifications and gathers what is wrong with them in `problems`, each with its dotted path."""

    def __init__(self, registry: Registry) -> None:
        self.registry = registry
        self.problems: list[Problem] = []
        self._first: BpframeError | None = None
        self._known: dict[tuple[str, str], tuple[Provider, Component]] = {}

    def build(self, kind: str, spec: Spec, path: str = "") -> Any:
        """The component; None where a problem was found."""
        if isinstance(spec, str):
            spec = {"name": spec}
        elif not isinstance(spec, Mapping):
            return self._adopt(kind, spec, path)
        if not isinstance(spec.get("name"), str):
            names = ", ".join(self.registry.names(kind))
            return self.report(path, f"{kind} wants a name, got {dict(spec)!r}. Names: {names}.")
        try:
            provider, component = self._found(kind, spec["name"])
        except UnknownComponent as error:
            return self.report(_join(path, "name"), str(error), error)
        arguments = {key: value for key, value in spec.items() if key != "name"}
        if not arguments and not _may_move_by_default(component):  # as most that stand inside others
            return self._checked(kind, self.call(component, {}, path, owner=provider), provider)
        for name in path_arguments.paths_to_refuse(provider, component, arguments):
            self.report(_join(path, name), f"no path is taken from a file, got {arguments.pop(name)!r}. Give it anew.")
        label = arguments.pop("label", None) if kind == "layer" and "label" not in parameters(component) else None
        made = self.call(component, arguments, path, kind in FOLLOWING, provider)
        if made is not None and (any(map(_may_move, arguments.values())) or _may_move_by_default(component)):
            made = self._following(kind, made, path)
        made = self._checked(kind, made, provider)
        return made if label is None or made is None else Labelled(label, made)

    def _checked(self, kind: str, made: Any, provider: Provider) -> Any:
        """What was made, if it keeps its kind's protocol."""
        if made is not None:
            self.registry.check(kind, made, provider)
        return made

    def call(
        self,
        component: Component,
        arguments: Mapping[str, Any],
        path: str,
        scheduled: bool = False,
        owner: Provider | None = None,
    ) -> Any:
        """component(**arguments) after checking and building each argument; None where a problem was found.

        `owner`: who provides it; left out, or where it is the program itself, other errors than wrong values pass.
        """
        before = len(self.problems)
        known, wanted = parameters(component), wants(component)
        for name in [name for name in arguments if name not in known]:
            hint = argument_suggestion(name, known)
            listing = ", ".join(known) or "none"
            self.report(_join(path, name), f"{_title(component)} has no argument '{name}'.{hint} Arguments: {listing}.")
        for name in required_arguments(component):
            if name not in arguments:
                self.report(_join(path, name), f"{_title(component)} needs the argument '{name}', which is missing.")
        ready = {
            name: self._argument(wanted[name], value, _join(path, name), scheduled)
            for name, value in arguments.items()
            if name in known
        }
        return self._construct(component, ready, path, owner) if len(self.problems) == before else None

    def _found(self, kind: str, name: str) -> tuple[Provider, Component]:
        """Who provides a component and its class or factory, asked once: a network may name it thousands of times."""
        if (kind, name) not in self._known:
            provider = self.registry.find(kind, name)
            self._known[kind, name] = provider, self.registry.loaded(provider)
        return self._known[kind, name]

    def report(self, path: str, message: str, error: BpframeError | None = None) -> None:
        """Note a problem."""
        self.problems.append(Problem(path, message))
        self._first = self._first or error

    def finish(self) -> None:
        """Raise what was found: one unknown name as it is, everything else as one ConfigError."""
        if len(self.problems) == 1 and self._first:
            raise self._first
        if self.problems:
            raise ConfigError("\n".join(map(str, self.problems)), tuple(self.problems))

    def _adopt(self, kind: str, ready: object, path: str) -> Any:
        """A ready object; names and mappings among its own arguments are built too."""
        if inspect.isfunction(ready):
            return self.report(
                path, f"{kind} wants a component, got the function {_title(ready)}. Call it: {_title(ready)}()."
            )
        if isinstance(ready, type) or ready is None or isinstance(ready, int | float):
            return self.report(path, f"{kind} wants a name, a mapping with 'name', or a component, got {ready!r}.")
        inside = [*walk(kind, ready)][1:]
        if any(part.kind == "schedule" for part in inside) and self._following(kind, ready, path) is None:
            return None
        self.registry.check(kind, ready, self.registry.provider_of(kind, ready))
        if not any(is_specification(part.part) for part in inside):
            return ready
        if isinstance(ready, Labelled):
            layer = self._adopt(kind, ready.layer, path)
            return layer and Labelled(ready.label, layer)
        given = {name: getattr(ready, name) for name in parameters(type(ready)) if hasattr(ready, name)}
        return self.call(type(ready), given, path, scheduled=kind in FOLLOWING)

    def _following(self, kind: str, component: Any, path: str) -> Any:
        """The component, unless a schedule stands where it would not follow one."""
        try:
            refuse_fixed(kind, component)
        except ConfigError as error:
            return self.report(path, str(error))
        return component

    def _argument(self, want: Wanted, value: object, path: str, scheduled: bool) -> Any:
        if want.kind and not (value is None and "None" in want.alternatives):
            number = want.kind == "schedule" and isinstance(value, Real) and not isinstance(value, bool)
            return self.build(want.kind, {"name": "constant", "initial": value} if number else value, path)
        if want.kind_of_items and isinstance(value, list | tuple):
            return tuple(self.build(want.kind_of_items, item, f"{path}[{i}]") for i, item in enumerate(value))
        if want.number and (isinstance(value, Mapping) or is_schedule(value)):
            if scheduled:
                return self.build("schedule", value, path)
            return self.report(path, f"wants a number: schedules stand for settings of {SCHEDULED_KINDS} only.")
        try:
            return want.plain(value)
        except Mismatch as mismatch:
            return self.report(path, str(mismatch))

    def _construct(self, component: Component, arguments: Mapping[str, Any], path: str, owner: Provider | None) -> Any:
        try:
            return component(**arguments)
        except (ValueError, TypeError) as error:
            numbers = (name for name in arguments if wants(component)[name].number)
            scheduled = [name for name in numbers if is_schedule(arguments[name])]
            if scheduled and isinstance(error, TypeError):
                return self.report(_join(path, scheduled[0]), refusal(_title(component), scheduled[0]))
            return self.report(path, error_text(error).removeprefix(f"{type(error).__name__}: "))
        except (Exception, GeneratorExit, SystemExit) as error:  # a plugin must not end the program
            if owner is None or owner.dist == LOCAL:
                add_note(error, f"Raised on construction of {_title(component)}.")
                raise
            cause = error_text(error)
            raise BrokenComponent(f"{owner}: {_title(component)} fails on construction: {cause}") from error


def _may_move(value: object) -> bool:
    """Whether an argument may be a schedule, or hold one."""
    return not isinstance(value, str | int | float | None)


@lru_cache(maxsize=1024)
def _may_move_by_default(component: Component) -> bool:
    """Whether one that is left out may."""
    defaults = [each.default for each in parameters(component).values()]
    return any(default is not inspect.Parameter.empty and _may_move(default) for default in defaults)


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _title(component: Component) -> str:
    return getattr(component, "__name__", repr(component))
