"""The learning rate of a rule: which settings it is, of the rule and of rules inside it, and the rule with another.

Whatever stands on "the learning rate" asks here: multipliers of groups, the learning rate range test, the policies of
estimators, the history. By default it is the setting `lr` and the learning rates of all rules inside; a rule may name
its own (`LearningRates`), and one whose `lr` is no factor of its steps (`lr_is_a_factor = False`) has none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from bpframe.engine.hyperparameters import ScaledSchedule
from bpframe.engine.optimizer_chain import Rule, rules_inside
from bpframe.errors import ConfigError
from bpframe.protocols import RuleFor
from bpframe.protocols.implements import implements
from bpframe.protocols.traits import learning_rates, lr_is_a_factor
from bpframe.registry import arguments, registry
from bpframe.registry.constructor import parameters
from bpframe.registry.describe import short_name
from bpframe.registry.nested import is_schedule


def rates(rule: Rule) -> Iterator[Any]:
    """The value, a number or a schedule, of each setting that is a learning rate, the outermost rule's first.

    ConfigError names a rule that would move parameters at no learning rate.
    """
    for _, value, inner in _places(rule):
        yield from rates(value) if inner else [value]


def moving_rates(rule: Rule) -> Iterator[tuple[Rule, Any]]:
    """(rule, learning rate) of each rate at which a rule of one group moves its parameters.

    Those of rules to which it leaves other groups aside.
    """
    places = _places(rule)
    own = implements(rule, RuleFor) and any(not inner for _, _, inner in places)
    for _, value, inner in places:
        if not inner:
            yield rule, value
        elif not own:
            yield from moving_rates(value)


def changed_rates(rule: Rule, changed: Callable[[Any], Any]) -> Any:
    """The rule with every learning rate r, also of rules inside it, made `changed(r)`; ConfigError as of `rates`."""
    new = {name: changed_rates(value, changed) if inner else changed(value) for name, value, inner in _places(rule)}
    return type(rule)(**{**arguments(rule), **new})


def scaled_rates(rule: Rule, factor: float) -> Any:
    """The rule with every learning rate times a number."""
    return changed_rates(rule, lambda rate: ScaledSchedule(rate, factor) if is_schedule(rate) else rate * factor)


def with_rate(rule: Rule, rate: Any, main: Any = None) -> Any:
    """The rule with `rate`, a number or a schedule, for its learning rate `main`, and the others in their ratio to it.

    `main`: the outermost by default. ConfigError where several differ and one is no number above 0.
    """
    main = next(rates(rule)) if main is None else main

    def changed(old: Any) -> Any:
        if old is main or old == main:
            return rate
        if is_schedule(old) or is_schedule(main) or not main > 0:
            raise ConfigError(
                f"{_title(rule)} needs numbers above 0 as learning rates to keep their ratio, got {main!r} and {old!r}."
            )
        return ScaledSchedule(rate, old / main) if is_schedule(rate) else rate * (old / main)

    return changed_rates(rule, changed)


def main_rate(rule: Rule) -> Any:
    """The setting `lr` of the outermost rule that has one, a number or a schedule; None where none has."""
    if "lr" in parameters(type(rule)):
        return arguments(rule)["lr"]
    return next((rate for inner in rules_inside(rule).values() if (rate := main_rate(inner)) is not None), None)


def rate_at(rate: Any, step: int) -> float:
    """The value of a rate, a number or a schedule, in the update that follows `step` updates."""
    return float(rate.value(step) if is_schedule(rate) else rate)


def refuse_idle_schedule(rule: Rule) -> None:
    """ConfigError for a schedule in the place of an `lr` that is no factor of the rule's steps."""
    if not lr_is_a_factor(rule) and is_schedule(arguments(rule).get("lr")):
        raise ConfigError(f"{_title(rule)} needs a number as lr: its lr scales no step, so a schedule is idle.")
    for inner in rules_inside(rule).values():
        refuse_idle_schedule(inner)


def _places(rule: Rule) -> list[tuple[str, Any, bool]]:
    """(argument, its value, whether that is a rule with learning rates of its own)."""
    given, inside = arguments(rule), rules_inside(rule)
    names = learning_rates(rule)
    if names is None:
        names = _by_default(rule, given, inside)
    return [(name, given[name], name in inside) for name in names]


def _by_default(rule: Rule, given: Mapping[str, Any], inside: Mapping[str, Any]) -> tuple[str, ...]:
    own = ("lr",) if "lr" in given else ()
    if own and not lr_is_a_factor(rule):
        raise ConfigError(f"{_title(rule)} has no learning rate to change: its lr scales no step.")
    if own and inside and not implements(rule, RuleFor):
        raise ConfigError(
            f"{_title(rule)} has an lr and holds {', '.join(inside)}, and does not say which of them are its learning "
            f"rate. Declare learning_rates in its class: {('lr', *inside)}, or those of them that scale its steps."
        )
    if not own and not inside:
        raise ConfigError(f"{_title(rule)} needs an argument lr to change, and has none.")
    return (*own, *inside)


def _title(rule: Rule) -> str:
    return short_name(registry, "optimizer", rule)
