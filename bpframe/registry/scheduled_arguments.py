"""Scheduled arguments: where schedules stand for numbers of layers, activations and losses, and which refuse them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from bpframe.errors import ConfigError
from bpframe.protocols import Schedule
from bpframe.protocols.traits import fixed_settings
from bpframe.registry.constructor import wants
from bpframe.registry.labelled import unlabelled
from bpframe.registry.nested import parts

MOVING = ("layer", "activation", "loss")  # kinds whose settings follow a schedule in a copy: they read them from self


class ScheduledArgument(NamedTuple):
    """A dotted path, who has the argument, its name, and the schedule in the place of a number."""

    path: str
    owner: Any
    name: str
    schedule: Schedule


def scheduled_arguments(kind: str, component: object, path: str = "") -> Iterator[ScheduledArgument]:
    """Those of a component of such a kind and of what it holds, at any depth; initializers, which act once, aside."""
    if kind not in MOVING:
        return
    owner = unlabelled(component)
    known = wants(type(owner))
    for name, inner, part in parts(owner):
        inside = f"{path}.{name}" if path else name
        if inner == "schedule" and name in known and known[name].number:
            yield ScheduledArgument(inside, owner, name, part)
        elif not isinstance(part, str):
            yield from scheduled_arguments(inner, part, inside)


def refuse_fixed(kind: str, component: object) -> None:
    """ConfigError for a schedule in the place of an argument that a component keeps to itself."""
    for _, owner, name, _ in scheduled_arguments(kind, component):
        if name in fixed_settings(owner):
            raise ConfigError(refusal(type(owner).__name__, name))


def refusal(owner: str, name: str) -> str:
    """What an error says of a schedule that a component would not follow."""
    return f"{owner} needs a number as {name}, which it keeps to itself, got a schedule that it would not follow."
