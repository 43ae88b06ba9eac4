"""Nested capabilities: a component that holds another has to pass on what that one can do, or nobody calls it.

A layer around batch_norm without a `refresh` of its own would leave running statistics at their start, without a word.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache

from typing_extensions import get_protocol_members

from bpframe.errors import IncompatibleComponent
from bpframe.protocols.traits import acts_on
from bpframe.registry import registry
from bpframe.registry.describe import short_name, title
from bpframe.registry.kinds import KINDS
from bpframe.registry.labelled import unlabelled
from bpframe.registry.nested import parts

REMEDY = "so nobody would call that. Give the outer one a {} that passes on to what it holds"


def refuse_hidden_capabilities(kind: str, component: object) -> None:
    """IncompatibleComponent for a component that holds one of its kind whose capability it lacks, at any depth."""
    if not KINDS[kind].capabilities:
        return
    try:
        _examine(kind, component)
    except TypeError:  # it cannot be hashed
        _examine.__wrapped__(kind, component)


@lru_cache(maxsize=256)  # asked for every trainer, mostly of the same components
def _examine(kind: str, component: object) -> None:
    outer = unlabelled(component)
    for inner in _inside(kind, outer):
        refuse_hidden_capabilities(kind, inner)
        for capability in KINDS[kind].capabilities:
            if isinstance(inner, capability) and not isinstance(outer, capability):
                _refuse(kind, outer, inner, *get_protocol_members(capability))
        if kind == "regularizer" and acts_on(inner) == "activations" != acts_on(outer):
            _refuse(kind, outer, inner, "on")


def _inside(kind: str, outer: object) -> Iterator[object]:
    """The components of that kind among the attributes of one, whether its constructor's annotations name them or not.

    An activation may be a layer, with buffers of its own.
    """
    wanted = registry.kind(kind)
    annotated = [part for _, _, part in parts(outer, kind)]  # all that is known of a class with slots
    for value in (*annotated, *getattr(outer, "__dict__", {}).values()):
        for part in _items(value):
            part = unlabelled(part)
            if not isinstance(part, type) and not wanted.missing(part):
                yield part


def _items(value: object) -> Iterator[object]:
    """A value, or what a list, tuple or mapping holds, at any depth; plain values are left out."""
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list | tuple):
        for item in value:
            yield from _items(item)
    elif not isinstance(value, str | int | float | None):
        yield value


def _refuse(kind: str, outer: object, inner: object, method: str) -> None:
    remedy = REMEDY.format(method) + (", or use sequential, residual or parallel." if kind == "layer" else ".")
    raise IncompatibleComponent(
        f"{title(registry, kind, outer)} holds {short_name(registry, kind, inner)}, which has '{method}', but has none "
        f"itself, {remedy}"
    )
