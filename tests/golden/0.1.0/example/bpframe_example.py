"""A loss and an update rule for bpframe, found by their entry points: nothing is imported, no base class is needed."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class PseudoHuber:
    """With r = z - y and s = sqrt(r^2 + delta^2): loss = sum_c delta (s_c - delta), slope delta r / s.

    r^2 / 2 near 0, delta |r| far out, smooth between; `delta` is in units of y. Scores z, target y (B, C).
    Source: Charbonnier et al. (1994), Two deterministic half-quadratic regularization algorithms.
    """

    delta: float = 1.0
    link = "identity"

    def __post_init__(self) -> None:
        if self.delta <= 0:
            raise ValueError(f"pseudo_huber needs a number above 0 as delta, got {self.delta!r}.")

    def value_and_delta(self, scores: Any, target: Any) -> tuple[Any, Any]:
        """(loss (B,), slope (B, C))."""
        r = scores - target
        xp = r.__array_namespace__()
        s = xp.hypot(r, xp.full_like(r, self.delta))  # r^2 may overflow
        slope = self.delta * r / s
        return xp.sum(slope * r * (s / (s + self.delta)), axis=-1), slope  # s - delta would lose a small r's digits


@dataclass(frozen=True)
class SignDescent:
    """p <- p - lr sign(g): every parameter moves by lr, however steep the slope.  Any shape.

    Source: Bernstein et al. (2018), signSGD, arXiv:1802.04434.
    """

    lr: float = 0.001
    scope = "element"

    def init(self, p: Any) -> dict[str, Any]:
        """Nothing to remember."""
        return {}

    def update(self, p: Any, g: Any, state: dict[str, Any], h: Any) -> tuple[Any, dict[str, Any]]:
        """(p - lr sign(g), {}); h.lr is lr at this step, whatever schedule it follows."""
        return p - h.lr * g.__array_namespace__().sign(g), {}
