"""Whether a component implements a protocol: whether it has all members."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, TypeVar

from typing_extensions import TypeIs, get_protocol_members

T = TypeVar("T")


def implements(component: object, protocol: Callable[..., T]) -> TypeIs[T]:
    """isinstance(component, protocol), but fast enough for every step; a member that is None counts as missing."""
    return all(getattr(component, name, None) is not None for name in _members(protocol))


@cache
def _members(protocol: Any) -> frozenset[str]:
    return get_protocol_members(protocol)
