"""An update rule followed on its own, as an engine would run it.  p and g of any shape, a list of pieces of each.

`h` holds what an engine knows: a loss of 1 unless another is given, a weight and a number of rows of 1, the hidden
weights PARAM. A rule that probes is given what `slopes` makes of the pieces there; one that observes, the gradient
at p.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from types import SimpleNamespace
from typing import Any, final

import numpy as np

from bpframe.engine import optimizer_chain
from bpframe.engine.hyperparameters import Settings
from bpframe.protocols import EvaluationParams, Observe, Param, Probe, Totals
from bpframe.types import HostArray, Shape

PARAM = Param("dense_2/weight", "weight", "dense_2", (4, 3), 4, 3, 1, 3)
CAPABILITIES: tuple[type, ...] = (Totals, Probe, Observe, EvaluationParams)
Pieces = list[HostArray]
N = 12  # numbers of a vector
Slopes = Callable[[Pieces], Pieces]  # from pieces of p to gradients there


def param_of(shape: Shape) -> Param:
    """Hidden weights of that shape, or a bias where it is no matrix."""
    role = "weight" if len(shape) == 2 else "bias"
    fans = (shape[0], shape[-1]) if len(shape) == 2 else (1, shape[0] if shape else 1)
    return Param(f"dense_2/{role}", role, "dense_2", shape, *fans, 1, 3)


def shape_of(rule: Any) -> Shape:
    """The shape of the pieces that a rule is shown: a vector, or a matrix in scope "array"."""
    return PARAM.shape if rule.scope == "array" else (N,)


def numbers(shape: Shape, dtype: np.dtype[Any], steps: int = 5) -> tuple[HostArray, HostArray]:
    """(p, gradients a step) of random numbers."""
    rng = np.random.default_rng(5)
    return rng.normal(size=shape).astype(dtype), rng.normal(size=(steps, *shape)).astype(dtype)


@final
class Course:
    """`pieces` of p and a state for each; of each step so far, `sums` over them and where they were `probed`.

    `given`: sums to use instead. `observed`: whether a rule that observes is let look.
    """

    def __init__(
        self,
        rule: Any,
        pieces: Sequence[HostArray],
        *,
        lr: float | None = None,
        param: Param = PARAM,
        given: Sequence[Any] | None = None,
        observed: bool = True,
    ) -> None:
        self.rule, self.pieces, self.t = rule, list(pieces), 0
        self.states: list[Any] = [rule.init(p) for p in self.pieces]
        self.settings = Settings(rule, self.pieces[0].dtype.type)
        self._lr, self._param, self._given = lr, param, given
        self.sums: list[Any] = []
        self.probed: list[Pieces] = []
        self._having = {what: optimizer_chain.having(rule, self.states[0], what) for what in CAPABILITIES}
        if not observed:
            self._having[Observe] = []

    def step(self, slopes: Slopes, loss: float = 1.0) -> None:
        """One update down the gradient that `slopes` gives."""
        h = self.now(loss)
        g = slopes(self.pieces)
        for link in self._having[Observe]:
            if link.rule.observes(self.t + 1):
                self._observe(link, g)
        for link in self._having[Probe][:1]:
            self._sum(g)
            there = zip(self.pieces, g, self.states, strict=True)
            self.probed.append([link.rule.probe(p, slope, link.state(s), link.settings(h)) for p, slope, s in there])
            g = slopes(self.probed[-1])
        self._sum(g)
        self.sums.append([link.settings(h).total for link in self._having[Totals]])
        made = [self.rule.update(p, slope, s, h) for p, slope, s in zip(self.pieces, g, self.states, strict=True)]
        self.pieces, self.states = [p for p, _ in made], [state for _, state in made]
        self.t += 1

    def follow(self, gradients: Iterable[Pieces]) -> list[Pieces]:
        """The pieces after each of these gradients."""
        path = []
        for g in gradients:
            self.step(lambda pieces, g=g: list(g))  # type: ignore[misc]  # a default argument binds this step's g
            path.append(self.pieces)
        return path

    def now(self, loss: float = 1.0) -> Any:
        """h of the next update."""
        h, cast = self.settings.at(self.t), self.pieces[0].dtype.type
        self.settings.note(param=self._param, loss=cast(loss), weight=cast(1), rows=1)
        if self._lr is not None:
            set_lr(h, cast(self._lr))
        return h

    def seen(self) -> HostArray:
        """The first piece of the parameters that this rule would predict with."""
        for link in self._having[EvaluationParams]:
            h = link.settings(self.settings.h)
            return np.asarray(link.rule.evaluation_params(self.pieces[0], link.state(self.states[0]), h))
        return self.pieces[0]

    def _sum(self, g: Pieces) -> None:
        links, h = self._having[Totals], self.settings.h
        sums = optimizer_chain.totals(links, h, zip(self.pieces, g, self.states, strict=True))
        optimizer_chain.note_totals(links, h, sums if self._given is None else self._given[self.t])

    def _observe(self, link: optimizer_chain.Link, g: Pieces) -> None:
        h = link.settings(self.settings.h)
        for i, (p, slope) in enumerate(zip(self.pieces, g, strict=True)):
            own = link.rule.observe(p, slope, link.state(self.states[i]), h)
            self.states[i] = link.replaced(self.states[i], own)


def set_lr(h: Any, value: Any) -> bool:
    """Put that number in the place of every learning rate in h, those of inner rules too; whether there was one."""
    inner = [set_lr(part, value) for part in vars(h).values() if isinstance(part, SimpleNamespace)]
    if getattr(h, "lr", None) is None:
        return any(inner)
    h.lr = value
    return True
