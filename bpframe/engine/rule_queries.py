"""Queries of the update rules of all groups: parameters to predict with, and current settings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bpframe import tree
from bpframe.engine.group_update import GroupUpdate
from bpframe.engine.update import trained_groups
from bpframe.types import Array, Params


def evaluation_params(groups: Sequence[GroupUpdate], params: Params, step: int) -> Params:
    """The parameters to predict with after `step` steps: those of training, unless a rule says otherwise."""
    return params if step == 0 else later_evaluation_params(groups, params, step)


def later_evaluation_params(groups: Sequence[GroupUpdate], params: Params, step: Any) -> Params:
    """The same after at least one step, whose number may be traced."""
    averaging = [group for group in groups if group.evaluators and not group.group.resting]
    if not averaging:
        return params
    params = tree.transform(params, lambda leaf: leaf)
    for group in averaging:
        group.begin(step - 1)
        group.store.show(evaluation_pieces(group), params)
    return params


def evaluation_pieces(group: GroupUpdate) -> list[Array]:
    """The pieces of a group to predict with, which its constraints allow, whatever a rule averages."""
    pieces = [group.store.get(i) for i in range(len(group.store))]
    for link in group.evaluators[:1]:
        h = (group.h(group.rule, i) for i in range(len(pieces)))
        states = (link.state(each[-1]) for each in group.states)
        shown = map(link.rule.evaluation_params, pieces, states, map(link.settings, h))
        return [group.projected(i, p) for i, p in enumerate(shown)]
    return pieces


def current_setting(groups: Sequence[GroupUpdate], name: str, step: int) -> float | None:
    """A setting of the first trained group's rule, or of the rule inside it, in the update that led to `step`."""
    return next((group.setting(name, step) for group in trained_groups(groups)), None)
