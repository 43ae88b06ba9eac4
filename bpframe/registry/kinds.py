"""The kinds of component: for each its entry-point group and its protocol.

A group's name is the API's major version: a protocol that breaks gets a new group.
"""

from __future__ import annotations

from dataclasses import dataclass

from typing_extensions import get_protocol_members

from bpframe import protocols

OPTIONAL = {"best", "of"}  # metrics have defaults for these


@dataclass(frozen=True)
class Kind:
    """A kind of component: singular name, entry-point group, the protocols of which it must keep one."""

    name: str
    group: str
    protocols: tuple[type, ...]

    @property
    def plural(self) -> str:
        """The name of its namespace: `bp.losses`."""
        return self.group.removeprefix("bpframe.")

    def missing(self, component: object) -> list[str]:
        """Members that the component lacks of the protocol to which it is closest; [] where it keeps one."""
        known = {*dir(component), *_annotations(component)}
        return min((sorted(get_protocol_members(p) - OPTIONAL - known) for p in self.protocols), key=len)


def _annotations(component: object) -> set[str]:
    cls = component if isinstance(component, type) else type(component)
    return {name for base in cls.__mro__ for name in base.__dict__.get("__annotations__", {})}


KINDS = {
    kind.name: kind
    for kind in (
        Kind("activation", "bpframe.activations", (protocols.Activation, protocols.Layer)),
        Kind("layer", "bpframe.layers", (protocols.Layer,)),
        Kind("loss", "bpframe.losses", (protocols.Loss,)),
        Kind("optimizer", "bpframe.optimizers", (protocols.Optimizer,)),
        Kind("gradient_step", "bpframe.gradient_steps", (protocols.GradientStep,)),
        Kind("schedule", "bpframe.schedules", (protocols.Schedule,)),
        Kind("initializer", "bpframe.initializers", (protocols.Initializer,)),
        Kind("regularizer", "bpframe.regularizers", (protocols.Regularizer,)),
        Kind("constraint", "bpframe.constraints", (protocols.Constraint,)),
        Kind("sampler", "bpframe.samplers", (protocols.Sampler,)),
        Kind("metric", "bpframe.metrics", (protocols.Metric,)),
        Kind("callback", "bpframe.callbacks", (protocols.Callback,)),
        Kind("engine", "bpframe.engines", (protocols.Engine,)),
    )
}
