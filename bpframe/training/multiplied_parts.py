"""Multiplied parts: what acts on a parameter whose layer declares multipliers of learning rate or decay."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, final

from bpframe.engine.decay_rates import scaled_decay
from bpframe.engine.learning_rates import scaled_rates
from bpframe.protocols import Minimizer, Optimizer, Param


@final
class MultipliedParts:
    """Components with other rates, each made once, since parameters part into groups where components differ."""

    def __init__(self) -> None:
        self._made: dict[tuple[Any, ...], Any] = {}

    def rule(self, rule: Optimizer | Minimizer, param: Param, own: bool) -> Any:
        """The rule for a parameter; `own`: a user gave it for this one, so its learning rate is as it should be.

        A minimizer moves all parameters as one vector, at no learning rate.
        """
        if rule.scope == "objective":
            return rule
        factor = 1.0 if own else param.lr_multiplier
        return self._once(scaled_rates, self._once(scaled_decay, rule, param.decay_multiplier), factor)

    def decaying(self, components: Iterable[Any], param: Param) -> tuple[Any, ...]:
        """Gradient steps or regularizers as they shrink this parameter."""
        return tuple(self._once(scaled_decay, component, param.decay_multiplier) for component in components)

    def _once(self, scaled: Callable[[Any, float], Any], component: Any, factor: float) -> Any:
        if factor == 1.0:
            return component
        key = scaled, id(component), factor
        if key not in self._made:
            self._made[key] = component, scaled(component, factor)  # with the first, whose id is taken as long as it is
        return self._made[key][1]
