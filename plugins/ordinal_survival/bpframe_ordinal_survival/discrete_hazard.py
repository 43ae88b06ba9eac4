"""Discrete hazards: the time to an event by K intervals.  Scores z (B, K), target "time" and "event" (B, 1)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np

from bpframe.plugin import (
    Array,
    Cache,
    ConfigError,
    Context,
    DataError,
    HostArray,
    Layer,
    Params,
    Shape,
    ShapeError,
    ops,
)
from bpframe_ordinal_survival.stable import sigmoid, softplus


@final
@dataclass(frozen=True)
class DiscreteHazard:
    """loss = -sum_k s_k log(1 - h_k) + f_k log h_k, h_k = sigmoid(z_k);  delta_k = (s_k + f_k) h_k - f_k.

    Interval k reaches from `edges`[k - 1], or 0, to `edges`[k], in the unit of time. h_k is the hazard, P(the event
    comes in k, if it has not before). f_k = 1 where it was seen in k, s_k = 1 where k was survived: the event came
    later, or observation ended behind the middle of k. Predictions are P(time > edges[k]), which fall with k.
    `event` is 1 where the event was seen at `time`, 0 where observation ended there.
    Source: Gensheimer and Narasimhan (2019), A scalable discrete-time survival model for neural networks.
    """

    edges: Sequence[float]

    def __post_init__(self) -> None:
        if not self.edges or any(b <= a for a, b in zip((0.0, *self.edges), self.edges, strict=False)):
            raise ConfigError(f"discrete_hazard needs edges that rise from above 0, got {list(self.edges)}.")

    @property
    def link(self) -> Layer:
        """P(time > edges[k]) of each k."""
        return Survival()

    def target_fields(self, outputs: int) -> dict[str, int]:
        """A time and an event; ShapeError but for a score for each interval."""
        if outputs != len(self.edges):
            raise ShapeError(f"discrete_hazard needs {len(self.edges)} scores a row, one an interval, got {outputs}.")
        return {"time": 1, "event": 1}

    def encode_target(self, y: dict[str, HostArray], learned: dict[str, Any]) -> dict[str, HostArray]:
        """Times of at least 0, events 0 or 1; DataError for others."""
        time, event = (np.asarray(y[name]) for name in ("time", "event"))
        if time.dtype.kind not in "biuf" or not (time >= 0).all():
            raise DataError("discrete_hazard needs numbers of at least 0 as y['time'].")
        if event.dtype.kind not in "biuf" or not np.isin(event, (0, 1)).all():
            raise DataError("discrete_hazard needs 0 or 1 as y['event']: whether it was seen.")
        return {"time": time, "event": event}

    def value_and_delta(self, scores: Array, target: dict[str, Array]) -> tuple[Array, Array]:
        """(loss (B,), delta (B, K))."""
        xp, time, seen = ops.namespace(scores), target["time"], target["event"] > 0
        ends = xp.asarray(list(map(float, self.edges)), dtype=scores.dtype, **ops.placement(scores))
        starts = xp.concat([xp.zeros_like(ends[:1]), ends[:-1]])
        failed = xp.logical_and(xp.logical_and(seen, time >= starts), time < ends)
        survived = time >= xp.where(seen, ends, (starts + ends) / 2)
        f, s = (xp.astype(x, scores.dtype) for x in (failed, survived))
        return xp.sum((s + f) * softplus(scores) - f * scores, axis=-1), (s + f) * sigmoid(scores) - f

    def example(self, rng: np.random.Generator) -> tuple[HostArray, dict[str, HostArray]]:
        """Times in each interval and behind the last, events, of which some were not seen."""
        ends = np.asarray(self.edges, float)
        time = np.concatenate([0.7 * ends, 0.9 * ends, [ends[-1] * 2]])[:, None]
        event = (np.arange(len(time)) % 3 > 0).astype(float)[:, None]
        return rng.normal(size=(len(time), len(ends))), {"time": time, "event": event}

    def example_fitted(self, rng: np.random.Generator) -> tuple[HostArray, dict[str, HostArray]]:
        """Hazards that are large where the event comes."""
        scores, target = self.example(rng)
        _, slope = self.value_and_delta(np.zeros_like(scores), target)
        return -8.0 * slope, target

    @classmethod
    def example_configs(cls) -> list[dict[str, Any]]:
        """Three intervals, and one."""
        return [{"edges": [1.0, 2.5, 4.0]}, {"edges": [2.0]}]


@final
@dataclass(frozen=True)
class Survival:
    """v_k = product of 1 - sigmoid(u_j) over j <= k; du_j = -sigmoid(u_j) sum over k >= j of dv_k v_k."""

    def init(self, rng: np.random.Generator, in_shape: Shape) -> tuple[Params, Shape]:
        """No parameters; rows keep their shape."""
        return {}, in_shape

    def forward(self, params: Params, x: Array, context: Context) -> tuple[Array, Cache]:
        """(v, (sigmoid(u), v))."""
        xp = ops.namespace(x)
        v = xp.exp(-xp.cumulative_sum(softplus(x), axis=-1))
        return v, (sigmoid(x), v)

    def backward(self, params: Params, cache: Cache, dy: Array, context: Context) -> tuple[Array | None, Params]:
        """(dx, no gradients)."""
        h, v = cache
        xp, part = ops.namespace(dy), dy * v
        behind = xp.flip(xp.cumulative_sum(xp.flip(part, axis=-1), axis=-1), axis=-1)
        return -h * behind, {}
