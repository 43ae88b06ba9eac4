"""Guards of foreign components of an update: they read p, g and buffers, and hand back what has their shape.

As those of layers and losses (`bpframe.network.guards`).  p, g any shape, alike.
"""

from __future__ import annotations

from typing import Any, final

from bpframe.network.guards import check_result, is_foreign, view
from bpframe.protocols import Group
from bpframe.types import Array, Hyper, State


@final
class GuardedPart:
    """A foreign regularizer, gradient step, rule or constraint."""

    def __init__(self, kind: str, part: Any) -> None:
        self._kind, self._part = kind, part

    def value_and_gradient(self, p: Array, h: Hyper) -> tuple[Array, Array]:
        """(one number, gradient like p)."""
        value, gradient = self._part.value_and_gradient(view(p), h)
        self._require("value_and_gradient, gradient,", gradient, p)
        return value, gradient

    def transform(self, p: Array, g: Array, state: State, h: Hyper) -> tuple[Array, State]:
        """(g like that before, state)."""
        new, state = self._part.transform(view(p), view(g), state, h)
        self._require("transform, g,", new, g)
        return new, state

    def adjust(self, p: Array, h: Hyper) -> Array:
        """p, like that before."""
        new: Array = self._part.adjust(view(p), h)
        self._require("adjust", new, p)
        return new

    def update(self, p: Array, g: Array, state: State, h: Hyper) -> tuple[Array, State]:
        """(p like that before, state)."""
        new, state = self._part.update(view(p), view(g), state, h)
        self._require("update, p,", new, p)
        return new, state

    def project(self, p: Array, h: Hyper) -> Array:
        """p, like that before."""
        new: Array = self._part.project(view(p), h)
        self._require("project", new, p)
        return new

    def _require(self, what: str, new: Any, old: Array) -> None:
        check_result(self._kind, self._part, what, new, old.shape)


def with_guards(group: Group) -> list[Any]:
    """The components of a group in the order in which they act, those behind guards that are not bpframe's own."""
    return [GuardedPart(kind, part) if is_foreign(kind, part) else part for kind, part in group.components()]
