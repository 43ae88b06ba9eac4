"""Limited-memory BFGS.  p (n,) all parameters, g (n,) gradient; s, y (history, n) changes of p and of g."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, final

import numpy as np

from bpframe.plugin import ConfigError, HostArray, Hyper, Objective, State, checks
from bpframe_optimizers.wolfe import Trial, Wolfe, search

CURVATURE = 1e-10  # the least cosine between s and y of a pair that is kept


@final
@dataclass(frozen=True)
class Lbfgs:
    """p <- p - a H g;  H the inverse Hessian that the last `history` pairs s = change of p, y = change of g suggest.

    H starts from (s y / y y) 1 of the latest pair. a meets the strong Wolfe conditions with c1 and c2, a = 1 tried
    first (min(1, 1 / ||g||_1) while there are no pairs), with at most `evaluations` of the objective. One update is
    one iteration and never raises the objective; where no step lowers it, p stays and the pairs are forgotten.
    For an objective that is the same at every call: whole data as one batch, no dropout.
    Source: Nocedal and Wright (2006), Numerical optimization, algorithms 7.4 and 7.5; Liu and Nocedal (1989).
    """

    history: int = 10
    c1: float = 1e-4
    c2: float = 0.9
    evaluations: int = 20
    scope: ClassVar[Literal["objective"]] = "objective"
    whole_batch: ClassVar[bool] = True

    def __post_init__(self) -> None:
        checks.whole("lbfgs", 1, history=self.history)
        checks.whole("lbfgs", 1, evaluations=self.evaluations)
        checks.positive("lbfgs", c1=self.c1)
        checks.fraction("lbfgs", c2=self.c2)
        if isinstance(self.c1, float) and isinstance(self.c2, float) and self.c1 >= self.c2:
            raise ConfigError(f"lbfgs needs c1 below c2, got {self.c1} and {self.c2}.")

    def init(self, p: HostArray) -> State:
        """No pairs yet."""
        pairs = np.zeros((self.history, p.size))
        return {"s": pairs, "y": pairs, "count": np.zeros((), np.int64)}

    def update(self, p: HostArray, f: Objective, state: State, h: Hyper) -> tuple[HostArray, State]:
        """(p after one iteration, pairs)."""
        value, g = f(p)
        d = -_inverse_hessian_times(g, state)
        if not g @ d < 0:  # also where it is not finite
            state, d = self.init(p), -g
        if not -math.inf < g @ d < 0 or not math.isfinite(value):
            return p, state
        first = 1.0 if state["count"] else min(1.0, 1 / float(np.sum(np.abs(g))))
        start = Trial(0.0, value, float(g @ d), p, g)
        end = search(lambda a: _trial(f, p, d, a), Wolfe(start, float(h.c1), float(h.c2)), first, self.evaluations)
        if end is start:
            return p, self.init(p)
        return end.point, self._remember(state, end.point - p, end.gradient - g)

    def _remember(self, state: State, s: HostArray, y: HostArray) -> State:
        """The pair in the place of the oldest, unless its curvature is not clearly positive."""
        if not s @ y > CURVATURE * np.linalg.norm(s) * np.linalg.norm(y):
            return state
        place, new = int(state["count"]) % self.history, {"s": state["s"].copy(), "y": state["y"].copy()}
        new["s"][place], new["y"][place] = s, y
        return {**new, "count": state["count"] + 1}

    def golden(self) -> list[tuple[Any, ...]]:
        """Two steps down (x^2 + 10 y^2) / 2 in fractions: along g / ||g||_1, then with H of one pair written out."""

        def bowl(p: HostArray) -> tuple[float, HostArray]:
            return float(p[0] ** 2 + 10 * p[1] ** 2) / 2, p * [1.0, 10.0]

        return [({}, bowl, [1.0, 1.0], [[10 / 11, 1 / 11], [8091900 / 10011001, -80919 / 10011001]])]


def _trial(f: Objective, p: HostArray, d: HostArray, a: float) -> Trial:
    point = p + a * d
    value, gradient = f(point)
    return Trial(a, value, float(gradient @ d), point, gradient)


def _inverse_hessian_times(g: HostArray, state: State) -> HostArray:
    """H g by the two-loop recursion, from the newest pair to the oldest and back."""
    history, count = len(state["s"]), int(state["count"])
    places = [k % history for k in range(count - 1, max(count - history, 0) - 1, -1)]
    pairs = [(state["s"][k], state["y"][k]) for k in places]
    q, shares = g, []
    for s, y in pairs:
        shares.append(s @ q / (s @ y))
        q = q - shares[-1] * y
    if pairs:
        s, y = pairs[0]
        q = q * (s @ y / (y @ y))
    for (s, y), share in zip(reversed(pairs), reversed(shares), strict=True):
        q = q + (share - y @ q / (s @ y)) * s
    return q
