"""Preflight checks: refusals and warnings about parts that do not fit together, before the first step of a fit."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from bpframe.data.target_scale import is_scalable
from bpframe.engine.learning_rates import moving_rates
from bpframe.engine.optimizer_chain import chain, rules_inside
from bpframe.errors import ConfigError
from bpframe.network.backprop import CostLayer, Elementwise
from bpframe.network.network import Network
from bpframe.network.output_range import output_range, predicting_layers
from bpframe.protocols import (
    Augmentation,
    ClassTargets,
    Group,
    Layer,
    Loss,
    Minimizer,
    Observe,
    Optimizer,
    RuleFor,
    SampleTarget,
    SeveralHeads,
)
from bpframe.protocols.implements import implements
from bpframe.protocols.number_sets import side_by_side
from bpframe.protocols.traits import ending_activation_of, mixes_targets, range_of
from bpframe.registry import arguments, registry
from bpframe.registry.describe import short_name, title
from bpframe.registry.nested import is_schedule
from bpframe.training.monitor import monitor_direction, require_curve


def refuse_double_link(network: Network, cost: CostLayer, loss: Loss) -> None:
    """ConfigError for a network that ends in the activation that its loss's link, or that of a head, applies anyway."""
    layers = predicting_layers(network.layers)
    label, last = layers[-1]
    for head, link, owner in _links(loss, cost):
        if head.link == "identity":
            continue
        phi, activation = link.phi if isinstance(link, Elementwise) else link, ending_activation_of(last)
        same = activation is not None and type(activation) is type(phi)
        if not (same or (head.link in ("softmax", "sigmoid") and _lies_in(output_range(layers), range_of(phi)))):
            continue
        name = short_name(registry, "loss", head)
        raise ConfigError(
            f"The network ends in {head.link} (layer '{label}'), and the loss {name}{owner} applies {head.link} to its "
            f"scores itself: that would be twice. Leave the activation of '{label}' out, or take a loss on "
            "predictions: mse, or cross_entropy or binary_cross_entropy for probabilities."
        )


def _links(loss: Loss, cost: CostLayer, owner: str = "") -> Iterator[tuple[Loss, Layer, str]]:
    """(loss, its link, " of head 'a'") of a loss, or of each head's."""
    if not implements(loss, SeveralHeads):
        yield loss, cost.link, owner
        return
    for name, (part, _) in loss.parts().items():
        yield from _links(part, CostLayer.of(part), f" of head '{name}'")


def _lies_in(known: str | None, link: str | None) -> bool:
    """Whether outputs of a known range are what a link gives, or several of its rows side by side."""
    return known is not None and known in (link, side_by_side(link))


def refuse_unscalable(loss: Loss) -> None:
    """ConfigError for a loss, or several of heads, whose targets cannot be standardised."""
    parts = [part for part, _ in loss.parts().values()] if implements(loss, SeveralHeads) else [loss]
    if not any(map(is_scalable, parts)):
        raise ConfigError(
            "standardize_target needs a loss of differences between predictions and targets (mse, mae, huber, ...), "
            f"got {short_name(registry, 'loss', loss)}. Leave it out."
        )


def refuse_mixed_numbers(augmentations: Iterable[Augmentation], loss: Loss, numbers: bool = False) -> None:
    """ConfigError for an augmentation that mixes targets, with a loss, or one of a head, that takes class numbers.

    `numbers`: whether it does so of this data, though it need not.
    """
    parts = [part for part, _ in loss.parts().values()] if implements(loss, SeveralHeads) else [loss]
    taking = next((each for each in parts if numbers or implements(each, ClassTargets)), None)
    for part in augmentations:
        if taking is not None and mixes_targets(part):
            raise ConfigError(
                f"{short_name(registry, 'augmentation', part)} mixes targets, and those of "
                f"{short_name(registry, 'loss', taking)} are class numbers, between which nothing lies. Leave it out, "
                "or take a loss of a column a class."
            )


def refuse_unsampled(groups: Sequence[Group], loss: Loss) -> None:
    """ConfigError for a rule that looks at drawn targets, with a loss that cannot draw any."""
    for group in groups:
        if group.rule is None or implements(loss, SampleTarget):
            continue
        if any(implements(link.rule, Observe) for link in chain(group.rule)):
            raise ConfigError(
                f"{short_name(registry, 'optimizer', group.rule)} needs a loss that draws targets (sample_target), "
                f"got {short_name(registry, 'loss', loss)}. Take softmax_cross_entropy, sigmoid_cross_entropy or mse."
            )


def refuse_other_curves(schedules: Iterable[Any], curves: Mapping[str, str | None]) -> None:
    """ConfigError for a schedule that follows a curve which the run will not have, or in a direction that is not its.

    A schedule compares the values of its curve if it has an argument `mode`.
    """
    for schedule in schedules:
        owner = title(registry, "schedule", schedule)
        require_curve(owner, schedule.monitor, curves)
        if "mode" in arguments(schedule):
            monitor_direction(owner, schedule.monitor, arguments(schedule)["mode"], curves)


def warn_of_rules(groups: Sequence[Group], rules: Sequence[Optimizer | Minimizer]) -> None:
    """UserWarning for rules that move nothing, and for schedules that do not reach all rates of a rule."""
    _warn_of_idle_rules(groups, rules)
    _warn_of_unscheduled_rates(groups, rules)


def _warn_of_idle_rules(groups: Sequence[Group], rules: Sequence[Optimizer | Minimizer]) -> None:
    """UserWarning for a rule that leaves all its parameters to other rules, and so moves none itself."""
    for origin, given in enumerate(rules):
        if not implements(given, RuleFor) and not rules_inside(given):
            continue
        used = [link.rule for g in groups if g.rule and g.origin == origin for link in chain(g.rule)]
        classes = {type(rule) for rule in used}
        for link in chain(given) if used else ():
            if type(link.rule) not in classes and implements(link.rule, RuleFor):
                _warn_of_idle_rule(link.rule, used[-1])


def _warn_of_idle_rule(rule: object, other: object) -> None:
    name, used = (short_name(registry, "optimizer", part) for part in (rule, other))
    warnings.warn(
        f"{name} moves no parameter of this network: all are such as it leaves to {used}. Name {used} as the "
        f"optimizer, or take a network with parameters for {name}.",
        stacklevel=6,  # the line that called Trainer.fit
    )


def _warn_of_unscheduled_rates(groups: Sequence[Group], rules: Sequence[Optimizer | Minimizer]) -> None:
    """UserWarning for a rule of several learning rates of which some follow a schedule, and others stay."""
    for origin, given in enumerate(rules):
        used = [group.rule for group in groups if group.rule is not None and group.origin == origin]
        if not rules_inside(given):  # its rates are one rule's
            continue
        found = [place for rule in used for place in _known_rates(rule)]
        still = [(rule, rate) for rule, rate in found if not is_schedule(rate) and rate > 0]
        if not still or not any(is_schedule(rate) for _, rate in found):
            continue
        name, other = (short_name(registry, "optimizer", part) for part in (given, still[0][0]))
        warnings.warn(
            f"A learning rate of {name} follows a schedule, but that of {other}, which moves parameters too, stays at "
            f"{still[0][1]:g}. Give it a schedule of its own, or, if it is to stay, constant({still[0][1]:g}).",
            stacklevel=5,  # the line that called Trainer.fit
        )


def _known_rates(rule: Optimizer | Minimizer) -> list[tuple[Optimizer | Minimizer, Any]]:
    """(rule, learning rate) of a rule and those inside it; none where it does not say which they are."""
    try:
        return list(moving_rates(rule))
    except ConfigError:
        return []


def require_rows(validation: object) -> tuple[Any, Any, Any]:
    """(x, y, sample_weight or None) of the argument `validation`; ConfigError for anything else."""
    if not isinstance(validation, tuple | list) or len(validation) not in (2, 3):
        got = type(validation).__name__
        got = f"{got} of {len(validation)}" if isinstance(validation, tuple | list) else got
        raise ConfigError(f"fit needs a pair (x, y) as validation, or (x, y, sample_weight), got {got}.")
    return validation[0], validation[1], validation[2] if len(validation) == 3 else None
