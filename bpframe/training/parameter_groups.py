"""A user's groups of parameters: which are trained, by which optimizer, with which settings.

By default every parameter follows the trainer's optimizer; a `ParameterGroup` takes some out by name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import Any, final

from bpframe import checks
from bpframe.engine.hyperparameters import Curve, over
from bpframe.engine.learning_rates import scaled_rates
from bpframe.errors import ConfigError
from bpframe.protocols import Minimizer, Optimizer, Param
from bpframe.registry import Registry, registry
from bpframe.registry.builder import Builder
from bpframe.registry.describe import describe


@final
@dataclass(frozen=True)
class ParameterGroup:
    """Parameters whose name matches a pattern ("*/bias", "dense_1/*"; * and ? as in file names), and what they get.

    `match`: the pattern, or several; `optimizer`: their own rule, otherwise the trainer's; `lr_multiplier`: a factor of
    its learning rate, and of those of the rules inside it; `frozen`: whether they stay as they are; `until`: the epoch,
    from 0, up to which they are frozen, batch statistics with them; `gradual`: how many epochs longer each layer is
    frozen than the one behind it. Where several groups match, the first counts.
    Gradual unfreezing: Howard and Ruder (2018), Universal language model fine-tuning, arXiv:1801.06146, section 3.3.
    """

    match: tuple[str, ...] | str
    optimizer: Optimizer | None = None
    lr_multiplier: float = 1.0
    frozen: bool = False
    until: int | None = None
    gradual: int = 0

    def __post_init__(self) -> None:
        checks.not_negative("a parameter group", lr_multiplier=self.lr_multiplier)
        checks.whole("a parameter group", 0, gradual=self.gradual)
        if self.until is not None:
            checks.whole("a parameter group", 0, until=self.until)
        if (self.until is not None or self.gradual) and not self.frozen:
            raise ConfigError("A parameter group needs frozen=True for until or gradual, got frozen=False.")

    def holds(self, param: Param) -> bool:
        """Whether a parameter belongs to this group."""
        patterns = [self.match] if isinstance(self.match, str) else self.match
        return any(fnmatchcase(param.name, pattern) for pattern in patterns)

    def rule(self, default: Optimizer | Minimizer) -> Optimizer | Minimizer | None:
        """The rule of its parameters; None: frozen."""
        if self.frozen and self.until is None and not self.gradual:
            return None
        rule = self.optimizer or default
        return rule if self.lr_multiplier == 1.0 else scaled_rates(rule, self.lr_multiplier)

    def rests_until(self, param: Param) -> int:
        """The epoch from which the parameter trains."""
        return (self.until or 0) + self.gradual * (param.depths - 1 - param.depth)

    def spec(self, registry: Registry) -> dict[str, Any]:
        """The group as the mapping that `build` takes."""
        rule = describe(registry, "optimizer", self.optimizer) if self.optimizer else None
        match = self.match if isinstance(self.match, str) else list(self.match)
        later = {name: value for name in ("until", "gradual") if (value := getattr(self, name))}
        return {
            "match": match,
            "optimizer": rule,
            "lr_multiplier": self.lr_multiplier,
            "frozen": self.frozen,
            **later,
        }

    def over(self, updates: int, curve: Curve) -> ParameterGroup:
        """The same, the schedules of its optimizer bound to a run of so many updates and to the history so far."""
        return replace(self, optimizer=over(self.optimizer, updates, curve))


def build_groups(specs: Sequence[Any]) -> tuple[ParameterGroup, ...]:
    """Groups from mappings or ready groups; one ConfigError names every mistake."""
    if not isinstance(specs, Sequence) or isinstance(specs, str):
        raise ConfigError(f"groups need a list of mappings or of ParameterGroup, got {specs!r}.")
    builder = Builder(registry)
    groups = [
        builder.call(ParameterGroup, spec, f"groups[{i}]") if isinstance(spec, Mapping) else spec
        for i, spec in enumerate(specs)
    ]
    builder.finish()
    if bad := [group for group in groups if not isinstance(group, ParameterGroup)]:
        raise ConfigError(f"groups need mappings with match and settings, or ParameterGroup, got {bad[0]!r}.")
    return tuple(groups)
