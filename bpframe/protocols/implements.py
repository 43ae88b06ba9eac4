"""Whether a component implements a protocol: whether it has all members."""

from __future__ import annotations

from functools import lru_cache

from typing_extensions import get_protocol_members


def implements(component: object, protocol: type) -> bool:
    """isinstance(component, protocol), but fast enough for every step; a member that is None counts as missing."""
    return all(getattr(component, name, None) is not None for name in _members(protocol))


_members = lru_cache(get_protocol_members)
