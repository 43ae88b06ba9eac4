"""The laws of the kinds that are not in the recursion itself: schedules, initializers, metrics, regularizers, ..."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from bpframe.hyper import Settings
from bpframe.protocols import Over
from bpframe.registry import registry
from bpframe.testing import precision
from bpframe.testing.comparison import close, require, same, shaped
from bpframe.testing.gradients import Problem, verify
from bpframe.testing.purity import deterministic, global_draws, untouched
from bpframe.testing.report import Check

FLOAT64 = precision.DTYPES[1]


def protocol_checks(kind: str, component: Any) -> dict[str, Check]:
    """What every kind is asked for."""
    return {"protocol": partial(registry.check, kind, component, None)}


def schedule_checks(schedule: Any) -> dict[str, Check]:
    """A finite float at every step, the same each time."""
    made = schedule.over(100) if isinstance(schedule, Over) else schedule

    def values() -> None:
        for step in (0, 1, 50, 99, 100, 10**6):
            value = made.value(step)
            require(isinstance(value, float), f"value({step}) must be a float, got {value!r}")
            require(np.isfinite(value), f"value({step}) must be finite, got {value!r}")

    again = partial(deterministic(made), lambda: [np.array(made.value(step)) for step in range(100)])
    return {**protocol_checks("schedule", schedule), "values": values, "determinism": again}


def initializer_checks(initializer: Any) -> dict[str, Check]:
    """float64 of the shape asked for, drawn from the generator that is given."""

    def sample() -> Any:
        return initializer.sample(np.random.default_rng(0), (6, 4), 6, 4)

    def values() -> None:
        drawn = global_draws()
        array = sample()
        require(global_draws() == drawn, "draws from a global random generator; use the one that is given")
        shaped("the sample", array, (6, 4))
        require(array.dtype == np.float64, f"the sample must be float64, got {array.dtype}")
        require(np.isfinite(array).all(), "the sample must be finite")

    return {
        **protocol_checks("initializer", initializer),
        "values": values,
        "determinism": partial(deterministic(initializer), sample),
    }


def metric_checks(metric: Any) -> dict[str, Check]:
    """A finite float that the scale of the weights does not change; a direction, if one is declared."""
    rng = np.random.default_rng(0)
    of_labels = getattr(metric, "of", "predictions") == "labels"
    pair = rng.integers(0, 3, (2, 20)) if of_labels else rng.normal(size=(2, 20, 2))
    weight = rng.uniform(0.5, 2.0, 20)

    def values() -> None:
        value = metric.value(*pair, weight)
        require(isinstance(value, float) and np.isfinite(value), f"the value must be a finite float, got {value!r}")
        close("the value with every weight tripled", np.array(metric.value(*pair, 3 * weight)), np.array(value), 1e-12)
        best = getattr(metric, "best", "max")
        require(best in ("min", "max"), f'best must be "min" or "max", got {best!r}')

    return {
        **protocol_checks("metric", metric),
        "values": values,
        "purity": lambda: untouched("value", metric.value, *pair, weight),
    }


def regularizer_checks(regularizer: Any) -> dict[str, Check]:
    """The gradient is that of the value; values of pieces add up."""
    h = Settings(regularizer, FLOAT64.type).at(0)

    def problem(seed: int) -> Problem:
        p = np.random.default_rng(seed).normal(size=(4, 3))
        return Problem(
            lambda at: regularizer.value_and_gradient(at, h)[0], lambda at: regularizer.value_and_gradient(at, h)[1], p
        )

    def pieces() -> None:
        p = np.random.default_rng(0).normal(size=12)
        parts = [float(regularizer.value_and_gradient(p[cut], h)[0]) for cut in (slice(0, 5), slice(5, None))]
        close("the penalty of pieces", np.array(sum(parts)), np.asarray(regularizer.value_and_gradient(p, h)[0]), 1e-12)

    def both(dtype: np.dtype[Any]) -> Any:
        at = Settings(regularizer, dtype.type).at(0)
        return regularizer.value_and_gradient(np.linspace(-1, 1, 12, dtype=dtype), at)

    return {
        **protocol_checks("regularizer", regularizer),
        "gradient": partial(verify, "gradient", problem),
        "pieces": pieces,
        "dtype": lambda: precision.kept(both),
    }


def constraint_checks(constraint: Any) -> dict[str, Check]:
    """Projecting twice is projecting once."""
    h = Settings(constraint, FLOAT64.type).at(0)
    p = np.random.default_rng(0).normal(size=(4, 3)) * 3

    def projection() -> None:
        once = constraint.project(p, h)
        close("a second projection", constraint.project(once, h), once, 1e-12, 1e-12)

    return {**protocol_checks("constraint", constraint), "projection": projection}


def sampler_checks(sampler: Any) -> dict[str, Check]:
    """Row numbers that exist, the same from the same generator."""
    target, weight = np.eye(2)[np.arange(12) % 2], np.ones(12)

    def rows() -> None:
        first, second = (sampler.order(np.random.default_rng(0), target, weight) for _ in range(2))
        same("a second order from the same generator", second, first)
        inside = np.size(first) and np.min(first) >= 0 and np.max(first) < 12
        require(bool(inside), f"row numbers must lie in 0 .. 11, got {first!r}")

    return {**protocol_checks("sampler", sampler), "rows": rows}


def gradient_step_checks(step: Any) -> dict[str, Check]:
    """The gradient keeps shape and dtype."""

    def transform(dtype: np.dtype[Any]) -> Any:
        p = np.linspace(-1, 1, 12, dtype=dtype)
        return step.transform(p, 2 * p, step.init(p), Settings(step, dtype.type).at(0))

    return {**protocol_checks("gradient_step", step), "dtype": lambda: precision.kept(transform)}
