"""The kinds of component, each with its entry-point group and its protocols.

A group's name is the API's major version: a protocol that breaks gets a new group.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from typing_extensions import get_protocol_members

from bpframe import protocols

OPTIONAL = {"best", "of"}  # metrics have defaults for these


@dataclass(frozen=True)
class Kind:
    """A kind of component: singular name, entry-point group, the protocols of which it must keep one.

    `capabilities`: optional protocols that are called from outside, which a component must have where one inside has.
    """

    name: str
    group: str
    protocols: tuple[type, ...]
    capabilities: tuple[type, ...] = ()

    @property
    def plural(self) -> str:
        """The name of its namespace: `bp.losses`."""
        return self.group.removeprefix("bpframe.")

    @cached_property
    def _members(self) -> list[list[str]]:
        return [sorted(get_protocol_members(protocol) - OPTIONAL) for protocol in self.protocols]

    @cached_property
    def _methods(self) -> list[list[str]]:
        both = zip(self.protocols, self._members, strict=True)
        return [[n for n in names if not isinstance(getattr(protocol, n), property)] for protocol, names in both]

    def missing(self, component: object) -> list[str]:
        """Members that the component lacks of the protocol to which it is closest; [] where it keeps one.

        Of a class only methods are asked for: its constructor may set the rest.
        """
        members = self._methods if isinstance(component, type) else self._members
        for each in members:
            for name in each:
                if not hasattr(component, name):
                    break
            else:
                return []
        return min(([name for name in each if not hasattr(component, name)] for each in members), key=len)


KINDS = {
    kind.name: kind
    for kind in (
        Kind("activation", "bpframe.activations", (protocols.Activation, protocols.Layer)),
        Kind(
            "layer",
            "bpframe.layers",
            (protocols.Layer,),
            (
                protocols.Refresh,
                protocols.Fit,
                protocols.DataStart,
                protocols.Auxiliary,
                protocols.LrMultipliers,
                protocols.DecayMultipliers,
            ),
        ),
        Kind("loss", "bpframe.losses", (protocols.Loss,)),
        Kind("optimizer", "bpframe.optimizers", (protocols.Optimizer, protocols.Minimizer)),
        Kind(
            "gradient_step",
            "bpframe.gradient_steps",
            (protocols.GradientStep,),
            (protocols.Adjust, protocols.Totals, protocols.Periodic, protocols.Applies),
        ),
        Kind("schedule", "bpframe.schedules", (protocols.Schedule,)),
        Kind("initializer", "bpframe.initializers", (protocols.Initializer,)),
        Kind("regularizer", "bpframe.regularizers", (protocols.Regularizer,), (protocols.Applies,)),
        Kind("constraint", "bpframe.constraints", (protocols.Constraint,), (protocols.Applies,)),
        Kind("augmentation", "bpframe.augmentations", (protocols.Augmentation,)),
        Kind("sampler", "bpframe.samplers", (protocols.Sampler, protocols.BatchSampler)),
        Kind("metric", "bpframe.metrics", (protocols.Metric,)),
        Kind("callback", "bpframe.callbacks", (protocols.Callback,)),
        Kind("source", "bpframe.sources", (protocols.Source,)),
        Kind("engine", "bpframe.engines", (protocols.Engine,)),
        Kind("exporter", "bpframe.exporters", (protocols.Exporter,)),
    )
}
