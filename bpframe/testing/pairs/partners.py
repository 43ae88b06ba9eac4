"""Partners: components that stand beside others in a training, and the role in which each of them does.

A role is what a component declares: its kind, and the capabilities by which an engine treats it otherwise.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, final

from bpframe.protocols import (
    Adjust,
    After,
    BatchSampler,
    CompareGradients,
    Draws,
    EvaluationParams,
    Fit,
    Measure,
    Observe,
    Over,
    Periodic,
    Probe,
    Refresh,
    SampleTarget,
    Totals,
)
from bpframe.protocols.implements import implements
from bpframe.protocols.traits import acts_on, is_stochastic, mixes_targets
from bpframe.registry import build, registry
from bpframe.registry.describe import brief
from bpframe.registry.provider import Provider
from bpframe.testing.laws.examples import couples_rows
from bpframe.testing.pairs.rule_definition import at_present
from bpframe.testing.suite import configs_to_check

TIE = "tie"  # what stands in the place of a kind for parameters that are others
ROLES: Mapping[str, Mapping[str, type]] = {  # of a kind: what is called by which capability, the first that it has
    "optimizer": {
        "averaging rule": EvaluationParams,
        "comparing rule": CompareGradients,
        "probing rule": Probe,
        "observing rule": Observe,
        "rule with sums": Totals,
    },
    "gradient_step": {"gathering step": Periodic, "adjusting step": Adjust, "step with sums": Totals},
    "layer": {"layer with running statistics": Refresh, "fitted layer": Fit},
    "loss": {"loss with a distribution": SampleTarget},
    "schedule": {"schedule of the history": After, "schedule over a run": Over},
    "sampler": {"sampler that draws": Draws, "sampler of batches": BatchSampler},
    "regularizer": {},
    "constraint": {},
    "augmentation": {},
    "callback": {"measuring callback": Measure},
    TIE: {},
}
PLAIN = {"optimizer": "rule", "gradient_step": "gradient step", "regularizer": "penalty"}


@final
@dataclass(frozen=True)
class Partner:
    """A component of a kind, built; `role`: as what it meets others."""

    kind: str
    name: str
    component: Any

    @property
    def role(self) -> str:
        """What it is to an engine."""
        if self.kind == "optimizer" and self.component.scope == "objective":
            return "minimizer"
        if self.kind == "regularizer" and acts_on(self.component) == "activations":
            return "penalty on activations"
        if self.kind in ("layer", "loss") and at_present(self.component, 0) is not self.component:
            return f"{self.kind} with a scheduled setting"
        if self.kind == "loss" and couples_rows(self.component):
            return "loss that couples rows"
        if self.kind == "layer" and is_stochastic(self.component):
            return "layer with draws"
        if self.kind == "augmentation" and mixes_targets(self.component):
            return "augmentation that mixes rows"
        roles = ROLES[self.kind].items()
        plain = PLAIN.get(self.kind, self.kind)
        return next((role for role, capability in roles if implements(self.component, capability)), plain)

    def __str__(self) -> str:
        return f"{self.kind}:{self.name}"


def partners_of(providers: Iterable[Provider]) -> Iterator[Partner]:
    """Those among these components that have a part in how a training goes; layers, where they remember or draw.

    A loss stands with each of the options that it gives as examples.
    """
    for provider in providers:
        if provider.kind in ROLES:
            configs = configs_to_check(registry.load(provider.kind, provider.ref))
            for config in configs if provider.kind == "loss" else configs[:1]:
                component = build(provider.kind, {"name": provider.ref, **config})
                name = provider.name if config is configs[0] else brief(registry, provider.kind, component)
                found = Partner(provider.kind, name, component)
                if _has_part(found):
                    yield found


def options() -> Iterator[Partner]:
    """What a training may have besides components: settings of layers and loss that move, parameters that are others.

    The schedules have a length of their own; the tie is the source of the last hidden weight of a meeting.
    """
    falling = {"name": "linear", "initial": 0.4, "steps": 8}
    layer, loss = (
        build("layer", {"name": "dropout", "rate": falling}),
        build("loss", {"name": "softmax_cross_entropy", "label_smoothing": falling}),
    )
    yield Partner("layer", "dropout with a scheduled rate", layer)
    yield Partner("loss", "softmax_cross_entropy with scheduled smoothing", loss)
    yield Partner(TIE, "weights", "dense_1/weight.T")


def _has_part(partner: Partner) -> bool:
    """Whether it has a part in how the trainings of meetings go, whose rows are vectors."""
    if partner.kind == "augmentation":
        return not hasattr(partner.component, "example_input")
    return partner.role not in ("layer", "callback")
