"""The laws of optional optimizer capabilities: probe, observe, evaluation_params and rule_for."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from bpframe.protocols import EvaluationParams, Observe, Probe, RuleFor
from bpframe.registry import registry
from bpframe.testing.laws import precision
from bpframe.testing.laws.comparison import require, require_close, require_finite, require_shape
from bpframe.testing.laws.references import require_further_part
from bpframe.testing.laws.trajectory import Trajectory, numbers, param_of, shape_of
from bpframe.testing.report import Check

OBSERVED = 40  # steps, in which a rule is to observe at least once


def capability_checks(optimizer: Any, rule: Any) -> dict[str, Check]:
    """The checks of the capabilities that the optimizer has. `rule`: its rule for weights."""
    checks: dict[str, Check] = {}
    if isinstance(rule, Probe):
        checks["probe"] = partial(_probe, rule)
    if isinstance(rule, Observe):
        checks["observe"] = partial(_observe, rule)
    if isinstance(rule, EvaluationParams):
        checks["evaluation"] = partial(_evaluation, rule)
    if isinstance(optimizer, RuleFor):
        checks["parameters"] = partial(_parameters, optimizer)
    return checks


def _probe(rule: Any) -> None:
    """A finite point of p's shape and dtype, also where the gradient is 0; another than p somewhere."""
    for dtype in precision.DTYPES:
        p, gradients = numbers(shape_of(rule), dtype, 3)
        gradients[1] = 0
        course = Trajectory(rule, [p])
        starts = [p, *(piece for (piece,) in course.follow([g] for g in gradients)[:-1])]
        for (point,) in course.probed:
            require_shape("the point of a probe", point, p.shape)
            require_finite("the point of a probe", point)
            require(point.dtype == dtype, f"the point of a probe must keep dtype {dtype}, got {point.dtype}")
        moved = any(not np.array_equal(point, start) for (point,), start in zip(course.probed, starts, strict=True))
        require(moved, "a probe must go elsewhere than p: there the gradient is known, and a second one costs a step")
    require_further_part(rule, Probe, "the points of its probes: they may be another distance away")


def _observe(rule: Any) -> None:
    """Steps follow what it was shown: gradients ten thousand times as large lead elsewhere; where, says `golden`."""
    p, gradients = numbers(shape_of(rule), precision.DTYPES[1], OBSERVED)
    ends = []
    for factor in (1.0, 1e4):
        course = Trajectory(rule, [p], shown=[[factor * g] for g in gradients])
        ends.append(course.follow([g] for g in gradients)[-1][0])
    require_finite("p after gradients were shown", ends)
    alike = np.array_equal(ends[0], ends[1])
    require(not alike, f"{OBSERVED} steps are the same whatever gradients `observe` is shown: it makes nothing of them")
    require_further_part(rule, Observe, "gradients that it is shown: what it makes of them may be wrong")


def _evaluation(rule: Any) -> None:
    """Evaluation parameters are p before the first step, later finite numbers of p's shape and dtype."""
    for dtype in precision.DTYPES:
        p, gradients = numbers(shape_of(rule), dtype)
        course = Trajectory(rule, [p])
        require_close("parameters to predict with before any step", course.evaluated(), p, 1e-6, 1e-6)
        course.follow([g] for g in gradients)
        seen = course.evaluated()
        require_shape("parameters to predict with", seen, p.shape)
        require_finite("parameters to predict with", seen)
        require(seen.dtype == dtype, f"parameters to predict with must keep dtype {dtype}, got {seen.dtype}")
    require_further_part(rule, EvaluationParams, "the parameters to predict with: they may be another average")


def _parameters(optimizer: Any) -> None:
    """rule_for gives an optimizer for weights and for a bias, always the same one."""
    for shape in ((4, 3), (5,)):
        rule, again = (optimizer.rule_for(param_of(shape)) for _ in range(2))
        registry.check("optimizer", rule, None)
        require(repr(rule) == repr(again), f"rule_for must always give the same rule, got {rule!r} and {again!r}")
