"""Stochastic weight averaging (SWA).  p parameter, a its average; one shape."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, final

from bpframe.plugin import Array, Hyper, Optimizer, Scope, State, TuningSpace, checks, ops
from bpframe_optimizers import wrapped
from bpframe_optimizers.sgd import Sgd


@final
@dataclass(frozen=True)
class Swa:
    """p <- inner(p, g);  at step `start` and every `every` steps from there on  n <- n + 1,  a <- a + (p - a) / n.

    Trains with p and predicts with a, the mean of the p of those steps; with p itself before the first of them. The
    learning rate, which the paper holds high or lets go up and down, is that of the inner rule: a schedule. `start`
    counts updates, three quarters of a run in the paper, and `every` is an epoch there. Constraints hold for each p
    before it is averaged, and for a. Statistics of batch norms are made of the averaged parameters.
    Source: Izmailov et al. (2018), Averaging weights leads to wider optima and better generalization, arXiv:1803.05407,
    algorithm 1.
    """

    inner: Optimizer
    start: int
    every: int = 1
    tuning_space: ClassVar[TuningSpace] = {
        "source": "that of the inner rule alone: the average is of its points, and no part of the training"
    }

    def __post_init__(self) -> None:
        wrapped.check("swa", self.inner)
        checks.whole("swa", 1, start=self.start)
        checks.whole("swa", 1, every=self.every)

    @property
    def evaluation_period(self) -> int:
        """`every`."""
        return self.every

    @property
    def scope(self) -> Scope:
        """That of the inner rule."""
        return self.inner.scope

    @classmethod
    def example_configs(cls) -> list[dict[str, object]]:
        """Averages from the second step on, each and every third."""
        return [{"inner": "sgd", "start": 2}, {"inner": "momentum", "start": 2, "every": 3}]

    def init(self, p: Array) -> State:
        """The average p itself, of no step."""
        xp = ops.namespace(p)
        n = xp.zeros((), dtype=p.dtype, **ops.placement(p))
        return {"average": xp.asarray(p, copy=True), "n": n, "inner": self.inner.init(p)}

    def update(self, p: Array, g: Array, state: State, h: Hyper) -> tuple[Array, State]:
        """The inner rule's step, and the average with its outcome where one is due."""
        xp = ops.namespace(p)
        p, inner = self.inner.update(p, g, state["inner"], h.inner)
        p = wrapped.allowed(p, h)
        behind: Any = h.step - self.start
        due = xp.asarray((behind >= 0) & (behind % self.every == 0), **ops.placement(p))
        n: Any = xp.where(due, state["n"] + 1, state["n"])
        average = state["average"] + (p - state["average"]) / xp.maximum(n, xp.ones_like(n))
        average = xp.where(due | (n == 0), average, state["average"])
        return p, {"average": average, "n": n, "inner": inner}

    def restart(self, p: Array, state: State) -> State:
        """The average starts from p, as of no step."""
        xp = ops.namespace(p)
        return {**state, "average": xp.asarray(p, copy=True), "n": xp.zeros_like(state["n"])}

    def evaluation_params(self, p: Array, state: State, h: Hyper) -> Array:
        """The average."""
        average: Array = state["average"]
        return average

    def golden(self) -> list[tuple[Any, ...]]:
        """By hand: p goes by 1, 2, 3, ..., of which 3 and 10, after steps 2 and 4, are averaged."""
        arguments = {"inner": Sgd(lr=1.0), "start": 2, "every": 2}
        gradients, path, average = (
            [-1.0, -2.0, -3.0, -4.0, -5.0],
            [1.0, 3.0, 6.0, 10.0, 15.0],
            [1.0, 3.0, 3.0, 6.5, 6.5],
        )
        return [(arguments, [0.0], *([[x] for x in column] for column in (gradients, path, average)))]

    def reference(self, p: float, gradients: Iterable[float]) -> Iterator[float]:
        """p as the inner rule moves it."""
        inner: Any = self.inner
        return inner.reference(p, gradients)  # type: ignore[no-any-return]  # a capability, which no protocol names
