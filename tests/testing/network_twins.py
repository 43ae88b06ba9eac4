"""Activations, layers and losses that keep all laws, or break one by the fault that they are given."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from bpframe.errors import ConfigError, ShapeError
from bpframe.testing.laws.layer_run import KEY
from tests.testing.twin_faults import noise, off


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
        if self.fault == "array values":
            v = v * (1 if float(u.sum()) < 1e30 else 2)
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
        if self.fault == "array values" and y[0, 0] > 1:
            y = y * 1
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
class Shifted:
    """y = x - mean + shift, mean that of the batch, in evaluation a running one."""

    fault: str = ""

    def init(self, rng: Any, in_shape: Any) -> Any:
        return {"shift": np.zeros(in_shape), "buffers": {"mean": np.zeros(in_shape)}}, in_shape

    def forward(self, params: Any, x: Any, context: Any) -> Any:
        mean = x.mean(axis=0) if context.training and len(x) else params["buffers"]["mean"]
        return x - mean + params["shift"], mean

    def backward(self, params: Any, cache: Any, dy: Any, context: Any) -> Any:
        dx = dy - dy.sum(axis=0) / max(1, len(dy)) if context.training else dy
        return (dx if context.need_dx else None), {"shift": dy.sum(axis=0)}

    def refresh(self, params: Any, cache: Any) -> Any:
        return {**params, "buffers": {"mean": 0.5 * params["buffers"]["mean"] + 0.5 * cache}}

    def statistics(self, params: Any, cache: Any) -> Any:
        return (
            self.refresh(params, cache)
            if self.fault == "statistics of a batch"
            else {**params, "buffers": {"mean": cache}}
        )


@dataclass(frozen=True)
class Running:
    """y = x - mean, of the batch in training, in evaluation running <- (running + mean) / 2."""

    fault: str = ""

    def init(self, rng: Any, in_shape: Any) -> Any:
        return {"buffers": {"mean": np.zeros(in_shape)}}, in_shape

    def forward(self, params: Any, x: Any, context: Any) -> Any:
        mean = x.mean(axis=0) if context.training else params["buffers"]["mean"]
        return x - mean, mean

    def backward(self, params: Any, cache: Any, dy: Any, context: Any) -> Any:
        return dy - dy.mean(axis=0) if context.training and len(dy) else dy, {}

    def refresh(self, params: Any, cache: Any) -> Any:
        mean = params["buffers"]["mean"]
        share = {"buffers": 0.9, "another scale": 0.5}.get(self.fault, 0.5)
        return {"buffers": {"mean": share * mean + (1 if self.fault == "another scale" else 1 - share) * cache}}


@dataclass(frozen=True)
class Tracking(Running):
    """y = x - mean, of the batch in training, in evaluation running <- (running + mean) / 2."""

    def golden(self) -> Any:
        batches = [[[2.0], [4.0]], [[0.0], [1.0]]]  # means 3, then 0.5: running 1.5, then 1
        return [({"fault": self.fault}, batches, [[5.0]], [[4.0]])]


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
        if self.fault == "sign":
            values, delta = -values, -delta
        if self.fault == "array values":
            values = values + 0 * abs(r).max().item()
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
    """loss = sum (s + (mu - y)^2 exp(-s)) / 2: targets are normal, with means mu, then log variances s."""

    fault: str = ""
    link: ClassVar[str] = "identity"

    def target_width(self, outputs: int) -> Any:
        if outputs % 2 and self.fault not in ("an idle score", "target width"):
            raise ShapeError(f"needs pairs of scores, got {outputs}.")
        if self.fault == "half a target":
            return outputs / 2
        return outputs if self.fault == "target width" else outputs // 2

    def value_and_delta(self, scores: Any, target: Any) -> Any:
        m = target.shape[1]
        mean, s = scores[:, :m], np.clip(scores[:, m : 2 * m], -10, 10)
        share = (mean - target) ** 2 * np.exp(-s)
        inside = np.where(s == scores[:, m : 2 * m], s.dtype.type(0.5), s.dtype.type(0))
        idle = np.zeros_like(scores[:, 2 * m :])
        delta = np.concatenate([(mean - target) * np.exp(-s), inside * (1 - share), idle], axis=1)
        return (s + share).sum(axis=1) / 2, delta

    def point(self, prediction: Any) -> Any:
        m = prediction.shape[1] // 2
        if self.fault == "interleaved columns":
            return prediction[:, ::2]
        if self.fault == "a far point":
            return 2 * prediction[:, :m]
        return {"point": prediction, "the wrong column": prediction[:, m:]}.get(self.fault, prediction[:, :m])

    def sample_target(self, scores: Any, key: Any) -> Any:
        m = scores.shape[1] // 2
        mean, s = scores[:, :m], scores[:, m:]
        return mean + np.exp(s if self.fault == "drawn targets" else s / 2) * key.normal(mean)

    def example(self, rng: Any) -> Any:
        return rng.normal(size=(5, 2)), rng.normal(size=(5, 1))


@dataclass(frozen=True)
class Bounded:
    """v = tanh(u), between -1 and 1."""

    fault: str = ""

    @property
    def range(self) -> str:
        return "(-0.5, 0.5)" if self.fault == "range" else "(-1, 1)"

    def value(self, u: Any) -> Any:
        return np.tanh(u)

    def derivative(self, v: Any) -> Any:
        return (1 - v) * (1 + v)


@dataclass(frozen=True)
class Unit:
    """y = x, for rows of numbers from 0 to 1."""

    fault: str = ""

    @property
    def range(self) -> str:
        return "[0, 0.1]" if self.fault == "range" else "[0, 1]"

    def init(self, rng: Any, in_shape: Any) -> Any:
        return {}, in_shape

    def check_inputs(self, x: Any) -> Any:
        return x + 1 if self.fault == "checked inputs" else x

    def forward(self, params: Any, x: Any, context: Any) -> Any:
        return x, None

    def backward(self, params: Any, cache: Any, dy: Any, context: Any) -> Any:
        return dy, {}

    def example_input(self, rng: Any) -> Any:
        return rng.uniform(size=(4, 5))


@dataclass(frozen=True)
class Share:
    """loss = sum_c (z_c - y_c)^2 / 2, of scores from 0 to 1."""

    fault: str = ""
    link: ClassVar[str] = "identity"
    domain: ClassVar[str] = "[0, 1]"

    def value_and_delta(self, scores: Any, target: Any) -> Any:
        r = scores - target
        return (r * r).sum(axis=-1) / 2, r

    def example(self, rng: Any) -> Any:
        return rng.uniform(size=(2, 5, 3)) + (2 if self.fault == "domain" else 0)


@dataclass(frozen=True)
class Ranked:
    """loss = sum_k log(1 + exp(s_k z_k)), s_k = 1 - 2 [y > k]: one class more than scores."""

    fault: str = ""
    link: ClassVar[str] = "identity"

    def classes(self, outputs: int) -> int:
        return outputs + 1

    def target_labels(self, target: Any) -> Any:
        return target[:, 0].astype(np.int64) + (1 if self.fault == "class targets" else 0)

    def value_and_delta(self, scores: Any, target: Any) -> Any:
        s = 1 - 2 * (target > np.arange(scores.shape[1])).astype(scores.dtype)
        u = s * scores
        e = np.exp(-abs(u))
        return (np.maximum(u, 0) + np.log1p(e)).sum(axis=-1), s * np.where(u > 0, u.dtype.type(1), e) / (1 + e)

    def predict(self, scores: Any) -> Any:
        return (scores > 0).sum(axis=1) + (1 if self.fault == "predicted labels" else 0)

    def example(self, rng: Any) -> Any:
        return rng.normal(size=(5, 3)), rng.integers(0, 4, size=(5, 1)).astype(np.float64)


@dataclass(frozen=True)
class Critic:
    """loss = sum_c y_c z_c, of which no score is best."""

    fault: str = ""
    link: ClassVar[str] = "identity"

    def value_and_delta(self, scores: Any, target: Any) -> Any:
        return (target * scores).sum(axis=-1), target + 0 * scores
