"""The second probe of a step, which there is not: an optimizer that compares two gradients takes the only one."""

from __future__ import annotations

from bpframe.engine.optimizer_chain import Rule, chain
from bpframe.errors import ConfigError
from bpframe.protocols import CompareGradients, Probe
from bpframe.protocols.implements import implements
from bpframe.registry import registry
from bpframe.registry.describe import short_name


def refuse_second_probe(rule: Rule) -> None:
    """ConfigError for a rule in which two want a second gradient of each batch, of which one compares it."""
    probing = [link.rule for link in chain(rule) if implements(link.rule, Probe)]
    if len(probing) > 1 and any(implements(each, CompareGradients) for each in probing):
        outer, inner = (short_name(registry, "optimizer", each) for each in probing[:2])
        raise ConfigError(
            f"{outer} takes a second gradient of each batch, and {inner} inside it needs another one, which nobody "
            "would take. Use one of the two."
        )
