"""The laws of an optimizer.  p and g (n,) or, for scope "array", (n, m); steps t count from 1."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, final

import numpy as np

from bpframe.hyper import Settings, over
from bpframe.registry import arguments, registry
from bpframe.testing import precision
from bpframe.testing.comparison import arrays_in, close, finite, require, same
from bpframe.testing.purity import deterministic, untouched
from bpframe.testing.report import Check, Report, Skipped, run_checks
from bpframe.types import HostArray

STEPS = 50
Reference = Callable[[float, Iterable[float]], Iterator[float]]


def check_optimizer(optimizer: Any, reference: Reference | None = None) -> Report:
    """A report, or CheckFailed: the rule follows its reference, keeps dtypes and its scope, and changes nothing.

    `reference(p, gradients)` yields one number's values in plain Python floats; by default the rule's own.
    """
    return run_checks(f"optimizer {optimizer!r}", optimizer_checks(optimizer, reference))


def optimizer_checks(optimizer: Any, reference: Reference | None = None) -> dict[str, Check]:
    """The checks by name."""
    run = Run(over(optimizer, STEPS))
    reference = reference or getattr(run.rule, "reference", None)
    return {
        "protocol": partial(_protocol, optimizer),
        "reference": partial(_reference, run, reference, precision.DTYPES[1]),
        "reference in float32": partial(_reference, run, reference, precision.DTYPES[0]),
        "state": run.state,
        "dtype": lambda: precision.kept(run.steps),
        "purity": run.untouched,
        "determinism": partial(deterministic(run.rule), partial(run.steps, precision.DTYPES[1])),
        "slices": run.slices,
        "lr 0": run.standstill,
        "quadratic": run.quadratic,
        "extremes": run.extremes,
    }


@final
@dataclass(frozen=True)
class Run:
    """An optimizer followed over some steps."""

    rule: Any

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of its pieces."""
        return (12,) if self.rule.scope == "element" else (4, 3)

    def data(self, dtype: np.dtype[Any], steps: int = 5) -> tuple[HostArray, HostArray]:
        """(p, gradients a step) of random numbers."""
        rng = np.random.default_rng(5)
        return rng.normal(size=self.shape).astype(dtype), rng.normal(size=(steps, *self.shape)).astype(dtype)

    def follow(self, p: HostArray, gradients: Iterable[HostArray], rule: Any = None) -> tuple[HostArray, Any]:
        """(p after each gradient, the last state)."""
        rule = rule or self.rule
        settings, state, path = Settings(rule, p.dtype.type), rule.init(p), []
        for t, g in enumerate(gradients):
            p, state = rule.update(p, g, state, settings.at(t))
            path.append(p)
        return np.array(path), state

    def steps(self, dtype: np.dtype[Any]) -> dict[str, Any]:
        """Parameters and state after a few steps."""
        path, state = self.follow(*self.data(dtype))
        return {"p": path, "state": state}

    def state(self) -> None:
        """Arrays in dicts, the same from init and update; for "element" of p's shape or 0-d."""
        p, gradients = self.data(precision.DTYPES[1])
        first, last = self.rule.init(p), self.follow(p, gradients)[1]
        require(isinstance(first, dict), f"init must give a dict of arrays, got {type(first).__name__}")
        shapes = [{place: a.shape for place, a in arrays_in(state, "state")} for state in (first, last)]
        require(
            shapes[0] == shapes[1], f"update must hand back the state that init makes, {shapes[0]}, got {shapes[1]}"
        )
        for place, array in arrays_in(last, "state"):
            require(array.dtype.kind in "biuf", f"{place} must be an array of numbers, got {array.dtype}")
            allowed = self.rule.scope == "array" or array.shape in (p.shape, ())
            require(allowed, f"{place} must have p's shape {p.shape} or none, got {array.shape}")

    def untouched(self) -> None:
        """update writes into none of its arguments."""
        p, gradients = self.data(precision.DTYPES[1])
        state = self.follow(p, gradients)[1]
        h = Settings(self.rule, p.dtype.type).at(5)
        untouched("init", self.rule.init, p)
        untouched("update", self.rule.update, p, gradients[0], state, h)

    def slices(self) -> None:
        """A vector cut anywhere gives the same bits; a piece may be empty."""
        if self.rule.scope != "element":
            raise Skipped("its scope is a whole parameter")
        p, gradients = self.data(precision.DTYPES[1])
        whole = self.follow(p, gradients)[0]
        cuts = [slice(0, 1), slice(1, 4), slice(4, 4), slice(4, None)]
        parts = [np.reshape(self.follow(p[cut], gradients[:, cut])[0], (len(gradients), -1)) for cut in cuts]
        same("parameters of a vector cut into slices", np.concatenate(parts, axis=1), whole)

    def standstill(self) -> None:
        """lr = 0 moves nothing."""
        settings = arguments(self.rule)
        if "lr" not in settings:
            raise Skipped("it has no argument lr")
        p, gradients = self.data(precision.DTYPES[1])
        still = type(self.rule)(**{**settings, "lr": 0.0})
        same("parameters after a step with lr 0", self.follow(p, gradients[:1], still)[0][0], p)

    def quadratic(self) -> None:
        """2000 steps down sum a p^2 / 2, a from 1 to 10, lower it by a tenth at least."""
        p = np.resize([1.0, -1.0, 0.5], self.shape)
        a = np.resize([1.0, 3.0, 10.0], self.shape)
        settings, state, start = Settings(self.rule, p.dtype.type), self.rule.init(p), float(np.sum(a * p * p))
        for t in range(2000):
            p, state = self.rule.update(p, a * p, state, settings.at(t))
        end = float(np.sum(a * np.asarray(p) ** 2))
        require(end < 0.9 * start, f"a quadratic must fall from {start:.3g} by a tenth in 2000 steps, got {end:.3g}")

    def extremes(self) -> None:
        """Zero, tiny and huge gradients leave finite parameters and state."""
        for dtype in precision.DTYPES:
            huge = _huge(dtype)
            p, gradients = self.data(dtype, 6)
            factors = np.array([0, 1 / huge, huge, 0, 1, 1], dtype).reshape(-1, *[1] * len(self.shape))
            finite("result after extreme gradients", self.follow(p, (gradients * factors).astype(dtype)))


def _protocol(optimizer: Any) -> None:
    registry.check("optimizer", optimizer, None)
    scope = optimizer.scope
    require(scope in ("element", "array"), f'scope must be "element" or "array", got {scope!r}')


def _reference(run: Run, reference: Reference | None, dtype: np.dtype[Any]) -> None:
    """50 steps of random gradients, zeros, tiny and huge ones among them, number by number."""
    if reference is None:
        raise Skipped("it carries no reference")
    if run.rule.scope != "element":
        raise Skipped("a reference for single numbers needs the scope element")
    p, gradients = run.data(dtype, STEPS)
    huge = _huge(dtype)
    gradients[3::7] = 0
    gradients[5, ::2], gradients[30, 1::4] = 1 / huge, huge
    got = run.follow(p, gradients)[0]
    want = np.array([list(reference(float(p[i]), map(float, gradients[:, i]))) for i in range(p.size)]).T
    tolerance = 1e-5 if dtype == np.float32 else 1e-12
    reach = np.maximum.accumulate(np.maximum(abs(want), abs(p)))  # rounding grows with the largest value so far
    close("p after each step", got, want, tolerance, tolerance * reach)


def _huge(dtype: np.dtype[Any]) -> float:
    """A gradient whose square the dtype can still hold."""
    return 1e15 if dtype == np.float32 else 1e30
