"""Gradient descent with momentum.  p parameter, g gradient, velocity; one shape."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, final

from bpframe.plugin import Array, Hyper, Scope, State, TuningSpace, checks, ops
from bpframe_optimizers import flavors


@final
@dataclass(frozen=True)
class Momentum:
    """velocity <- momentum velocity + g;  p <- p - lr velocity.

    flavor "torch" (also "optax") keeps lr outside of the velocity, as above: a schedule acts on the whole step at once.
    "keras" (also "paper", and scikit-learn) adds lr g instead, so that old gradients keep the lr that they came with.
    Both are the same while lr is constant.
    Source: Polyak (1964), Some methods of speeding up the convergence of iteration methods.
    """

    lr: float = 0.01
    momentum: float = 0.9
    flavor: Literal["torch", "optax", "keras", "paper"] = "torch"
    scope: ClassVar[Scope] = "element"
    synonyms: ClassVar[flavors.Synonyms] = {"flavor": (("torch", "optax"), ("keras", "paper"))}
    tuning_space: ClassVar[TuningSpace] = {
        "lr": (0.005, 5.0),
        "source": "Dahl et al. (2023), arXiv:2306.07179, 0.02 to 5 for Nesterov's, widened downwards to three decades",
    }

    def __post_init__(self) -> None:
        checks.not_negative("momentum", lr=self.lr)
        checks.fraction("momentum", momentum=self.momentum)
        flavors.settle("momentum", self)

    @classmethod
    def example_configs(cls) -> list[dict[str, Any]]:
        """Each flavor."""
        return [{}, {"flavor": "keras", "momentum": 0.8}]

    def init(self, p: Array) -> State:
        """A velocity of 0."""
        return {"velocity": ops.namespace(p).zeros_like(p)}

    def update(self, p: Array, g: Array, state: State, h: Hyper) -> tuple[Array, State]:
        """(p - lr velocity, {velocity}), or with lr inside."""
        velocity = h.momentum * state["velocity"]
        if self.flavor == "keras":
            velocity += h.lr * g
            return p - velocity, {"velocity": velocity}
        velocity += g
        return p - h.lr * velocity, {"velocity": velocity}

    def reference(self, p: float, gradients: Iterable[float]) -> Iterator[float]:
        """One number, the velocity written out as the sum of past gradients, each faded by momentum^age."""
        past: list[float] = []
        for g in gradients:
            past.append(g)
            p = p - self.lr * sum(self.momentum**age * old for age, old in enumerate(reversed(past)))
            yield p
