"""Nested components: the one walk over a component and those among its arguments, at any depth.

A component stands in an argument whose annotation names its protocol (`inner: Optimizer`), in a list or tuple of such
(`layers: tuple[Layer, ...]`), or, a schedule, in the place of a number (`lr: float`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from numbers import Real
from typing import Any, NamedTuple

from bpframe.registry.annotations import Wanted
from bpframe.registry.constructor import parameters, wants
from bpframe.registry.labelled import unlabelled
from bpframe.registry.of_inputs import OfInputs

PLAIN = frozenset({type(None), bool, int, float})
LISTS = (list, tuple)
SPECIFICATIONS = (str, Mapping)
NUMBERS = frozenset({int, float})


class Nested(NamedTuple):
    """A component inside another: its dotted path, "layers[0].activation", its kind, and itself."""

    path: str
    kind: str
    part: Any


def is_specification(component: object) -> bool:
    """Whether it is a name or a mapping that stands for a component."""
    cls: Any = type(component)
    return _is_subclass(cls, SPECIFICATIONS)


@lru_cache(maxsize=1024)  # since asking an abstract class takes long
def _is_subclass(cls: type, of: Any) -> bool:
    return issubclass(cls, of)


def is_schedule(value: object) -> bool:
    """Whether what stands for a number is a schedule: it has a `value`, which numbers have not."""
    return hasattr(value, "value")


def kind_inside(want: Wanted, value: object) -> str | None:
    """The kind of the component, or of each one in the sequence, that an argument holds; None: a plain value.

    A mapping in the place of a number is a schedule's specification.
    """
    if value is None:
        return None
    if want.number and (is_schedule(value) or isinstance(value, Mapping)):
        return "schedule"
    return want.kind or want.kind_of_items


def parts(component: object, only: str | None = None) -> Sequence[Nested]:
    """The components directly inside this one, by its constructor's order; specifications not yet built, too.

    `only`: those of one kind, schedules in the place of numbers aside.
    """
    component = unlabelled(component)
    cls: Any = type(component)
    if not (arguments := _component_arguments(cls, only)):  # as many
        return ()
    found: list[Nested] = []
    for name, want in arguments:
        value: Any = getattr(component, name, None)
        inner: Any = type(value)
        if inner in PLAIN:  # mostly: a number where a schedule may stand, a component that was left out
            continue
        kind = kind_inside(want, value)
        if kind is None:
            continue
        if isinstance(value, LISTS):
            found += [Nested(f"{name}[{i}]", kind, item) for i, item in enumerate(value)]
        elif not _is_subclass(inner, Real):
            found.append(Nested(name, kind, value))
    return found


def may_hold(cls: type, kind: str) -> bool:
    """Whether an argument of a class may hold components of a kind."""
    return bool(_component_arguments(cls, kind))


def plain_numbers(component: object, path: str = "") -> list[tuple[str, float]]:
    """(dotted path, value) of the plain numbers in arguments for which a float is wanted, at any depth.

    Without those that an argument has by default: their author chose them.
    """
    component = unlabelled(component)
    cls: Any = type(component)
    floats, others = _number_arguments(cls)
    found: list[tuple[str, Any]] = [
        (path + name, value)
        for name, default in floats
        if type(value := getattr(component, name, None)) in NUMBERS and value is not default and value != default
    ]
    for name in others:
        inner: Any = getattr(component, name, None)
        if type(inner) is tuple or type(inner) is list:
            for i, item in enumerate(inner):
                found += plain_numbers(item, f"{path}{name}[{i}].")
        elif type(inner) not in PLAIN:
            found += plain_numbers(inner, f"{path}{name}.")
    return found


@lru_cache(maxsize=1024)
def _number_arguments(cls: type) -> tuple[tuple[tuple[str, Any], ...], tuple[str, ...]]:
    """(name and default of each argument for which a float is wanted, the names of those that may hold components)."""
    known = _component_arguments(cls, None) if callable(cls) and cls not in PLAIN and cls is not str else ()
    defaults: Any = parameters(cls) if known else {}
    return tuple((name, defaults[name].default) for name, want in known if want.number), tuple(n for n, _ in known)


@lru_cache(maxsize=1024)
def _component_arguments(cls: type, only: str | None) -> tuple[tuple[str, Wanted], ...]:
    """(name, what is wanted) of each argument of a class that may hold components, or components of one kind."""
    return tuple(
        (name, want)
        for name, want in wants(cls).items()
        if (only in (want.kind, want.kind_of_items) if only else want.kind or want.kind_of_items or want.number)
    )


def walk(kind: str, component: object, path: str = "") -> Iterator[Nested]:
    """The component of this kind, and all inside it, each before what it holds; specifications are not entered."""
    if component is None:
        return
    component = component.layer if isinstance(component, OfInputs) else component
    yield Nested(path, kind, component)
    if not is_specification(component):
        for name, inner, part in parts(component):
            yield from walk(inner, part, f"{path}.{name}" if path else name)


def kinds_by_class(components: Iterable[tuple[str, object]]) -> dict[type, str]:
    """The kind of each class among components, given as (kind, component), and all inside them."""
    kinds: dict[type, str] = {}
    queue = list(components)
    for kind, component in queue:
        if component is not None and not is_specification(component):
            kinds.setdefault(type(unlabelled(component)), kind)
            queue += [(inner, part) for _, inner, part in parts(component)]
    return kinds


def classes(components: Iterable[object]) -> set[type]:
    """The classes of components and of all inside them."""
    return set(kinds_by_class(("", component) for component in components))
