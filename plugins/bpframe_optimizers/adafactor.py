"""Adafactor.  p weights (n, m) with row (n, 1) and column (1, m) means of g^2, or a vector with v of its shape."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, final

from bpframe.plugin import Array, Hyper, Optimizer, Param, Scope, State, TuningSpace, checks, ops
from bpframe_optimizers import decay
from bpframe_optimizers.golden_paths import Golden, golden_paths


@final
@dataclass(frozen=True)
class Adafactor:
    """p <- p - alpha u / max(1, rms(u) / clip),  u = g / sqrt(V),  alpha = max(eps2, rms(p)) rate.

    rate = min(lr, relative_step / sqrt(t)): lr caps the relative step, and a multiplier on the learning rate scales
    both.
    V = row column / mean(row): the rank-one matrix nearest to the running mean of g^2 (in the I-divergence), from
    the running means of its rows and columns, n + m numbers. The running means are those of g^2 + eps1, faded by
    1 - t^-decay_rate; vectors, and matrices with a side below `min_dim_size_to_factor`, keep all of V. No momentum. The
    decay, of weights only unless `decay` is "all", is decoupled: p <- p - lr weight_decay p.
    optax: relative_step 1e9, which caps nothing, min_dim_size_to_factor 128 (its weight_decay_rate is not multiplied by
    lr).
    Source: Shazeer and Stern (2018), arXiv:1804.04235, algorithms 4 to 6 and section 8. PyTorch takes eps1 as a floor
    of sqrt(V) instead.
    """

    lr: float = 0.01
    decay_rate: float = 0.8
    eps1: float = 1e-30
    eps2: float = 0.001
    clip: float = 1.0
    min_dim_size_to_factor: int = 1
    weight_decay: float = 0.0
    decay: Literal["weights", "all"] = "weights"
    relative_step: float = 1.0
    scope: ClassVar[Scope] = "array"
    learning_rates: ClassVar[tuple[str, ...]] = ("lr", "relative_step")
    tuning_space: ClassVar[TuningSpace] = {
        "lr": (0.0001, 0.1),
        "source": "Dahl et al. (2023), arXiv:2306.07179, 1e-4 to 1e-2, widened upwards for small networks",
    }

    def __post_init__(self) -> None:
        checks.not_negative("adafactor", lr=self.lr, eps2=self.eps2, relative_step=self.relative_step)
        checks.positive("adafactor", eps1=self.eps1, clip=self.clip, decay_rate=self.decay_rate)
        checks.whole("adafactor", 1, min_dim_size_to_factor=self.min_dim_size_to_factor)
        decay.check("adafactor", self)

    @classmethod
    def example_configs(cls) -> list[dict[str, object]]:
        """As published, and as in optax."""
        return [{}, {"relative_step": 1e9, "min_dim_size_to_factor": 128}]

    def rule_for(self, param: Param) -> Optimizer:
        """Without decay where there is to be none."""
        return decay.rule_for(self, param)

    def init(self, p: Array) -> State:
        """All means 0."""
        zeros = ops.namespace(p).zeros_like(p)
        return {"row": _mean(zeros, -1), "column": _mean(zeros, -2)} if self._factors(p) else {"v": zeros}

    def update(self, p: Array, g: Array, state: State, h: Hyper) -> tuple[Array, State]:
        """(p - alpha u / max(1, rms(u) / clip), new means)."""
        xp = ops.namespace(p)
        square = g * g + h.eps1
        step = xp.asarray(h.step, dtype=p.dtype, **ops.placement(p))
        fade, factors = 1 - step**-h.decay_rate, self._factors(p)
        means = {"row": _mean(square, -1), "column": _mean(square, -2)} if factors else {"v": square}
        new = {name: fade * state[name] + (1 - fade) * mean for name, mean in means.items()}
        if factors:  # one root after the other: the product of row and column can overflow
            u = g / xp.sqrt(new["row"] / _mean(new["row"], -2)) / xp.sqrt(new["column"])
        else:
            u = g / xp.sqrt(new["v"])
        one = xp.ones_like(fade)
        rate = xp.minimum(h.lr * one, h.relative_step * step**-0.5)
        alpha = xp.maximum(h.eps2 * one, _rms(p)) * rate / xp.maximum(one, _rms(u) / h.clip)
        return p - alpha * u - h.lr * h.weight_decay * p, new

    def _factors(self, p: Array) -> bool:
        return p.ndim >= 2 and min(p.shape[-2:]) >= self.min_dim_size_to_factor

    def golden(self) -> list[Golden]:
        """Paths of torch."""
        return golden_paths(
            {
                "adafactor": {"lr": 0.05, "weight_decay": 0.1, "decay": "all"},
                "adafactor_relative": {"lr": 1.0},
            }
        )


def _mean(x: Array, axis: int) -> Array:
    return ops.namespace(x).mean(x, axis=axis, keepdims=True)


def _rms(x: Array) -> Array:
    xp = ops.namespace(x)
    return xp.sqrt(xp.mean(x * x))
