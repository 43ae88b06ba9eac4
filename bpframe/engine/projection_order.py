"""Order of projections: what all constraints of a group have projected, one after the other, lies in the set of each.

p any shape. The given order is kept where it does that; else the first one that does.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import permutations

import numpy as np

from bpframe.engine.projection import project
from bpframe.errors import ConfigError
from bpframe.protocols import Constraint, Group, Param, Session
from bpframe.registry import registry
from bpframe.registry.describe import brief
from bpframe.types import HostArray, Shape

MANY = 5  # constraints of one parameter whose orders are not all tried
ROUNDING = 1e-9  # of the largest number, by which a projection in float64 may move what lies inside


def holding_order(constraints: Sequence[Constraint], params: Sequence[Param]) -> tuple[Constraint, ...]:
    """The constraints in an order in which each holds at the end, on draws of the shapes of these parameters.

    The given order if it does that, or if none does: see `refuse_leaving`.
    """
    given = tuple(constraints)
    if not 1 < len(given) < MANY:
        return given
    trials = [(param, p) for param in params for p in _draws(param.shape)]
    orders = permutations(given)
    return next((order for order in orders if not any(leaving(order, param, p) for param, p in trials)), given)


def refuse_leaving(groups: Iterable[Group], session: Session) -> None:
    """ConfigError for a constraint that leads parameters out of the set of one before it, in whatever order.

    Tried on the session's parameters and on draws: a value of zeros lies in many sets. Nothing is computed where no
    group has two.
    """
    several = [group for group in groups if group.rule is not None and len(group.constraints) > 1]
    values = session.parameters if several else {}
    for group in several:
        for param in group.params:
            for p in _trials(values[param.name]) if param.name in values else ():
                if pair := leaving(group.constraints, param, p):
                    raise _refusal(*pair, param)


def leaving(constraints: Sequence[Constraint], param: Param, p: HostArray) -> tuple[Constraint, Constraint] | None:
    """(a constraint in whose set the projected p does not lie, the later one that led it out), if there are such."""
    led_out: dict[int, int] = {}
    for later, constraint in enumerate(constraints):
        p = project([constraint], param, p)
        for earlier in range(later):
            if _is_near(project([constraints[earlier]], param, p), p):
                led_out.pop(earlier, None)
            else:
                led_out.setdefault(earlier, later)
    return next(((constraints[earlier], constraints[later]) for earlier, later in led_out.items()), None)


def _trials(p: HostArray) -> Iterator[HostArray]:
    """p, and a draw of its shape with both signs, in float64: float32 would round the length of a long column."""
    yield p.astype(np.float64)
    yield from _draws(p.shape)


def _draws(shape: Shape) -> tuple[HostArray, HostArray]:
    draw = np.asarray(np.random.default_rng(0).normal(size=shape))
    return draw, -draw


def _is_near(new: HostArray, p: HostArray) -> bool:
    """Whether a projection left p where it is, to rounding; what is not finite is found elsewhere."""
    size = np.abs(p).max(initial=0.0)
    return not np.isfinite(size) or bool((np.abs(new - p) <= ROUNDING * size).all())


def _refusal(earlier: Constraint, later: Constraint, param: Param) -> ConfigError:
    first, second = (brief(registry, "constraint", constraint) for constraint in (earlier, later))
    return ConfigError(
        f"constraints need to hold together, but {second} leads '{param.name}' out of the set of {first}, and no other "
        "order of the constraints keeps it there. Leave one of the two out."
    )
