"""Layer-wise adaptive rate scaling.  p one parameter, weights (n, m) or a vector; g gradient, velocity; one shape."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, final

from bpframe.plugin import Array, Hyper, Optimizer, Param, Scope, State, TuningSpace, checks, ops
from bpframe_optimizers import decay, flavors
from bpframe_optimizers.golden_paths import Golden, golden_paths


@final
@dataclass(frozen=True)
class Lars:
    """velocity <- momentum velocity + lr ratio (g + weight_decay p);  p <- p - velocity.

    ratio = trust_coefficient ||p|| / (||g|| + weight_decay ||p||), so that every layer moves by the same part of its
    length; 1 where ||p|| or ||g|| is 0. Vectors (biases, scales) have no ratio: they take plain steps of momentum, as
    in the MLPerf recipe, so lr must suit them too; `ratio` "all", optax's default, gives them one. Only weights decay
    unless `decay` is "all". flavor "paper" is the above, "optax" has ||g + weight_decay p|| below, which is the same
    without decay.
    Source: You, Gitman and Ginsburg (2017), arXiv:1708.03888, algorithm 1.
    """

    lr: float = 1.0
    momentum: float = 0.9
    weight_decay: float = 0.0
    trust_coefficient: float = 0.001
    decay: Literal["weights", "all"] = "weights"
    ratio: Literal["weights", "all"] = "weights"
    flavor: Literal["paper", "optax"] = "paper"
    scope: ClassVar[Scope] = "array"
    synonyms: ClassVar[flavors.Synonyms] = {"flavor": (("paper",), ("optax",))}
    tuning_space: ClassVar[TuningSpace] = {"lr": (0.03, 30.0), "source": "three decades round the default"}

    def __post_init__(self) -> None:
        checks.not_negative("lars", lr=self.lr)
        checks.positive("lars", trust_coefficient=self.trust_coefficient)
        checks.fraction("lars", momentum=self.momentum)
        checks.one_of("lars", ("weights", "all"), ratio=self.ratio)
        flavors.settle("lars", self)
        decay.check("lars", self)

    @classmethod
    def example_configs(cls) -> list[dict[str, object]]:
        """Each flavor, with a decay, by which they differ."""
        return [{}, {"weight_decay": 0.1}, {"weight_decay": 0.1, "flavor": "optax", "ratio": "all"}]

    def rule_for(self, param: Param) -> Optimizer:
        """Without decay where there is to be none."""
        return decay.rule_for(self, param)

    def init(self, p: Array) -> State:
        """A velocity of 0."""
        return {"velocity": ops.namespace(p).zeros_like(p)}

    def update(self, p: Array, g: Array, state: State, h: Hyper) -> tuple[Array, State]:
        """(p - velocity, {velocity})."""
        lr = h.lr if p.ndim < 2 and self.ratio == "weights" else h.lr * self._ratio(p, g, h)
        velocity = h.momentum * state["velocity"] + lr * (g + h.weight_decay * p)
        return p - velocity, {"velocity": velocity}

    def _ratio(self, p: Array, g: Array, h: Hyper) -> Array:
        xp = ops.namespace(p)
        if self.flavor == "optax":
            g = g + h.weight_decay * p
        length, slope = xp.sqrt(ops.inner(p, p)), xp.sqrt(ops.inner(g, g))
        some = xp.logical_and(length > 0, slope > 0)
        below = slope if self.flavor == "optax" else slope + h.weight_decay * length
        below = xp.where(some, below, xp.ones_like(slope))
        return xp.where(some, h.trust_coefficient * length / below, xp.ones_like(slope))

    def golden(self) -> list[Golden]:
        """Paths of optax."""
        return golden_paths({"lars": {"lr": 2.0, "trust_coefficient": 0.01}})
