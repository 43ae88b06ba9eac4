"""Which of the small protocols of `bpframe.protocols` a component keeps."""

from __future__ import annotations

from functools import lru_cache

from typing_extensions import get_protocol_members


def keeps(component: object, protocol: type) -> bool:
    """isinstance(component, protocol) for who asks a hundred times a fit; a member that is None counts as missing."""
    return all(getattr(component, name, None) is not None for name in _members(protocol))


_members = lru_cache(get_protocol_members)
