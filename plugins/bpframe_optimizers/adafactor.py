"""Adafactor.  p weights (n, m) with row (n, 1) and column (1, m) means of g^2, or a vector with v of its shape."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, final

from bpframe.plugin import Array, Hyper, Optimizer, Param, Scope, State, checks, ops
from bpframe_optimizers import decay


@final
@dataclass(frozen=True)
class Adafactor:
    """p <- p - alpha u / max(1, rms(u) / clip),  u = g / sqrt(V),  alpha = max(eps2, rms(p)) rate.

    rate = min(lr, relative_step / sqrt(t)): lr caps the relative step, and a multiplier on the learning rate scales
    both.
    V = row column / mean(row): the rank-one matrix nearest to the running mean of g^2 (in the I-divergence), from
    the running means of its rows and columns, n + m numbers. The running means are those of g^2 + eps1, faded by
    1 - t^-decay_rate; vectors keep all of V. No momentum. The decay, of weights only unless
    `decay` is "all", is decoupled: p <- p - lr weight_decay p.
    Source: Shazeer and Stern (2018), arXiv:1804.04235, algorithms 4 to 6 and section 8. PyTorch takes eps1 as a floor
    of sqrt(V) instead.
    """

    lr: float = 0.01
    decay_rate: float = 0.8
    eps1: float = 1e-30
    eps2: float = 0.001
    clip: float = 1.0
    weight_decay: float = 0.0
    decay: Literal["weights", "all"] = "weights"
    relative_step: float = 1.0
    scope: ClassVar[Scope] = "array"
    learning_rates: ClassVar[tuple[str, ...]] = ("lr", "relative_step")

    def __post_init__(self) -> None:
        checks.not_negative("adafactor", lr=self.lr, eps2=self.eps2, relative_step=self.relative_step)
        checks.positive("adafactor", eps1=self.eps1, clip=self.clip, decay_rate=self.decay_rate)
        decay.check("adafactor", self)

    def rule_for(self, param: Param) -> Optimizer:
        """Without decay where there is to be none."""
        return decay.rule_for(self, param)

    def init(self, p: Array) -> State:
        """All means 0."""
        zeros = ops.namespace(p).zeros_like(p)
        return {"v": zeros} if p.ndim < 2 else {"row": _mean(zeros, -1), "column": _mean(zeros, -2)}

    def update(self, p: Array, g: Array, state: State, h: Hyper) -> tuple[Array, State]:
        """(p - alpha u / max(1, rms(u) / clip), new means)."""
        xp = ops.namespace(p)
        square = g * g + h.eps1
        step = xp.asarray(h.step, dtype=p.dtype, **ops.placement(p))
        fade = 1 - step**-h.decay_rate
        means = {"v": square} if p.ndim < 2 else {"row": _mean(square, -1), "column": _mean(square, -2)}
        new = {name: fade * state[name] + (1 - fade) * mean for name, mean in means.items()}
        if p.ndim < 2:
            u = g / xp.sqrt(new["v"])
        else:  # one root after the other: the product of row and column can overflow
            u = g / xp.sqrt(new["row"] / _mean(new["row"], -2)) / xp.sqrt(new["column"])
        one = xp.ones_like(fade)
        rate = xp.minimum(h.lr * one, h.relative_step * step**-0.5)
        alpha = xp.maximum(h.eps2 * one, _rms(p)) * rate / xp.maximum(one, _rms(u) / h.clip)
        return p - alpha * u - h.lr * h.weight_decay * p, new


def _mean(x: Array, axis: int) -> Array:
    return ops.namespace(x).mean(x, axis=axis, keepdims=True)


def _rms(x: Array) -> Array:
    xp = ops.namespace(x)
    return xp.sqrt(xp.mean(x * x))
