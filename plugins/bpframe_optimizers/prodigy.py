"""Prodigy, Adam that finds its own learning rate.  p parameter, g gradient, m v moments, s sum of g; one shape.

d, r and the norm of s are numbers for the whole model.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal, final

from bpframe.plugin import Array, Hyper, Optimizer, Param, Scope, State, TuningSpace, checks, ops
from bpframe_optimizers import decay
from bpframe_optimizers.golden_paths import Golden, golden_paths


@final
@dataclass(frozen=True)
class Prodigy:
    """p <- p - lr d m / (sqrt(v) + d' eps),  where d estimates from below how far p has to go.

    m, v: Adam's moments of d g.  With b = sqrt(beta2) and a = lr d^2 / d0:  r <- b r + a <g, p_0 - p>;
    s <- b s + a g;  d' = max(d, d_coef r / ||s||_1).  lr stays at 1, or follows a schedule that ends in 0.
    The decay, of weights only unless `decay` is "all", is decoupled: p <- p - lr d weight_decay p.
    `bias_correction`: of the moments, as in optax. `safeguard_warmup`: leaves lr out of s, for a lr that starts small.
    Source: Mishchenko and Defazio (2023), arXiv:2306.06101, the Adam version; as in its authors' code, d' and not d
    stands by eps, and a factor that r and s have in common is left out.
    """

    lr: float = 1.0
    beta1: float = 0.9
    beta2: float = 0.999
    eps: float = 1e-8
    weight_decay: float = 0.0
    d0: float = 1e-6
    d_coef: float = 1.0
    bias_correction: bool = False
    safeguard_warmup: bool = False
    decay: Literal["weights", "all"] = "weights"
    scope: ClassVar[Scope] = "element"
    amplifies_rounding: ClassVar[tuple[str, ...]] = ("float32",)
    tuning_space: ClassVar[TuningSpace] = {
        "d_coef": (0.1, 10.0),
        "source": "a decade round 1: its authors advise to leave lr at 1 and to tune d_coef",
    }

    def __post_init__(self) -> None:
        checks.not_negative("prodigy", lr=self.lr)
        checks.positive("prodigy", eps=self.eps, d0=self.d0, d_coef=self.d_coef)
        checks.fraction("prodigy", beta1=self.beta1, beta2=self.beta2)
        decay.check("prodigy", self)

    @classmethod
    def example_configs(cls) -> list[dict[str, object]]:
        """As published, and with everything on."""
        further = {"weight_decay": 0.1, "bias_correction": True, "safeguard_warmup": True, "decay": "all"}
        return [{}, {"d0": 1e-3, **further}]

    def rule_for(self, param: Param) -> Optimizer:
        """Without decay where there is to be none."""
        return decay.rule_for(self, param)

    def init(self, p: Array) -> State:
        """Moments, sums and d 0: the first step takes d0 for it."""
        xp = ops.namespace(p)
        zero, zeros = xp.zeros((), dtype=p.dtype, **ops.placement(p)), xp.zeros_like(p)
        return {"m": zeros, "v": zeros, "s": zeros, "start": xp.asarray(p, copy=True), "d": zero, "r": zero}

    def totals(self, p: Array, g: Array, state: State, h: Hyper) -> dict[str, Array]:
        """<g, p_0 - p> and the norm of the new s."""
        xp = ops.namespace(p)
        s = self._gradients(g, state, h)
        return {"progress": xp.sum(g * (state["start"] - p)), "norm": xp.sum(abs(s))}

    def update(self, p: Array, g: Array, state: State, h: Hyper) -> tuple[Array, State]:
        """(p - lr d m / (sqrt(v) + d' eps), {m, v, s, start, d', r})."""
        xp = ops.namespace(p)
        d, rate, norm = _d(state, h), self._rate(state, h), h.total["norm"]
        r = h.beta2**0.5 * state["r"] + d / h.d0 * rate * h.total["progress"]
        found = h.d_coef * r / xp.where(norm > 0, norm, xp.ones_like(norm))
        larger = xp.where(norm > 0, xp.maximum(d, found), d)
        m = h.beta1 * state["m"]
        m += (1 - h.beta1) * d * g
        v = h.beta2 * state["v"]
        v += (1 - h.beta2) * (d * g) ** 2
        new = p - rate * (m / (xp.sqrt(v) + larger * h.eps) + h.weight_decay * p)
        return new, {"m": m, "v": v, "s": self._gradients(g, state, h), "start": state["start"], "d": larger, "r": r}

    def _rate(self, state: State, h: Hyper) -> Any:
        """lr d, with Adam's correction if it is asked for."""
        correction = (1 - h.beta2**h.step) ** 0.5 / (1 - h.beta1**h.step) if self.bias_correction else 1
        return h.lr * _d(state, h) * correction

    def _gradients(self, g: Array, state: State, h: Hyper) -> Array:
        """The new s."""
        d = _d(state, h)
        s: Array = h.beta2**0.5 * state["s"] + d / h.d0 * (d if self.safeguard_warmup else self._rate(state, h)) * g
        return s

    def golden(self) -> list[Golden]:
        """Paths of the authors" code."""
        return golden_paths(
            {
                "all/prodigy": {"d0": 1e-3, "weight_decay": 0.1, "decay": "all"},
                "all/prodigy_safeguarded": {
                    "lr": 0.5,
                    "d0": 1e-3,
                    "d_coef": 2.0,
                    "bias_correction": True,
                    "safeguard_warmup": True,
                },
            }
        )


def _d(state: State, h: Hyper) -> Array:
    d: Array = state["d"]
    return ops.namespace(d).maximum(d, h.d0)
