"""Each check of the kit finds what it is for: for every kind a component that keeps all laws, then one fault at a time.

A twin takes the name of a fault; without one it is healthy. The tables at the end say which check must find it.
"""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass, replace
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from click.testing import CliRunner

from bpframe import testing
from bpframe.cli import conformance, main
from bpframe.errors import BrokenComponent, CheckFailed, ConfigError
from bpframe.registry import registry
from bpframe.testing import Report, check_activation, check_layer, check_loss, check_optimizer
from bpframe.testing.laws.layer_run import KEY
from bpframe.testing.report import run_checks
from bpframe.testing.suite import all_checks, check_object


def off(fault: str, array: Any, name: str = "float32", dtype: Any = np.float32) -> Any:
    """The array, rounded to hundredths where that is the fault and the dtype."""
    return np.round(array, 2) if fault == name and array.dtype == dtype else array


def noise(fault: str) -> float:
    """A draw from the global generator where that is the fault."""
    return 1e-9 * np.random.random() if fault == "determinism" else 0.0


# -------------------------------------------------------------------------------------------------------- activations


@dataclass(frozen=True)
class Leaky:
    """v = u above 0, else u / 4."""

    fault: str = ""

    def value(self, u: Any) -> Any:
        if self.fault == "purity":
            u *= 1
        v = np.where(u > 0, u, u / 4) + u.dtype.type(noise(self.fault))
        if self.fault == "extremes":
            v = v + 0 * np.exp(u)
        if self.fault == "shape":
            v = np.atleast_2d(v)
        return off(self.fault, v.astype(np.float64) if self.fault == "dtype" else v)

    def derivative(self, v: Any) -> Any:
        slope = np.where(v > 0, v.dtype.type(1), v.dtype.type(0.25))
        slope = slope * v.dtype.type(1.001) if self.fault == "gradient" else slope
        return np.where(v == 0, v.dtype.type(2), slope) if self.fault == "kinks" else slope


@dataclass(frozen=True)
class Smooth:
    """v = tanh(u), whose slope has no jumps."""

    fault: str = ""
    kinks: ClassVar[tuple[float, ...]] = (0.5,)

    def value(self, u: Any) -> Any:
        return np.tanh(u)

    def derivative(self, v: Any) -> Any:
        return (1 - v) * (1 + v)


# ------------------------------------------------------------------------------------------------------------- layers


@dataclass(frozen=True)
class Affine:
    """y = tanh((x - mean) w + b), mean a running one or that of all rows."""

    fault: str = ""

    def init(self, rng: Any, in_shape: Any) -> Any:
        source = np.random if self.fault == "init" else rng
        weight = source.normal(size=(in_shape[0], 3))
        return {"weight": weight, "bias": np.zeros(3), "buffers": {"mean": np.zeros(in_shape)}}, (3,)

    def forward(self, params: Any, x: Any, context: Any) -> Any:
        if self.fault == "purity":
            params["buffers"]["mean"] *= 1
        u = (x - params["buffers"]["mean"]) @ params["weight"] + params["bias"]
        y = np.tanh(u) + u.dtype.type(noise(self.fault))
        if self.fault == "draws":
            y = y + context.key.uniform(y) / 10
        if self.fault == "extremes":
            y = (np.exp(2 * u) - 1) / (np.exp(2 * u) + 1)
        if self.fault == "evaluation" and not context.training:
            y = y * y.dtype.type(2)
        return off(self.fault, y.astype(np.float64) if self.fault == "dtype" else y), (x, np.tanh(u))

    def backward(self, params: Any, cache: Any, dy: Any, context: Any) -> Any:
        x, y = cache
        delta = dy if self.fault == "gradient of x" else dy * (1 - y * y)
        delta = delta + abs(dy) / 1000 if self.fault == "linearity" else delta
        weight, bias = (x - params["buffers"]["mean"]).T @ delta, delta.sum(axis=0)
        if self.fault == "gradient of parameters":
            bias = delta.mean(axis=0)
        if self.fault == "additivity":
            weight = weight * len(x)
        if self.fault == "few rows":
            bias = delta.mean(axis=0) * len(x)
        if self.fault == "need_dx" and not context.need_dx:
            weight = weight * 0
        return (delta @ params["weight"].T if context.need_dx else None), {"weight": weight, "bias": bias}

    def refresh(self, params: Any, cache: Any) -> Any:
        mean = (params["buffers"]["mean"] + cache[0].mean(axis=0)) / 2
        return {"mean": mean} if self.fault == "refresh" else {**params, "buffers": {"mean": mean}}

    def fit(self, params: Any, x: Any) -> Any:
        return {**params, "buffers": {"mean": x[0] if self.fault == "fit" else x.mean(axis=0)}}


@dataclass(frozen=True)
class Noisy:
    """y = x + noise in training, drawn from the key."""

    fault: str = ""
    stochastic: ClassVar[bool] = True

    def init(self, rng: Any, in_shape: Any) -> Any:
        return {}, in_shape

    def forward(self, params: Any, x: Any, context: Any) -> Any:
        key = KEY if self.fault == "draws" else context.key
        return (x + key.uniform(x) if context.training else x), None

    def backward(self, params: Any, cache: Any, dy: Any, context: Any) -> Any:
        return dy, {}


# ------------------------------------------------------------------------------------------------------------- losses


@dataclass(frozen=True)
class Absolute:
    """loss = sum_c |z_c - y_c|; a score of at least 0 is a yes."""

    fault: str = ""

    @property
    def link(self) -> str:
        return "missing" if self.fault == "link" else "identity"

    def value_and_delta(self, scores: Any, target: Any) -> Any:
        if self.fault == "purity":
            scores *= 1
        r = scores - target
        values, delta = abs(r).sum(axis=-1) + r.dtype.type(noise(self.fault)), np.sign(r)
        if self.fault == "extremes":
            values = values + 0 * np.exp(abs(r)).sum(axis=-1)
        if self.fault == "vanishing":
            delta = np.where(abs(r) < 1000, delta, delta * 0)
        if self.fault == "zero weight":
            values = values - values.sum() / 3 + values.sum() / 3
        if self.fault == "rows":
            delta = delta + r.mean() / 1000
        if self.fault == "gradient":
            delta = delta * r.dtype.type(1.001)
        if self.fault == "kinks":
            delta = np.where(r == 0, r.dtype.type(2), delta)
        if self.fault == "shape":
            values = abs(r)
        return off(self.fault, values.astype(np.float64) if self.fault == "dtype" else values), delta

    def encode_target(self, y: Any, learned: Any) -> Any:
        if y.dtype.kind != "f":
            raise ConfigError("numbers, please")
        learned["seen"] = {"a"} if self.fault == "encoded targets" else len(y)
        return y

    def predict(self, scores: Any) -> Any:
        return scores >= 0 if self.fault == "predicted labels" else (scores >= 0).astype(np.int64)

    def example(self, rng: Any) -> Any:
        return rng.normal(size=(2, 5, 3))

    def example_at_kink(self, rng: Any) -> Any:
        scores, target = self.example(rng)
        return scores, target if self.fault == "no kink" else np.where(target > 0, scores, target)


@dataclass(frozen=True)
class Normal:
    """loss = (s + (mu - y)^2 exp(-s)) / 2: targets are normal, with mean mu and log variance s."""

    fault: str = ""
    link: ClassVar[str] = "identity"

    def target_width(self, outputs: int) -> int:
        return outputs if self.fault == "target width" else outputs // 2

    def value_and_delta(self, scores: Any, target: Any) -> Any:
        mean, s = scores[:, :1], np.clip(scores[:, 1:], -10, 10)
        share = (mean - target) ** 2 * np.exp(-s)
        inside = np.where(s == scores[:, 1:], s.dtype.type(0.5), s.dtype.type(0))
        delta = np.concatenate([(mean - target) * np.exp(-s), inside * (1 - share)], axis=1)
        return (s + share).sum(axis=1) / 2, delta

    def point(self, prediction: Any) -> Any:
        return prediction if self.fault == "point" else prediction[:, :1]

    def sample_target(self, scores: Any, key: Any) -> Any:
        mean, s = scores[:, :1], scores[:, 1:]
        return mean + np.exp(s if self.fault == "drawn targets" else s / 2) * key.normal(mean)

    def example(self, rng: Any) -> Any:
        return rng.normal(size=(5, 2)), rng.normal(size=(5, 1))


# --------------------------------------------------------------------------------------------------------- optimizers


class Tagged(np.ndarray):
    """An array that carries a number which no file keeps."""

    count = 0


@dataclass(frozen=True)
class Descent:
    """m <- momentum m + g; p <- p - lr m; predicts with the mean of p."""

    fault: str = ""
    lr: float = 0.01
    momentum: float = 0.5

    @property
    def scope(self) -> str:
        return "piece" if self.fault == "scope" else "element"

    def init(self, p: Any) -> Any:
        return {"m": np.zeros_like(p), "mean": p.copy(), "n": np.zeros((), p.dtype)}

    def update(self, p: Any, g: Any, state: Any, h: Any) -> Any:
        if self.fault == "purity":
            state["m"] += g
        if self.fault == "slices":
            g = g - g.sum() / 12
        m = (self.momentum if self.fault == "schedules" else h.momentum) * state["m"] + g
        m = m + 0 * g**11 if self.fault == "extremes" else m
        if self.fault == "save":
            m = m.view(Tagged)
            m.count = getattr(state["m"], "count", 0) + 1
        step = h.lr * m * (1.001 if self.fault == "reference" else 1 + noise(self.fault))
        if self.fault in ("quadratic", "rosenbrock"):
            step = step * 0
        new = p - step - (g / 1000 if self.fault == "lr 0" else 0)
        if self.fault == "save":
            new = np.asarray(new - m.count * h.lr)
        new = off(self.fault, new, "reference in float32")
        new = new.astype(np.float64) if self.fault == "dtype" else new
        made = {"m": m, "mean": (state["mean"] * state["n"] + new) / (state["n"] + 1), "n": state["n"] + 1}
        return np.squeeze(new) if self.fault == "shapes" else new, made | ({"t": m} if self.fault == "state" else {})

    def evaluation_params(self, p: Any, state: Any, h: Any) -> Any:
        return 0.9 * p if self.fault == "evaluation" else state["mean"]

    def rule_for(self, param: Any) -> Any:
        return None if self.fault == "parameters" and param.role == "bias" else self

    def reference(self, p: float, gradients: Any) -> Any:
        m = 0.0
        for g in gradients:
            m = self.momentum * m + g
            p -= self.lr * m
            yield p

    def golden(self) -> Any:
        p, gradients = np.array([1.0]), np.array([[2.0], [-1.0]])
        path = [[0.8], [0.8 - (1e-6 if self.fault == "golden" else 0)]]
        return [({"fault": self.fault, "lr": 0.1}, p, gradients, path)]


@dataclass(frozen=True)
class Ascending:
    """p <- p - lr g / |G|, with g taken at p + rho g / |G|; |G| is the norm over the model."""

    fault: str = ""
    lr: float = 0.01
    rho: float = 0.01
    scope: ClassVar[str] = "element"

    def init(self, p: Any) -> Any:
        return {}

    def totals(self, p: Any, g: Any, state: Any, h: Any) -> Any:
        return {"square": np.max(g * g, initial=0).astype(p.dtype) if self.fault == "slices" else (g * g).sum()}

    def probe(self, p: Any, g: Any, state: Any, h: Any) -> Any:
        norm = np.sqrt(h.total["square"])
        return p + h.rho * g / (norm if self.fault == "probe" else np.where(norm > 0, norm, p.dtype.type(1)))

    def update(self, p: Any, g: Any, state: Any, h: Any) -> Any:
        norm = np.sqrt(h.total["square"])
        return p - h.lr * g / np.where(norm > 0, norm, p.dtype.type(1)), state


@dataclass(frozen=True)
class Bfgs:
    """p <- p - a H g, a halved until f falls; H the inverse Hessian of BFGS."""

    fault: str = ""
    least: float = 1e-4
    scope: ClassVar[str] = "objective"

    def init(self, p: Any) -> Any:
        return {"h": np.eye(p.size), "t": np.zeros(())}

    def update(self, p: Any, f: Any, state: Any, h: Any) -> Any:
        if self.fault == "purity":
            state["t"] += 1
        value, g = f(p)
        d, a = -state["h"] @ g, 1.0
        least = self.least if self.fault == "schedules" else float(h.least)
        while a > 1e-12 and not f(p + a * d)[0] <= value + least * a * float(g @ d):
            a /= 2
        new = p + a * d * (0 if self.fault in ("quadratic", "rosenbrock") else 1) + noise(self.fault)
        new = new + 1 if self.fault == "flat" else new
        s, y = a * d, f(p + a * d)[1] - g
        made = {"h": self._inverse(state["h"], s, y), "t": state["t"] + 1}
        if self.fault == "save":
            count = getattr(state["h"], "count", 0)
            new, made["h"] = new + count, made["h"].view(Tagged)
            made["h"].count = count + 1
        if self.fault == "shapes":
            new = np.atleast_2d(new)
        return new.astype(np.float32) if self.fault == "dtype" else new, {} if self.fault == "state" else made

    def _inverse(self, h: Any, s: Any, y: Any) -> Any:
        if not s @ y > 0:
            return h
        left = np.eye(len(s)) - np.outer(s, y) / (s @ y)
        return left @ h @ left.T + np.outer(s, s) / (s @ y)


@dataclass(frozen=True)
class Gathering:
    """Every second step g <- scale (mean of the last two g) / (1 + |G|), else 0; p <- p - lr decay p."""

    fault: str = ""
    scale: float = 0.5

    @property
    def scope(self) -> str:
        return "piece" if self.fault == "scope" else "element"

    @property
    def period(self) -> int:
        return 2

    def applies(self, param: Any) -> Any:
        return "yes" if self.fault == "applies" else param.role == "weight"

    def init(self, p: Any) -> Any:
        return {"sum": np.zeros_like(p)}

    def totals(self, p: Any, g: Any, state: Any, h: Any) -> Any:
        return {"largest": np.max(abs(g), initial=0) if self.fault == "sums" else abs(g).sum()}

    def transform(self, p: Any, g: Any, state: Any, h: Any) -> Any:
        if self.fault == "purity":
            g *= 1
        total = state["sum"] + (g - g.sum() / 12 if self.fault == "slices" else g)
        total = total + 0 * g**11 if self.fault == "extremes" else total
        ends = p.dtype.type(h.step % 2 == 0)
        scale = self.scale if self.fault == "schedules" else h.scale
        made = ends * scale * total / 2 / (1 + h.total["largest"]) * (1 + noise(self.fault))
        left = total * (1 if self.fault == "period" else 1 - ends)
        if self.fault == "save":
            made = made + getattr(state["sum"], "count", 0)
            left = left.view(Tagged)
            left.count = getattr(state["sum"], "count", 0) + 1
        made = np.atleast_2d(made) if self.fault == "shape" else off(self.fault, np.asarray(made))
        return made.astype(np.float64) if self.fault == "dtype" else made, {} if self.fault == "state" else {
            "sum": left
        }

    def adjust(self, p: Any, h: Any) -> Any:
        return p - h.rule.lr * p


# ------------------------------------------------------------------------------------------------- schedules and hosts


@dataclass(frozen=True)
class Falling:
    """value(t) = initial (1 - t / steps), halved for each epoch that did not improve."""

    fault: str = ""
    initial: float = 0.1
    steps: int | None = None
    halvings: int = 0
    monitor: ClassVar[str] = "validation.loss"
    seen: ClassVar[list[int]] = []

    def value(self, step: int) -> float:
        if self.fault == "resume":
            self.seen.append(step)
            step = max(self.seen[-2:])
        share = max(0.0, 1 - step / (self.steps or 1)) / 2**self.halvings
        if self.fault == "values":
            share = float("nan")
        return self.initial * share + noise(self.fault)

    def over(self, steps: int) -> Any:
        return self if self.steps and self.fault != "over" else replace(self, steps=steps)

    def after(self, curve: Any) -> Any:
        if self.fault == "after" and len(curve):
            curve[0] = 0.0
        worse = sum(later >= sooner for sooner, later in pairwise(curve))
        return replace(self, halvings=int(worse))


@dataclass(frozen=True)
class Uniform:
    """Uniform on +-1 / sqrt(fan_in)."""

    fault: str = ""

    def sample(self, rng: Any, shape: Any, fan_in: int, fan_out: int) -> Any:
        if self.fault == "shapes" and len(shape) == 1:
            shape = (*shape, 1)
        drawn = rng.uniform(-1, 1, shape) / np.sqrt(max(fan_in, 1)) + noise(self.fault)
        if self.fault == "engine numpy":
            drawn = drawn * 1e300
        return drawn.astype(np.float32) if self.fault == "values" else drawn

    def variance(self, fan_in: int, fan_out: int) -> float:
        return (1.0 if self.fault == "moments" else 1 / 3) / fan_in


@dataclass(frozen=True)
class Penalty:
    """penalty = strength sum |p| + p^2."""

    fault: str = ""
    strength: float = 0.1

    def applies(self, param: Any) -> bool:
        return self.fault != "applies"

    def value_and_gradient(self, p: Any, h: Any) -> Any:
        if self.fault == "purity":
            p *= 1
        strength = self.strength if self.fault == "schedules" else h.strength
        value = strength * (abs(p).sum() + (p * p).sum()) * (1 + noise(self.fault))
        slope = strength * (np.sign(p) + 2 * p)
        if self.fault == "pieces":
            value, slope = value / max(1, p.size), slope / max(1, p.size)
        if self.fault == "gradient":
            slope = slope * 1.001
        if self.fault == "kinks":
            slope = np.where(p == 0, 2 * strength, slope)
        if self.fault == "dtype":
            value = np.float64(value)
        return np.atleast_1d(value) if self.fault == "shape" else np.asarray(value), off(self.fault, slope)


@dataclass(frozen=True)
class Box:
    """-1 <= p <= 1, each number on its own."""

    fault: str = ""

    def applies(self, param: Any) -> bool:
        return self.fault != "applies"

    def project(self, p: Any, h: Any) -> Any:
        if self.fault == "purity":
            p *= 1
        new = np.clip(p, -1, 1)
        if self.fault == "projection":
            new = p / 2
        if self.fault == "nearest":
            new = np.where(abs(p) > 1, -np.sign(p), p)
        if self.fault == "slices":
            new = p / max(1.0, abs(p).max(initial=0))
        if self.fault == "extremes":
            new = new + 0 * np.exp(abs(p))
        new = off(self.fault, new + new.dtype.type(noise(self.fault)))
        new = np.atleast_2d(new) if self.fault == "shape" else new
        return new.astype(np.float64) if self.fault == "dtype" else new


@dataclass(frozen=True)
class Backwards:
    """All rows, the last first."""

    fault: str = ""

    def order(self, rng: Any, target: Any, weight: Any) -> Any:
        if self.fault == "purity":
            weight *= 1
        if self.fault == "determinism":
            return np.random.permutation(len(weight))
        return np.arange(len(weight))[::-1] + (self.fault == "rows")


@dataclass(frozen=True)
class Error:
    """sum w mean_c |prediction - target| / sum w."""

    fault: str = ""
    of: ClassVar[str] = "predictions"

    @property
    def best(self) -> str:
        return "max" if self.fault == "best" else "min"

    def value(self, prediction: Any, target: Any, weight: Any) -> Any:
        if self.fault == "purity":
            weight *= 1
        if self.fault == "float32" and prediction.dtype == np.float32:
            prediction = np.round(prediction, 1)
        error = abs(prediction - target).mean(axis=1)
        if self.fault == "order":
            error = error * np.arange(len(error))
        if self.fault == "zero weight":
            weight = weight + 1e-9
        mean = (weight * error).sum() / (len(weight) if self.fault == "weights" else weight.sum())
        return np.array([mean]) if self.fault == "values" else float(mean) + noise(self.fault)


# ----------------------------------------------------------------------------------------------------------- the tables

GENERAL = {"protocol", "docstring", "repr", "arguments", "json", "engine numpy"}
FAULTS: dict[
    str, list[tuple[Any, str]]
] = {  # by kind, twins and the names of their faults, each found by the check of that name
    "activation": [(Leaky, "gradient, kinks, shape, dtype, float32, purity, determinism, extremes")],
    "layer": [
        (Affine, "init, gradient of x, gradient of parameters, linearity, additivity, need_dx, draws, few rows"),
        (Affine, "dtype, float32, purity, determinism, extremes, refresh, fit"),
        (Noisy, "draws"),
    ],
    "loss": [
        (Absolute, "link, shape, gradient, kinks, rows, zero weight, dtype, float32, purity, determinism, extremes"),
        (Absolute, "encoded targets, predicted labels"),
        (Normal, "target width, point, drawn targets"),
    ],
    "optimizer": [
        (Descent, "scope, reference, reference in float32, state, save, dtype, purity, determinism, slices, shapes"),
        (Descent, "schedules, lr 0, quadratic, rosenbrock, extremes, golden, evaluation, parameters"),
        (Ascending, "probe, slices"),
        (Bfgs, "state, save, dtype, purity, determinism, shapes, schedules, quadratic, rosenbrock, flat"),
    ],
    "gradient_step": [
        (Gathering, "scope, shape, state, save, slices, dtype, float32, purity, determinism, schedules, extremes"),
        (Gathering, "applies, period"),
    ],
    "schedule": [(Falling, "values, determinism, resume, over, after")],
    "initializer": [(Uniform, "values, shapes, determinism, moments, engine numpy")],
    "regularizer": [
        (Penalty, "gradient, kinks, pieces, shape, dtype, float32, purity, determinism, schedules, applies"),
    ],
    "constraint": [
        (Box, "projection, nearest, slices, shape, dtype, float32, purity, determinism, extremes, applies"),
    ],
    "sampler": [(Backwards, "rows, purity, determinism")],
    "metric": [(Error, "values, weights, order, zero weight, best, float32, purity, determinism")],
}
CAUGHT = [
    (kind, twin, fault, fault) for kind, rows in FAULTS.items() for twin, faults in rows for fault in faults.split(", ")
] + [  # faults that are not named like the check that must find them
    ("activation", Smooth, "", "kinks"),
    ("layer", Affine, "evaluation", "gradient of x"),
    ("loss", Absolute, "no kink", "kinks"),
    ("loss", Absolute, "vanishing", "extremes"),
    ("gradient_step", Gathering, "sums", "slices"),
]
TWINS = [(kind, twin) for kind, rows in FAULTS.items() for twin in dict.fromkeys(twin for twin, _ in rows)]


@pytest.mark.parametrize(("kind", "twin", "fault", "name"), CAUGHT)
def test_a_fault_is_found_by_the_check_that_is_for_it(kind, twin, fault, name):
    check = all_checks(kind, twin(fault))[name]
    with pytest.raises(CheckFailed, match=f"\n  {name}: "):
        run_checks(kind, {name: check})


@cache
def healthy(kind, twin):
    """The report on a twin without a fault."""
    return check_object(kind, twin())


@pytest.mark.parametrize(("kind", "twin"), TWINS)
def test_the_same_component_without_a_fault_passes_every_check(kind, twin):
    report = healthy(kind, twin)
    assert report.passed == report.run
    assert report.engines == ("numpy",)


@pytest.mark.parametrize("kind", FAULTS)
def test_no_check_of_a_kind_is_without_a_fault_that_it_finds(kind):
    ran = {name for k, twin in TWINS if k == kind for name in healthy(k, twin).run}
    assert ran - GENERAL == {name for k, _, _, name in CAUGHT if k == kind} - GENERAL


# --------------------------------------------------------------------------------------- what every component is asked


class Shapeless:
    """v = u."""

    def value(self, u: Any) -> Any:
        return u


@dataclass(frozen=True)
class Undocumented:
    fault: str = ""

    def value(self, u: Any) -> Any:
        return u

    def derivative(self, v: Any) -> Any:
        return np.ones_like(v)


class Wordy(Undocumented):
    """The value itself."""


class Nameless(Undocumented):
    """v = u."""

    def __repr__(self) -> str:
        return "<nameless>"


class Forgetful(Undocumented):
    """v = u."""

    def __init__(self, slope: float = 1.0) -> None:
        super().__init__(f"{slope}")
        object.__setattr__(self, "slope", 2 * slope)

    def __repr__(self) -> str:
        return f"Forgetful({self.slope})"


class Listed(Undocumented):
    """v = u."""

    def __init__(self, levels: Any = (1.0, 2.0)) -> None:
        object.__setattr__(self, "levels", levels)

    def __repr__(self) -> str:
        return f"Listed({self.levels})"


@pytest.fixture
def registered(monkeypatch):
    """A function that registers components for one test."""
    monkeypatch.setattr(registry, "_local", dict(registry._local))
    monkeypatch.setattr(registry, "_loaded", dict(registry._loaded))
    return registry.register


@pytest.mark.parametrize(
    ("component", "name", "message"),
    [
        (Shapeless, "protocol", "lacks derivative"),
        (Undocumented, "docstring", "needs a docstring"),
        (Wordy, "docstring", "needs a formula"),
        (Nameless, "repr", "must be an expression that makes the component again"),
        (Forgetful, "arguments", r"must be Forgetful\(2.0\), got Forgetful\(4.0\)"),
        (Forgetful, "repr", r"must be Forgetful\(2.0\), got Forgetful\(4.0\)"),
        (Listed, "json", r"must be Listed\(\(1.0, 2.0\)\), got Listed\(\[1.0, 2.0\]\)"),
    ],
)
def test_what_every_component_is_asked_for_is_missed(component, name, message, registered):
    if name == "json":
        registered("activation", "listed", component)
        registry.load("activation", "listed")
    with pytest.raises(CheckFailed, match=f"\n  {name}: .*{message}"):
        check_activation(component())


def test_the_smallest_plugin_of_the_readme_passes():
    text = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(class Cauchy:.*?)```", text, re.DOTALL)
    scope: dict[str, Any] = {}
    exec(code, scope)
    report = check_loss(scope["Cauchy"]())
    assert "gradient" in report.passed
    assert report.skipped["repr"].startswith("it has the repr of every object")


def test_without_the_protocol_no_other_check_is_made():
    with pytest.raises(CheckFailed) as caught:
        check_activation(Shapeless())
    assert "1 checks run, 1 failed, 4 skipped" in str(caught.value)


def test_examples_that_cannot_be_made_are_a_failure_of_their_own():
    class Exampleless(Absolute):
        """loss = |z - y|."""

        def example(self, rng: Any) -> Any:
            raise KeyError("none")

    with pytest.raises(CheckFailed, match=r"\n  examples: raises KeyError: 'none'"):
        check_loss(Exampleless())


@pytest.mark.parametrize("kind", list(FAULTS))
def test_there_is_a_public_check_for_each_kind(kind):
    for k, twin in TWINS:
        if k == kind:
            assert getattr(testing, f"check_{kind}")(twin()).run == healthy(kind, twin).run


# ------------------------------------------------------------------------------- what components say about themselves


@dataclass(frozen=True)
class Squares:
    """loss = -sum_c y_c log(p_c^2) / 2, of probabilities."""

    link: ClassVar[str] = "identity"

    def value_and_delta(self, scores: Any, target: Any) -> Any:
        return -(target * np.log(scores * scores)).sum(axis=-1) / 2, -target / scores

    def encode_target(self, y: Any, learned: Any) -> Any:
        return np.eye(3)[y.astype(int)] if y.ndim == 1 else y


def test_probabilities_of_1e_30_are_looked_at():
    with pytest.raises(CheckFailed, match=r"\n  extremes: result at scores of 1e-30 and 1\['values'\]"):
        check_loss(Squares())


@dataclass(frozen=True)
class Rates:
    """loss = sum_c exp(z_c) - y_c z_c, with the exponential link."""

    link: ClassVar[str] = "exponential"

    def value_and_delta(self, scores: Any, target: Any) -> Any:
        return (np.exp(scores) - target * scores).sum(axis=-1), np.exp(scores) - target


def test_behind_an_exponential_scores_are_as_large_as_their_exponential_can_be():
    assert "extremes" in check_loss(Rates()).passed


@dataclass(frozen=True)
class Exploding(Leaky):
    """v = exp(u) - 1 above 0, else u / 4."""

    def value(self, u: Any) -> Any:
        return np.where(u > 0, np.expm1(u), u / 4)

    def derivative(self, v: Any) -> Any:
        return np.where(v > 0, v + v.dtype.type(1), v.dtype.type(0.25))


def test_an_exponential_may_be_infinite_where_no_float_is_large_enough():
    assert "extremes" in all_checks("activation", Exploding())
    run_checks("exploding", {"extremes": all_checks("activation", Exploding())["extremes"]})


@dataclass(frozen=True)
class Table:
    """y = w[x], for whole numbers x; `slope` what backward says of x."""

    slope: float = 0.0
    centred: bool = False

    @property
    def coupled(self) -> bool:
        return self.centred

    def example_input(self, rng: Any) -> Any:
        return rng.integers(0, 4, (3, 2)).astype(float)

    def init(self, rng: Any, in_shape: Any) -> Any:
        return {"weight": rng.normal(size=4)}, in_shape

    def forward(self, params: Any, x: Any, context: Any) -> Any:
        y = params["weight"][x.astype(int)]
        return (y - y.mean(axis=0, keepdims=True) if self.centred and len(x) else y), x

    def backward(self, params: Any, cache: Any, dy: Any, context: Any) -> Any:
        dy = dy - dy.mean(axis=0, keepdims=True) if self.centred and len(dy) else dy
        picked = cache[..., None] == np.arange(4)
        return self.slope * cache, {"weight": (dy[..., None] * picked).sum(axis=(0, 1)).astype(dy.dtype)}


@pytest.mark.parametrize(
    ("layer", "skipped"),
    [
        (Table(), {"gradient of x", "extremes", "json"}),
        (Table(centred=True), {"gradient of x", "extremes", "additivity", "json"}),
    ],
)
def test_a_layer_is_shown_its_own_example_and_is_believed_that_its_rows_are_coupled(layer, skipped):
    report = check_layer(layer)
    assert set(report.skipped) == skipped
    assert "gradient of parameters" in report.passed


@dataclass(frozen=True)
class Signs:
    """p <- p - reach sign(g), of which lr is no factor."""

    lr: float = 0.01
    scope: ClassVar[str] = "element"
    lr_is_a_factor: ClassVar[bool] = False

    def init(self, p: Any) -> Any:
        return {}

    def update(self, p: Any, g: Any, state: Any, h: Any) -> Any:
        return p - (h.lr + p.dtype.type(1e-3)) * np.sign(g), state


def test_a_rule_whose_lr_is_no_factor_may_move_at_lr_0():
    assert check_optimizer(Signs()).skipped["lr 0"] == "it says that lr is no factor of its steps"


# ------------------------------------------------------------------------------------------------------------- engines


@dataclass(frozen=True)
class Refusing:
    """An engine that runs nothing."""

    def session(self, *settings: Any) -> Any:
        raise ConfigError("not today")


@dataclass(frozen=True)
class Configured(Leaky):
    """v = u above 0, else u / 4."""

    @classmethod
    def example_configs(cls) -> list[dict[str, Any]]:
        return [{}, {"fault": "none"}]


def test_an_engine_that_cannot_run_a_component_is_left_out_with_the_reason(registered):
    registered("engine", "refusing", Refusing)
    registered("activation", "configured", Configured)
    report = testing.check("activation", "local/configured", engines=["numpy", "refusing"])
    assert report.engines == ("numpy",)
    assert report.skipped["engine refusing with fault='none'"] == "it does not run there: not today"


def test_an_engine_counts_only_if_every_configuration_ran_on_it(registered):
    registered("engine", "refusing", Refusing)
    ran = Report("it", ("engine numpy", "engine numpy with a=1", "engine jax"), {}, {"engine jax with a=1": "no"})
    assert ran.engines == ("numpy",)


def test_every_configuration_is_checked_under_its_own_settings(registered):
    registered("activation", "configured", Configured)
    ran = testing.check("activation", "configured").run
    assert len(ran) == 2 * len({name.removesuffix(" with fault='none'") for name in ran})


def test_a_warning_is_a_failure_wherever_the_checks_run():
    @dataclass(frozen=True)
    class Warned(Leaky):
        """v = u above 0, else u / 4."""

        def value(self, u: Any) -> Any:
            warnings.warn("mean of nothing", RuntimeWarning, stacklevel=1)
            return super().value(u)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(CheckFailed, match=r"\n  gradient: raises RuntimeWarning: mean of nothing"):
            check_activation(Warned())


def test_the_command_says_what_passed_what_was_skipped_and_on_which_engines():
    shown = CliRunner().invoke(main, ["check", "loss:huber", "--verbose"])
    lines = shown.output.splitlines()
    assert shown.exit_code == 0
    assert lines[0].split() == ["component", "run", "passed", "failed", "skipped", "engines"]
    assert lines[1].split()[-1] == "numpy"
    assert "  gradient: passed" in lines
    assert any(line.startswith("  kinks: skipped, ") for line in lines)


def test_the_command_tries_the_engines_that_are_named(registered):
    registered("engine", "refusing", Refusing)
    shown = CliRunner().invoke(main, ["check", "loss:huber", "--engine", "refusing", "-v"])
    assert shown.exit_code == 0
    assert shown.output.splitlines()[1].split()[-1] == "numpy"
    assert "  engine local/refusing: skipped, it does not run there: not today" in shown.output


def test_a_plugin_that_says_what_to_install_is_skipped_where_a_broken_one_fails(monkeypatch):
    def load(reason: Exception | None) -> Any:
        cause = ModuleNotFoundError("No module named 'jax'. Install it")
        cause.__cause__ = reason
        raise BrokenComponent("it fails on import") from cause

    provider = registry.find("loss", "huber")
    monkeypatch.setattr(conformance.testing, "check", lambda *_, **__: load(ModuleNotFoundError("jax")))
    assert conformance.check_provider(provider, ["numpy"]).skipped == {"loading": "it fails on import"}
    monkeypatch.setattr(conformance.testing, "check", lambda *_, **__: load(None))
    assert conformance.check_provider(provider, ["numpy"]).failed == {"loading": "it fails on import"}
