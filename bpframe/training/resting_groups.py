"""Resting groups: which parameters are frozen at an epoch, where a group of a user's says until when."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from bpframe.protocols import Group


def at_epoch(groups: Iterable[Group], steps: Sequence[int]) -> list[Group]:
    """The groups as they are after epochs that ended after so many `steps` each."""
    return [_at(group, steps) if group.until else group for group in groups]


def next_change(groups: Iterable[Group], epoch: int) -> int | None:
    """The first epoch after this one at which other groups train; None: they stay."""
    return min((group.until for group in groups if group.until > epoch), default=None)


def _at(group: Group, steps: Sequence[int]) -> Group:
    if len(steps) < group.until:
        return replace(group, resting=True, start=0)
    return replace(group, resting=False, start=steps[group.until - 1])
