"""Sharpness-aware minimization around another rule.  p parameter, g gradient; one shape; P, G those of the model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

from bpframe.plugin import Array, Hyper, Optimizer, Scope, State, TuningSpace, checks, ops
from bpframe_optimizers import wrapped
from bpframe_optimizers.golden_paths import Golden
from bpframe_optimizers.momentum import Momentum


@final
@dataclass(frozen=True)
class Sam:
    """p <- inner(p, gradient at p + e),  e = rho g / ||G||: steps down from the worst point within rho, or nearly so.

    Two gradients a step; under accumulate two of each batch, with an e of its own. `adaptive` measures the distance in
    units of |p|, so that the result does not depend on how the weights are scaled: e = rho p^2 g / || |P| G ||; its
    authors take a rho about ten times as large.
    ||.|| is the norm over the whole model; where it is 0, e = 0. As the rule of one group of parameters it takes norm
    and e over those alone, yet the gradient of all groups is taken where that e leads.
    Source: Foret et al. (2021), arXiv:2010.01412, equation 2; adaptive: Kwon et al. (2021), ASAM, arXiv:2102.11600,
    without the 0.01 that its code adds to |p|.
    """

    inner: Optimizer
    rho: float = 0.05
    adaptive: bool = False
    amplifies_rounding: ClassVar[tuple[str, ...]] = ("float32",)
    tuning_space: ClassVar[TuningSpace] = {
        "rho": [0.01, 0.02, 0.05],
        "source": "Dahl et al. (2023), arXiv:2306.07179; beside that of the inner rule",
    }

    def __post_init__(self) -> None:
        wrapped.check("sam", self.inner)
        checks.not_negative("sam", rho=self.rho)

    @property
    def scope(self) -> Scope:
        """That of the inner rule."""
        return self.inner.scope

    @classmethod
    def example_configs(cls) -> list[dict[str, object]]:
        """Both distances."""
        return [{"inner": "momentum"}, {"inner": "momentum", "rho": 0.5, "adaptive": True}]

    def init(self, p: Array) -> State:
        """The inner rule's state."""
        return {"inner": self.inner.init(p)}

    def totals(self, p: Array, g: Array, state: State, h: Hyper) -> dict[str, Array]:
        """The squared norm of the gradient in the units of the distance."""
        scaled = abs(p) * g if self.adaptive else g
        return {"squared_norm": ops.inner(scaled, scaled)}

    def probe(self, p: Array, g: Array, state: State, h: Hyper) -> Array:
        """p + e."""
        xp = ops.namespace(p)
        norm = xp.sqrt(h.total["squared_norm"])
        step: Array = h.rho / xp.where(norm > 0, norm, xp.ones_like(norm))
        return p + step * (p * p * g if self.adaptive else g)

    def update(self, p: Array, g: Array, state: State, h: Hyper) -> tuple[Array, State]:
        """The inner rule's step down the gradient that was taken at the probe."""
        p, inner = self.inner.update(p, g, state["inner"], h.inner)
        return p, {"inner": inner}

    def golden(self) -> list[Golden]:
        """Points by hand: e = 0.5 (3, 4) / 5, then 0.5 (0, 1); measured by p = (1, 2), e = 0.5 (3, 8) / 5."""
        inner = Momentum(lr=0.1, momentum=0.5)
        plain, adaptive = {"inner": inner, "rho": 0.5}, {"inner": inner, "rho": 0.5, "adaptive": True}
        path = [[0.7, 1.6], [0.55, 1.3]]
        return [
            (plain, [1.0, 2.0], [[3.0, 4.0], [0.0, 1.0]], path, [[1.3, 2.4], [0.7, 2.1]]),
            (adaptive, [1.0, 2.0], [[3.0, 2.0]], [[0.7, 1.8]], [[1.3, 2.8]]),
        ]
