"""LAMB, Adam with layer-wise step lengths.  p one parameter, weights (n, m) or a vector; m, v moments."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, final

from bpframe.plugin import Array, Hyper, Optimizer, Param, Scope, State, TuningSpace, checks, ops
from bpframe_optimizers import decay, flavors
from bpframe_optimizers.golden_paths import Golden, golden_paths


@final
@dataclass(frozen=True)
class Lamb:
    """p <- p - lr (||p|| / ||u||) u,  u = m^ / (sqrt(v^) + eps) + weight_decay p,  m^ v^ Adam's moments.

    Every layer moves by the part lr of its length; the ratio is 1 where ||p|| or ||u|| is 0. Vectors (biases, scales)
    have no ratio, as in the authors' code, and only weights decay unless `decay` is "all": vectors follow Adam. `ratio`
    "all" gives them one, as optax and Keras do. flavor "paper" (also "optax") is the above; "keras" decays outside of
    u, p <- p - lr weight_decay p before the step, which then has no such term.
    Source: You et al. (2020), arXiv:1904.00962, algorithm 2 with phi the identity.
    """

    lr: float = 0.001
    beta1: float = 0.9
    beta2: float = 0.999
    eps: float = 1e-6
    weight_decay: float = 0.01
    decay: Literal["weights", "all"] = "weights"
    ratio: Literal["weights", "all"] = "weights"
    flavor: Literal["paper", "optax", "keras"] = "paper"
    scope: ClassVar[Scope] = "array"
    synonyms: ClassVar[flavors.Synonyms] = {"flavor": (("paper", "optax"), ("keras",))}
    tuning_space: ClassVar[TuningSpace] = {
        "lr": (0.0001, 0.1),
        "source": "Dahl et al. (2023), arXiv:2306.07179, 1e-4 to 1e-2, widened upwards for small networks",
    }

    def __post_init__(self) -> None:
        checks.not_negative("lamb", lr=self.lr)
        checks.positive("lamb", eps=self.eps)
        checks.fraction("lamb", beta1=self.beta1, beta2=self.beta2)
        checks.one_of("lamb", ("weights", "all"), ratio=self.ratio)
        flavors.settle("lamb", self)
        decay.check("lamb", self)

    @classmethod
    def example_configs(cls) -> list[dict[str, object]]:
        """Each flavor."""
        return [{}, {"weight_decay": 0.1, "flavor": "keras", "ratio": "all"}]

    def rule_for(self, param: Param) -> Optimizer:
        """Without decay where there is to be none."""
        return decay.rule_for(self, param)

    def init(self, p: Array) -> State:
        """Both moments 0."""
        zeros = ops.namespace(p).zeros_like
        return {"m": zeros(p), "v": zeros(p)}

    def update(self, p: Array, g: Array, state: State, h: Hyper) -> tuple[Array, State]:
        """(p - lr ratio u, {m, v})."""
        xp = ops.namespace(p)
        m = h.beta1 * state["m"] + (1 - h.beta1) * g
        v = h.beta2 * state["v"] + (1 - h.beta2) * (g * g)
        scale = xp.sqrt(v / (1 - h.beta2**h.step)) + h.eps
        u = m / (1 - h.beta1**h.step) / scale
        if self.flavor == "keras":
            p = p - h.lr * h.weight_decay * p
        else:
            u = u + h.weight_decay * p
        lr = h.lr if p.ndim < 2 and self.ratio == "weights" else h.lr * _ratio(p, u)
        return p - lr * u, {"m": m, "v": v}

    def golden(self) -> list[Golden]:
        """Paths of optax."""
        return golden_paths({"lamb": {"lr": 0.05, "weight_decay": 0.1}})


def _ratio(p: Array, u: Array) -> Array:
    xp = ops.namespace(p)
    length, step = xp.sqrt(ops.inner(p, p)), xp.sqrt(ops.inner(u, u))
    some = xp.logical_and(length > 0, step > 0)
    return xp.where(some, length / xp.where(some, step, xp.ones_like(step)), xp.ones_like(step))
