"""Gradient descent with momentum.  p parameter, g gradient, velocity; one shape."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import ClassVar, final

from bpframe import checks
from bpframe.types import Array, Hyper, Scope, State


@final
@dataclass(frozen=True)
class Momentum:
    """velocity <- momentum velocity + g;  p <- p - lr velocity.

    Source: Polyak (1964); the learning rate outside the velocity, as in PyTorch, so that a schedule acts on the
    whole step at once (the same as lr inside while lr is constant).
    """

    lr: float = 0.01
    momentum: float = 0.9
    scope: ClassVar[Scope] = "element"

    def __post_init__(self) -> None:
        checks.not_negative("momentum", lr=self.lr)
        checks.fraction("momentum", momentum=self.momentum)

    def init(self, p: Array) -> State:
        """A velocity of 0."""
        return {"velocity": p.__array_namespace__().zeros_like(p)}

    def update(self, p: Array, g: Array, state: State, h: Hyper) -> tuple[Array, State]:
        """(p - lr velocity, {velocity})."""
        velocity = h.momentum * state["velocity"] + g
        return p - h.lr * velocity, {"velocity": velocity}

    def reference(self, p: float, gradients: Iterable[float]) -> Iterator[float]:
        """One number, the velocity written out as the sum of past gradients, each faded by momentum^age."""
        past: list[float] = []
        for g in gradients:
            past.append(g)
            p = p - self.lr * sum(self.momentum**age * old for age, old in enumerate(reversed(past)))
            yield p
