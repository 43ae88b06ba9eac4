"""Muon.  p weights (n, m), g gradient, velocity; one shape."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, final

from bpframe.plugin import Array, Hyper, Optimizer, Param, Scope, State, TuningSpace, checks, ops, rule_for
from bpframe_optimizers import flavors, wrapped
from bpframe_optimizers.adamw import Adamw
from bpframe_optimizers.golden_paths import Golden, golden_paths

QUINTIC = 3.4445, -4.7750, 2.0315


@final
@dataclass(frozen=True)
class Muon:
    """velocity <- momentum velocity + (1 - momentum) g;  p <- p - lr (scale O + weight_decay p).

    O: the matrix with all singular values near 1 that is nearest to u = velocity, or, with `nesterov`, to
    u = momentum velocity + (1 - momentum) g. scale: "original", sqrt(max(1, m / n)); "match_rms_adamw",
    0.2 sqrt(max(n, m)), which makes the rates and decays of adamw fit.
    For hidden weights: all other parameters, and with `matrices` "hidden" the first and last layer's weights too,
    follow the rule `others` at its own learning rate; what multiplies learning rates multiplies both. A schedule moves
    the rate that it is given for alone: a fit warns where one of the two has one.
    flavor "paper" (also "torch") is the above. "keras" gathers whole gradients, which shortens eps to
    (1 - momentum) eps; "optax" corrects velocity and g for the start at 0. Both have every matrix follow the rule,
    `matrices` "all", and one lr for all: Keras with scale "match_rms_adamw" and others adamw of flavor "keras", optax
    with others nadam of flavor "optax".
    Source: Jordan et al. (2024), Muon: an optimizer for hidden layers, kellerjordan.github.io/posts/muon, and its
    code; scale and decay: Liu et al. (2025), arXiv:2502.16982, equation 4. PyTorch works on its transposed weights in
    bfloat16.
    """

    lr: float = 0.02
    momentum: float = 0.95
    nesterov: bool = True
    weight_decay: float = 0.0
    steps: int = 5
    eps: float = 1e-7
    scale: Literal["original", "match_rms_adamw"] = "original"
    matrices: Literal["hidden", "all"] = "hidden"
    others: Optimizer = Adamw()
    flavor: Literal["paper", "torch", "keras", "optax"] = "paper"
    scope: ClassVar[Scope] = "array"
    synonyms: ClassVar[flavors.Synonyms] = {"flavor": (("paper", "torch"), ("keras",), ("optax",))}
    tuning_space: ClassVar[TuningSpace] = {
        "lr": (0.0006, 0.6),
        "others.lr": (3e-05, 0.03),
        "source": "three decades round both defaults; its authors tune no momentum (github.com/KellerJordan/Muon)",
    }

    def __post_init__(self) -> None:
        checks.not_negative("muon", lr=self.lr, weight_decay=self.weight_decay)
        checks.positive("muon", eps=self.eps)
        checks.fraction("muon", momentum=self.momentum)
        checks.whole("muon", 1, steps=self.steps)
        wrapped.check("muon", self.others)
        checks.one_of("muon", ("original", "match_rms_adamw"), scale=self.scale)
        checks.one_of("muon", ("hidden", "all"), matrices=self.matrices)
        flavors.settle("muon", self)

    @classmethod
    def example_configs(cls) -> list[dict[str, object]]:
        """As published, with the other scale, and the other flavors."""
        moved = {"nesterov": False, "weight_decay": 0.1, "scale": "match_rms_adamw"}
        return [{}, moved, {"flavor": "keras", "eps": 0.1}, {"flavor": "optax", "momentum": 0.5}]

    def rule_for(self, param: Param) -> Optimizer:
        """This one for hidden weights, `others` for the rest."""
        inside = self.matrices == "all" or 0 < param.depth < param.depths - 1
        if inside and param.role == "weight" and len(param.shape) == 2:
            return self
        other: Optimizer = rule_for(self.others, param)
        return other

    def init(self, p: Array) -> State:
        """A velocity of 0."""
        return {"velocity": ops.namespace(p).zeros_like(p)}

    def update(self, p: Array, g: Array, state: State, h: Hyper) -> tuple[Array, State]:
        """(p - lr (scale O + weight_decay p), {velocity})."""
        velocity = h.momentum * state["velocity"] + (1 - h.momentum) * g
        u = self._direction(velocity, g, h)
        fan_in, fan_out = p.shape
        scale = max(1, fan_out / fan_in) ** 0.5 if self.scale == "original" else 0.2 * max(fan_in, fan_out) ** 0.5
        eps = (1 - h.momentum) * h.eps if self.flavor == "keras" else h.eps
        step = scale * orthogonal(u, self.steps, eps)
        return p - h.lr * (step + h.weight_decay * p), {"velocity": velocity}

    def golden(self) -> list[Golden]:
        """Paths of torch."""
        return golden_paths(
            {
                "muon": {"weight_decay": 0.1, "eps": 1e-30},
                "muon_match_rms_adamw": {
                    "weight_decay": 0.1,
                    "nesterov": False,
                    "eps": 1e-30,
                    "scale": "match_rms_adamw",
                },
            }
        )

    def _direction(self, velocity: Array, g: Array, h: Hyper) -> Array:
        """u; what divides it as a whole changes eps alone."""
        if self.flavor == "optax":
            now, ahead = (1 - h.momentum ** (h.step + k) for k in (0, 1))
            velocity, g = velocity / (ahead if self.nesterov else now), g / now
        u: Array = h.momentum * velocity + (1 - h.momentum) * g if self.nesterov else velocity
        return u


def orthogonal(u: Array, steps: int, eps: Array) -> Array:
    """Near U V^T, where u = U S V^T is the singular value decomposition: all of S moved to between 0.68 and 1.13.

    Each step of this Newton-Schulz iteration maps every singular value s, at first at most 1, to a s + b s^3 + c s^5.
    """
    xp = ops.namespace(u)
    a, b, c = QUINTIC
    wide = u.shape[0] <= u.shape[1]
    x = (u if wide else u.T) / (xp.sqrt(ops.inner(u, u)) + eps)
    for _ in range(steps):
        gram = x @ x.T
        x = a * x + (b * gram + c * (gram @ gram)) @ x
    return x if wide else x.T
