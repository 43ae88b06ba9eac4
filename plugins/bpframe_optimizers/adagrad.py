"""AdaGrad.  p parameter, g gradient, total the sum of its squares so far; one shape."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, final

from bpframe.plugin import Array, Hyper, Scope, State, TuningSpace, checks, ops
from bpframe_optimizers import flavors


@final
@dataclass(frozen=True)
class Adagrad:
    """total <- total + g^2;  p <- p - lr g / (sqrt(initial_accumulator + total) + eps).

    flavor "paper" (also "torch") has eps outside of the root, as above; "keras" (also "optax") inside.
    Defaults are PyTorch's; Keras and optax take initial_accumulator 0.1 and eps 1e-7.
    Source: Duchi, Hazan and Singer (2011), Adaptive subgradient methods, JMLR 12, figure 1 with diagonal matrices.
    """

    lr: float = 0.01
    initial_accumulator: float = 0.0
    eps: float = 1e-10
    flavor: Literal["paper", "torch", "keras", "optax"] = "paper"
    scope: ClassVar[Scope] = "element"
    synonyms: ClassVar[flavors.Synonyms] = {"flavor": (("paper", "torch"), ("keras", "optax"))}
    tuning_space: ClassVar[TuningSpace] = {
        "lr": (0.001, 1.0),
        "source": "a tenth to a hundred times the default, as steps shrink with time",
    }

    def __post_init__(self) -> None:
        checks.not_negative("adagrad", lr=self.lr, initial_accumulator=self.initial_accumulator)
        checks.positive("adagrad", eps=self.eps)
        flavors.settle("adagrad", self)

    @classmethod
    def example_configs(cls) -> list[dict[str, Any]]:
        """Each flavor, with its libraries' constants."""
        return [{}, {"flavor": "keras", "initial_accumulator": 0.1, "eps": 1e-7}]

    def init(self, p: Array) -> State:
        """A total of 0; what it starts from is added where it is used."""
        return {"total": ops.namespace(p).zeros_like(p)}

    def update(self, p: Array, g: Array, state: State, h: Hyper) -> tuple[Array, State]:
        """(p - lr g / (sqrt(initial_accumulator + total) + eps), {total}), or with eps inside."""
        inside = self.flavor == "keras"
        total = state["total"] + g * g
        root = ops.namespace(p).sqrt(total + (h.initial_accumulator + h.eps if inside else h.initial_accumulator))
        return p - h.lr * (g / (root if inside else root + h.eps)), {"total": total}

    def reference(self, p: float, gradients: Iterable[float]) -> Iterator[float]:
        """One number; the root is the length of the vector of all gradients so far."""
        inside = self.flavor == "keras"
        past = [math.sqrt(self.initial_accumulator), math.sqrt(self.eps) if inside else 0.0]
        for g in gradients:
            past.append(g)
            p = p - self.lr * g / (math.hypot(*past) + (0.0 if inside else self.eps))
            yield p
