"""Projection of parameters that no update made, the initial ones and those that are set, into their constraints.

p any shape.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from bpframe.engine.hyperparameters import Settings
from bpframe.engine.update_guards import GuardedPart
from bpframe.network.ties import of_source, tied
from bpframe.protocols import Constraint, Group, Param
from bpframe.types import HostArray

ROUNDING = 64  # units in the last place by which a projection may move what lies inside


def projected(groups: Iterable[Group], values: Mapping[str, HostArray]) -> dict[str, HostArray]:
    """Those of the values, by "layer/name", that lie outside of constraints of the group that trains them, projected.

    A projection of what a projection gave may differ in the last digits: so much counts as inside. A value for what is
    tied to a parameter is one for that.
    """
    moved = {}
    for group in groups:
        if group.rule is None or not group.constraints:
            continue
        for param in group.params:
            if (p := _value(values, group, param)) is not None and not _near(
                new := project(group.constraints, param, p), p
            ):
                moved[param.name] = new
    return moved


def _value(values: Mapping[str, HostArray], group: Group, param: Param) -> HostArray | None:
    """The value that is given for a parameter, or for one that is tied to it."""
    if param.name in values or not group.ties:
        return values.get(param.name)
    given = ((tie, values.get("/".join(tie.target))) for tie in tied(group.ties, tuple(param.name.split("/"))))
    return next((of_source(tie, value) for tie, value in given if value is not None), None)


@np.errstate(all="ignore")  # what is not finite is found elsewhere
def project(constraints: Iterable[Constraint], param: Param, p: HostArray) -> HostArray:
    """p in its dtype after the projections of all constraints, in their order."""
    new: Any = p
    for constraint in constraints:
        settings = Settings(constraint, p.dtype.type)
        settings.note(step=1, param=param)
        new = GuardedPart("constraint", constraint).project(new, settings.h)
    return np.asarray(new, dtype=p.dtype)


def _near(new: HostArray, p: HostArray) -> bool:
    return bool(np.all((new == p) | (np.abs(new - p) <= ROUNDING * np.finfo(p.dtype).eps * np.abs(p))))
