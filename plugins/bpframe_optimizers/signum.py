"""Signum.  p parameter, g gradient, m its running mean; one shape."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import ClassVar, final

from bpframe.plugin import Array, Hyper, Scope, State, TuningSpace, checks, ops


@final
@dataclass(frozen=True)
class Signum:
    """m <- momentum m + (1 - momentum) g;  p <- p - lr sign(m). With momentum 0 it is signSGD.

    Every element moves by lr, or not at all where m is 0.
    Source: Bernstein et al. (2018), arXiv:1802.04434, algorithms 1 and 2.
    """

    lr: float = 0.0001
    momentum: float = 0.9
    scope: ClassVar[Scope] = "element"
    amplifies_rounding: ClassVar[tuple[str, ...]] = ("float32",)
    tuning_space: ClassVar[TuningSpace] = {
        "lr": (1e-05, 0.01),
        "source": "that of lion: every element moves by lr, too",
    }

    def __post_init__(self) -> None:
        checks.not_negative("signum", lr=self.lr)
        checks.fraction("signum", momentum=self.momentum)

    def init(self, p: Array) -> State:
        """A mean of 0."""
        return {"m": ops.namespace(p).zeros_like(p)}

    def update(self, p: Array, g: Array, state: State, h: Hyper) -> tuple[Array, State]:
        """(p - lr sign(m), {m})."""
        m = h.momentum * state["m"] + (1 - h.momentum) * g
        return p - h.lr * ops.namespace(p).sign(m), {"m": m}

    def reference(self, p: float, gradients: Iterable[float]) -> Iterator[float]:
        """One number, up or down by lr with the sign of the sum of faded gradients."""
        total = 0.0
        for g in gradients:
            total = self.momentum * total + g
            p += self.lr if total < 0 else -self.lr if total > 0 else 0.0
            yield p
