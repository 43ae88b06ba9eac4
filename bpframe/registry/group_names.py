"""Group names of entry points that no kind has: a misspelt one would hide components without a word."""

from __future__ import annotations

from collections.abc import Iterable

from bpframe.registry.kinds import KINDS

PREFIX = "bpframe"
GROUPS = {kind.group: kind.name for kind in KINDS.values()}


def unknown_groups(groups: Iterable[str]) -> list[str]:
    """A reason for each group that looks like one of bpframe's, but is none: nobody reads what it offers."""
    return [
        f"nobody reads its group {group!r}.{_suggestion(group)}"
        for group in dict.fromkeys(groups)
        if group not in GROUPS and group.lower().startswith(PREFIX) and (_is_below(group) or _close(group))
    ]


def _is_below(group: str) -> bool:
    return group.lower().startswith(f"{PREFIX}.")


def _close(group: str) -> list[str]:
    from difflib import get_close_matches  # by errors alone

    return get_close_matches(group.lower().replace("-", ".").replace("_", "."), GROUPS, n=1, cutoff=0.8)


def _suggestion(group: str) -> str:
    close = _close(group)
    return f" Did you mean {close[0]!r}?" if close else f" Groups: {', '.join(sorted(GROUPS))}."
