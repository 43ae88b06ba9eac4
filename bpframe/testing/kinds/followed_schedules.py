"""Followed schedules: the check that layers, activations and losses follow a schedule, or refuse it."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from bpframe.errors import CheckFailed, ConfigError
from bpframe.network.backprop import CostLayer
from bpframe.network.scheduled_parts import ScheduledParts
from bpframe.registry import arguments, build, registry
from bpframe.registry.scheduled_arguments import MOVING, refuse_fixed
from bpframe.testing.kinds.strict_arrays import BY_KIND
from bpframe.testing.laws.array_api import mapped
from bpframe.testing.laws.comparison import require, require_same_bits
from bpframe.testing.laws.scheduled_settings import LevelSchedule, number_names
from bpframe.testing.laws.unknown_values import ValueAsked, unknown
from bpframe.testing.report import Check, Remark, SkipCheck

REMEDY = (
    "In its code replace `if` by xp.where, or, for a shortcut, by ops.is_constant(setting, number); or refuse "
    "schedules: fixed_settings = ('{name}',)."
)


def scheduled_argument_checks(kind: str, component: object) -> dict[str, Check]:
    """The check by name; none for other kinds."""
    return {"scheduled settings": partial(_require_followed, kind, component)} if kind in MOVING else {}


def _require_followed(kind: str, component: Any) -> None:
    """With a number in the place of a constant schedule the results are those of the number."""
    compute, names, refused = BY_KIND[kind], number_names(component), 0
    if not names:
        raise SkipCheck("it has no float argument")
    want = compute(component, lambda arrays: arrays)
    for name in names:
        value = float(arguments(component)[name])
        if (scheduled := _scheduled(kind, component, name, value)) is None:
            refused += 1
            continue
        parts = ScheduledParts([("part", scheduled)], CostLayer.of(build("loss", "mse")))
        require(len(parts.places[0]) > 0, f"the schedule for {name} must be kept as an attribute")
        acting = parts.layers[0][1]
        parts.hold([value])
        require_same_bits(f"results with a schedule for {name}", compute(acting, lambda arrays: arrays), want)
        parts.hold([unknown(np.asarray(value))])
        _require_no_value(partial(compute, acting), name, component)
    if refused == len(names):
        raise SkipCheck("it refuses schedules for all of its settings")


def _scheduled(kind: str, component: Any, name: str, value: float) -> Any:
    """The component with a schedule; None where it refuses one."""
    try:
        scheduled = type(component)(**{**arguments(component), name: LevelSchedule(value)})
        refuse_fixed(kind, scheduled)
    except (ConfigError, TypeError):
        return None
    return scheduled


def _require_no_value(compute: Any, name: str, component: object) -> None:
    """Where Python asks for the value of the setting, a fault of bpframe's own, and for others a remark."""
    try:
        compute(lambda arrays: mapped(unknown, arrays))
    except ValueAsked as asked:
        message = f"asks for the value of {name} ({asked}), so an engine that compiles cannot move it. "
        error = CheckFailed if registry.owns(type(component)) else Remark
        raise error(message + REMEDY.format(name=name)) from asked
    except Exception as error:
        raise SkipCheck(f"it does not compute on arrays of a subclass of NumPy's: {error}") from error
