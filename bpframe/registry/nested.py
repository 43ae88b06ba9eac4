"""Nested components: the one walk over a component and those among its arguments, at any depth.

A component stands in an argument whose annotation names its protocol (`inner: Optimizer`), in a list or tuple of such
(`layers: tuple[Layer, ...]`), or, a schedule, in the place of a number (`lr: float`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from numbers import Real
from typing import Any, NamedTuple

from bpframe.registry.annotations import Wanted
from bpframe.registry.constructor import wants
from bpframe.registry.labelled import unlabelled


class Nested(NamedTuple):
    """A component inside another: its dotted path, "layers[0].activation", its kind, and itself."""

    path: str
    kind: str
    part: Any


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


def parts(component: object) -> Iterator[Nested]:
    """The components directly inside this one, by its constructor's order; specifications not yet built, too."""
    component = unlabelled(component)
    for name, want in wants(type(component)).items():
        value = getattr(component, name, None)
        kind = kind_inside(want, value)
        if kind is None or isinstance(value, Real):  # a number where a schedule may stand
            continue
        if isinstance(value, list | tuple):
            yield from (Nested(f"{name}[{i}]", kind, item) for i, item in enumerate(value))
        else:
            yield Nested(name, kind, value)


def walk(kind: str, component: object, path: str = "") -> Iterator[Nested]:
    """The component of this kind, and all inside it, each before what it holds; specifications are not entered."""
    if component is None:
        return
    yield Nested(path, kind, component)
    if not isinstance(component, str | Mapping):
        for name, inner, part in parts(component):
            yield from walk(inner, part, f"{path}.{name}" if path else name)


def classes(components: Iterable[Any]) -> set[type]:
    """The classes of components and of all inside them."""
    return {type(unlabelled(part)) for component in components for _, _, part in walk("", component)}
