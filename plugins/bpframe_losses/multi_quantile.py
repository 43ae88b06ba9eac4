"""Several quantiles of each target.  Shapes: Q quantiles, m targets; scores (B, m Q), target (B, m)."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar, final

import numpy as np

from bpframe.plugin import Array, ConfigError, HostArray, ShapeError, checks, ops


@final
@dataclass(frozen=True)
class MultiQuantile:
    """loss = sum over targets and k of the quantile loss of q_k, + crossing sum_k max(0, z_k - z_(k+1)), in units of y.

    `quantiles` rise inside (0, 1); the scores of one target stand side by side, in their order. Fitted apart, quantiles
    may cross; `crossing` > 0 makes each unit by which a lower one exceeds the next cost that much. Metrics compare the
    quantile nearest to 1/2 with the target.
    Source: Koenker and Bassett (1978), Regression quantiles; crossing: Bondell, Reich and Wang (2010), Noncrossing
    quantile regression curve estimation, as a penalty.
    """

    quantiles: tuple[float, ...] = (0.1, 0.5, 0.9)
    crossing: float = 0.0
    link: ClassVar[str] = "identity"

    def __post_init__(self) -> None:
        ends = (0.0, *self.quantiles, 1.0)
        if len(ends) == 2 or any(not a < b for a, b in pairwise(ends)):
            raise ConfigError(f"multi_quantile needs quantiles that rise inside (0, 1), got {self.quantiles!r}.")
        checks.not_negative("multi_quantile", crossing=self.crossing)

    def target_width(self, outputs: int) -> int:
        """m = outputs / Q."""
        many = len(self.quantiles)
        if outputs % many:
            raise ShapeError(
                f"multi_quantile needs {many} scores for each target, got {outputs}. End the network in {many} outputs "
                "for one target."
            )
        return outputs // many

    def value_and_delta(self, scores: Array, target: Array) -> tuple[Array, Array]:
        """(loss (B,), delta (B, m Q))."""
        xp = ops.namespace(scores)
        z = xp.reshape(scores, (*target.shape, len(self.quantiles)))
        r = z - xp.expand_dims(target, axis=-1)
        slope = 0.5 * xp.sign(r) + (0.5 - xp.asarray(self.quantiles, dtype=r.dtype, **ops.placement(r)))
        gap = xp.maximum(z[..., :-1] - z[..., 1:], 0.0)  # by how much a quantile exceeds the next
        push = self.crossing * xp.astype(gap > 0, r.dtype)
        none = xp.zeros_like(z[..., :1])
        delta = slope + xp.concat([push, none], axis=-1) - xp.concat([none, push], axis=-1)
        value = xp.sum(slope * r, axis=(1, 2)) + self.crossing * xp.sum(gap, axis=(1, 2))
        return value, xp.reshape(delta, scores.shape)

    def point(self, prediction: HostArray) -> HostArray:
        """(B, m) the quantile nearest to the median."""
        many = len(self.quantiles)
        middle = min(range(many), key=lambda k: abs(self.quantiles[k] - 0.5))
        return prediction[:, middle::many]

    def example(self, rng: np.random.Generator) -> tuple[HostArray, HostArray]:
        """Scores and targets, two a row."""
        return rng.normal(size=(5, 2 * len(self.quantiles))), rng.normal(size=(5, 2))

    def example_at_kink(self, rng: np.random.Generator) -> tuple[HostArray, HostArray]:
        """A batch of which some quantiles meet their target or each other."""
        z, y = self.example(rng)
        return np.round(z), np.round(y)

    @classmethod
    def example_configs(cls) -> list[dict[str, object]]:
        """Without and with a penalty on crossing."""
        return [{}, {"quantiles": (0.25, 0.75), "crossing": 2.0}]
