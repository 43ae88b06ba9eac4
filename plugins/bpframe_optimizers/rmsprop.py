"""RMSProp.  p parameter, g gradient, v its mean square or variance, mean, velocity; one shape."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, final

from bpframe.plugin import Array, Hyper, Scope, State, TuningSpace, checks, ops
from bpframe_optimizers import flavors


@final
@dataclass(frozen=True)
class Rmsprop:
    """v <- rho v + (1 - rho) g^2;  velocity <- momentum velocity + g / (sqrt(v) + eps);  p <- p - lr velocity.

    flavor "torch" is the above. "keras" (also "optax", and "paper", Graves) has eps inside of the root,
    g / sqrt(v + eps), and lr inside of the velocity, so that old gradients keep the lr that they came with. PyTorch's
    own rho is 0.99, its lr 0.01.
    `centered` divides by the standard deviation instead: v <- rho (v + (1 - rho) (g - mean)^2), mean <- rho mean +
    (1 - rho) g. That is the mean square less the square of the mean, but rounding never makes it negative.
    Source: Tieleman and Hinton (2012), Neural networks for machine learning, lecture 6e; centered: Graves (2013),
    arXiv:1308.0850, equations 38 to 41.
    """

    lr: float = 0.001
    rho: float = 0.9
    momentum: float = 0.0
    eps: float = 1e-8
    centered: bool = False
    flavor: Literal["torch", "keras", "optax", "paper"] = "torch"
    scope: ClassVar[Scope] = "element"
    synonyms: ClassVar[flavors.Synonyms] = {"flavor": (("torch",), ("keras", "optax", "paper"))}
    tuning_space: ClassVar[TuningSpace] = {
        "lr": (3e-05, 0.03),
        "source": "three decades round the default",
    }

    def __post_init__(self) -> None:
        checks.not_negative("rmsprop", lr=self.lr)
        checks.fraction("rmsprop", rho=self.rho, momentum=self.momentum)
        checks.positive("rmsprop", eps=self.eps)
        flavors.settle("rmsprop", self)

    @classmethod
    def example_configs(cls) -> list[dict[str, Any]]:
        """Each flavor, without and with a velocity and a mean."""
        full = {"momentum": 0.9, "centered": True}
        return [{}, {"flavor": "keras"}, full, {"flavor": "keras", **full}]

    def init(self, p: Array) -> State:
        """Zeros: v, and the mean and velocity where they are used."""
        names = ["v", *["mean"] * self.centered, *["velocity"] * bool(self.momentum)]
        return {name: ops.namespace(p).zeros_like(p) for name in names}

    def update(self, p: Array, g: Array, state: State, h: Hyper) -> tuple[Array, State]:
        """(p - lr velocity, {v, mean, velocity})."""
        new: State = {}
        if self.centered:
            away = g - state["mean"]
            new["mean"] = h.rho * state["mean"] + (1 - h.rho) * g
            v = h.rho * (state["v"] + (1 - h.rho) * (away * away))
        else:
            v = h.rho * state["v"] + (1 - h.rho) * (g * g)
        new["v"] = v
        sqrt, inside = ops.namespace(p).sqrt, self.flavor == "keras"
        step = g / (sqrt(v + h.eps) if inside else sqrt(v) + h.eps)
        if inside:
            step *= h.lr
        if self.momentum:
            step += h.momentum * state["velocity"]
            new["velocity"] = step
        return p - (step if inside else h.lr * step), new

    def reference(self, p: float, gradients: Iterable[float]) -> Iterator[float]:
        """One number, the variance as mean square less squared mean, the velocity as a sum over the past."""
        mean = square = 0.0
        steps: list[float] = []
        for g in gradients:
            mean, square = self.rho * mean + (1 - self.rho) * g, self.rho * square + (1 - self.rho) * g**2
            v = square - mean**2 if self.centered else square
            steps.append(g / (math.sqrt(v + self.eps) if self.flavor == "keras" else math.sqrt(v) + self.eps))
            p = p - self.lr * sum(self.momentum**age * step for age, step in enumerate(reversed(steps)))
            yield p
