"""Nesterov's accelerated gradient.  p parameter, g gradient, velocity; one shape."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, final

from bpframe.plugin import Array, Hyper, Scope, State, TuningSpace, checks, ops
from bpframe_optimizers import flavors


@final
@dataclass(frozen=True)
class Nesterov:
    """velocity <- momentum velocity + g;  p <- p - lr (g + momentum velocity).

    The look-ahead form, in which p itself is the point where the gradient is taken.
    flavor "torch" (also "optax") keeps lr outside of the velocity, as above; "keras" (also "paper", and scikit-learn)
    adds lr g to it instead. Both are the same while lr is constant.
    Source: Nesterov (1983); Sutskever et al. (2013), On the importance of initialization and momentum, section 2;
    rewritten at the look-ahead point as in Bengio et al. (2013), arXiv:1212.0901, equation 7.
    """

    lr: float = 0.01
    momentum: float = 0.9
    flavor: Literal["torch", "optax", "keras", "paper"] = "torch"
    scope: ClassVar[Scope] = "element"
    synonyms: ClassVar[flavors.Synonyms] = {"flavor": (("torch", "optax"), ("keras", "paper"))}
    tuning_space: ClassVar[TuningSpace] = {
        "lr": (0.005, 5.0),
        "source": "Dahl et al. (2023), arXiv:2306.07179, 0.02 to 5, widened downwards to three decades",
    }

    def __post_init__(self) -> None:
        checks.not_negative("nesterov", lr=self.lr)
        checks.fraction("nesterov", momentum=self.momentum)
        flavors.settle("nesterov", self)

    @classmethod
    def example_configs(cls) -> list[dict[str, Any]]:
        """Each flavor."""
        return [{}, {"flavor": "keras", "momentum": 0.8}]

    def init(self, p: Array) -> State:
        """A velocity of 0."""
        return {"velocity": ops.namespace(p).zeros_like(p)}

    def update(self, p: Array, g: Array, state: State, h: Hyper) -> tuple[Array, State]:
        """(p - lr (g + momentum velocity), {velocity}), or with lr inside."""
        inside = self.flavor == "keras"
        push = h.lr * g if inside else g
        velocity = h.momentum * state["velocity"]
        velocity += push
        change = h.momentum * velocity
        change += push
        if not inside:
            change *= h.lr
        return p - change, {"velocity": velocity}

    def reference(self, p: float, gradients: Iterable[float]) -> Iterator[float]:
        """One number, as Sutskever et al. write it: theta behind, the gradient taken at p = theta + momentum v."""
        theta, v = p, 0.0
        for g in gradients:
            v = self.momentum * v - self.lr * g
            theta = theta + v
            yield theta + self.momentum * v
