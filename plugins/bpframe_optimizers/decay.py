"""Which parameters a rule's own weight decay shrinks: weights, unless the rule says all.

Biases, scales and shifts are few and set levels rather than complexity, so the usual recipes leave them alone.
"""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar, Literal, Protocol, TypeVar

from bpframe.plugin import Param, checks


class Decaying(Protocol):
    """A dataclass with the two arguments."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def weight_decay(self) -> float:
        """Its strength."""

    @property
    def decay(self) -> Literal["weights", "all"]:
        """What it acts on."""


Rule = TypeVar("Rule", bound=Decaying)


def check(owner: str, rule: Decaying) -> None:
    """ConfigError unless the strength is not negative and its target is a known one."""
    checks.not_negative(owner, weight_decay=rule.weight_decay)
    checks.one_of(owner, ("weights", "all"), decay=rule.decay)


def rule_for(rule: Rule, param: Param) -> Rule:
    """The rule for this parameter: with weight_decay 0 where only weights decay and this is none."""
    if rule.decay == "all" or param.role == "weight":
        return rule
    return dataclasses.replace(rule, weight_decay=0.0)
