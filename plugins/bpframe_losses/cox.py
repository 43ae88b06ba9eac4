"""Cox's partial likelihood.  Shapes: z (B, 1) scores, target "time" and "event" (B, 1), weight (B,)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, final

import numpy as np

from bpframe.plugin import Array, DataError, HostArray, ShapeError, ops


@final
@dataclass(frozen=True)
class Cox:
    """loss = -(1 / E) sum over events i of (z_i - log sum over j with t_j >= t_i of exp z_j), E the number of events.

    z is the logarithm of the hazard, of which only differences count: a larger z means an earlier event. `event` is 1
    where the event was seen at `time`, 0 where observation ended there (censored). delta_k = (1 / E) (exp(z_k) sum over
    events i with t_i <= t_k of 1 / sum over j with t_j >= t_i of exp z_j  -  [k is an event]). Weights, divided by
    their mean, multiply each exp z_j, and each event in sum and number. Rows of a batch are coupled, each compared with
    those of its batch alone, so batches should be large; a batch without events costs 0. Ties as Breslow has them.
    Source: Cox (1972), Regression models and life-tables; as a loss of networks Katzman et al. (2018), DeepSurv,
    equation 4; Breslow (1974) for ties.
    """

    link: ClassVar[str] = "identity"
    weighted: ClassVar[bool] = True

    def target_fields(self, outputs: int) -> dict[str, int]:
        """A time and an event; ShapeError but for one score."""
        if outputs != 1:
            raise ShapeError(f"cox needs one score a row, the logarithm of the hazard, got {outputs}.")
        return {"time": 1, "event": 1}

    def encode_target(self, y: dict[str, HostArray], learned: dict[str, Any]) -> dict[str, HostArray]:
        """Times of at least 0, events 0 or 1; DataError for others."""
        time, event = (np.asarray(y[name]) for name in ("time", "event"))
        if time.dtype.kind not in "biuf" or not (time >= 0).all():
            raise DataError("cox needs numbers of at least 0 as y['time'].")
        if event.dtype.kind not in "biuf" or not np.isin(event, (0, 1)).all():
            raise DataError("cox needs 0 or 1 as y['event']: whether it was seen.")
        return {"time": time, "event": event}

    def value_and_delta(
        self, scores: Array, target: dict[str, Array], weight: Array | None = None
    ) -> tuple[Array, Array]:
        """(loss, 0-d; delta (B, 1)); each risk set is shifted by its own maximum, so nothing overflows."""
        xp = ops.namespace(scores)
        z, time, event = scores[:, 0], target["time"][:, 0], target["event"][:, 0]
        w = xp.ones_like(z) if weight is None else _ratios(weight)
        at_risk = xp.logical_and(time[None, :] >= time[:, None], w[None, :] > 0)  # (event, row)
        low = xp.min(z)
        shift = xp.max(xp.where(at_risk, z[None, :], low), axis=1)
        e = xp.where(at_risk, w * xp.exp(xp.minimum(z[None, :] - shift[:, None], xp.zeros_like(z))), 0.0)
        total = xp.sum(e, axis=1)
        total = xp.where(total > 0, total, 1.0)
        count = w * event
        events = xp.sum(count)
        share = count / xp.where(events > 0, events, 1.0)
        value = xp.sum(share * (shift + xp.log(total) - z))
        delta = xp.sum((share / total)[:, None] * e, axis=0) - share
        return value, delta[:, None]

    def example(self, rng: np.random.Generator) -> tuple[HostArray, dict[str, HostArray]]:
        """Scores, times with ties, and events, of which some were not seen."""
        time = np.round(rng.exponential(size=(6, 1)), 1)
        return rng.normal(size=(6, 1)), {"time": time, "event": np.array([[1.0], [0], [1], [1], [0], [1]])}

    def example_fitted(self, rng: np.random.Generator) -> tuple[HostArray, dict[str, HostArray]]:
        """Scores that fall with the time."""
        _, target = self.example(rng)
        return -2.0 * target["time"], target


def _ratios(weight: Array) -> Array:
    """Weights (B,) divided by the mean of those above 0."""
    xp = ops.namespace(weight)
    counted = xp.sum(xp.astype(weight > 0, weight.dtype))
    mean = xp.sum(weight) / xp.maximum(counted, xp.ones_like(counted))
    return weight / xp.where(mean > 0, mean, 1.0)
