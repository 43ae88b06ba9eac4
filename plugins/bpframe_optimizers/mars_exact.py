"""MARS, exact form.  p parameter, g gradient, c corrected gradient, m and v its running moments; one shape.

g(q; B): the gradient of batch B at parameters q; p' the parameters before the latest step.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

from bpframe.plugin import Array, Hyper, Optimizer, Param, Scope, State, TuningSpace, checks, ops, rule_for
from bpframe_optimizers import wrapped
from bpframe_optimizers.adamw import Adamw
from bpframe_optimizers.golden_paths import Golden
from bpframe_optimizers.mars import Mars, adam_step


@final
@dataclass(frozen=True)
class MarsExact:
    """p <- p - lr (m^ / (sqrt(v^) + eps) + weight_decay p), m^ and v^ Adam's moments of c / max(1, ||c||).

    c = g(p; B) + gamma beta1 / (1 - beta1) (g(p; B) - g(p'; B)): both gradients are of the present batch B, so that
    their difference has none of the noise between batches. Two gradients a step; `mars` takes that of the batch before
    in the place of g(p'; B), for one. At the first step p' = p and c = g. The difference is of the loss alone, while g
    is what penalties and gradient steps make of it; behind accumulate the difference is that of the last batch.
    For weights (n, m): all other parameters follow the rule `others` at its own learning rate; what multiplies learning
    rates multiplies both. They, too, go to p' for the second gradient; those of groups with rules of their own do not.
    Defaults are those of the authors' code.
    Source: Yuan et al. (2024), MARS, arXiv:2411.10438, algorithm 2 (MARS-AdamW).
    """

    lr: float = 0.003
    beta1: float = 0.95
    beta2: float = 0.99
    gamma: float = 0.025
    eps: float = 1e-8
    weight_decay: float = 0.0
    others: Optimizer = Adamw(lr=0.003, beta2=0.95, weight_decay=0.1)
    scope: ClassVar[Scope] = "array"
    tuning_space: ClassVar[TuningSpace] = Mars.tuning_space

    def __post_init__(self) -> None:
        checks.not_negative("mars_exact", lr=self.lr, gamma=self.gamma, weight_decay=self.weight_decay)
        checks.positive("mars_exact", eps=self.eps)
        checks.fraction("mars_exact", beta1=self.beta1, beta2=self.beta2)
        wrapped.check("mars_exact", self.others)

    def rule_for(self, param: Param) -> Optimizer:
        """This one for weights of two axes, `others` for the rest, which go to their previous values with them."""
        if param.role == "weight" and len(param.shape) == 2:
            return self
        return WithPrevious(rule_for(self.others, param))

    def init(self, p: Array) -> State:
        """Both moments 0, p itself as the previous parameter."""
        zeros = ops.namespace(p).zeros_like
        return {"m": zeros(p), "v": zeros(p), "difference": zeros(p), "previous": _kept(p)}

    def restart(self, p: Array, state: State) -> State:
        """The previous parameter is p: the next step has no correction."""
        return {**state, "previous": _kept(p)}

    def probe(self, p: Array, g: Array, state: State, h: Hyper) -> Array:
        """The previous parameter p'."""
        previous: Array = state["previous"]
        return previous

    def compare_gradients(self, p: Array, g: Array, there: Array, state: State, h: Hyper) -> State:
        """The state with the difference of both gradients."""
        return {**state, "difference": g - there}

    def update(self, p: Array, g: Array, state: State, h: Hyper) -> tuple[Array, State]:
        """(p - lr (m^ / (sqrt(v^) + eps) + weight_decay p), {m, v, difference, previous})."""
        c = g + (h.gamma * h.beta1 / (1 - h.beta1)) * state["difference"]
        new, moments = adam_step(p, c, state, h)
        return new, {**moments, "difference": state["difference"], "previous": _kept(p)}

    def golden(self) -> list[Golden]:
        """By hand, of gradients that are the same at both points: c = (0.6, 0.8), then (1.2, -1.6) cut to length 1."""
        plain = {"lr": 0.1, "beta1": 0.5, "beta2": 0.0, "gamma": 0.5, "eps": 1e-30}
        start = np.array([1.0, -1.0])
        path = [start - 0.1, start - 0.1 - 0.1 * np.array([1.0, -1 / 3])]
        return [(plain, start, [[0.6, 0.8], [1.2, -1.6]], path, [start, start])]


@final
@dataclass(frozen=True)
class WithPrevious:
    """p <- inner(p, g), where another rule takes a second gradient of each batch at the parameters before its step.

    Source: as `MarsExact`.
    """

    inner: Optimizer

    @property
    def scope(self) -> Scope:
        """That of the inner rule."""
        return self.inner.scope

    def init(self, p: Array) -> State:
        """The inner rule's state, and p as the previous parameter."""
        return {"inner": self.inner.init(p), "previous": _kept(p)}

    def restart(self, p: Array, state: State) -> State:
        """The previous parameter is p."""
        return {**state, "previous": _kept(p)}

    def probe(self, p: Array, g: Array, state: State, h: Hyper) -> Array:
        """The previous parameter."""
        previous: Array = state["previous"]
        return previous

    def compare_gradients(self, p: Array, g: Array, there: Array, state: State, h: Hyper) -> State:
        """Nothing changes."""
        return state

    def update(self, p: Array, g: Array, state: State, h: Hyper) -> tuple[Array, State]:
        """The inner rule's step."""
        new, inner = self.inner.update(p, g, state["inner"], h.inner)
        return new, {"inner": inner, "previous": _kept(p)}


def _kept(p: Array) -> Array:
    """A copy of p, which an engine may write over."""
    kept: Array = ops.namespace(p).asarray(p, copy=True)
    return kept
