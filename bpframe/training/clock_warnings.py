"""Warnings about the clocks of a fit: too few batches for an update, steps at each batch, rules for the whole data.

All before the first step, from the groups of the fit.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import prod
from typing import Any, cast

from bpframe.engine.epoch_order import remedy_for_other_rows
from bpframe.engine.optimizer_chain import ChainLink, chain
from bpframe.engine.update_clock import periods, updates_made
from bpframe.network.network import Network
from bpframe.protocols import Adjust, Batches, EvaluationParams, Group, Periodic
from bpframe.protocols.implements import implements
from bpframe.protocols.traits import evaluation_period, is_stochastic, needs_whole_batch
from bpframe.registry import registry
from bpframe.registry.describe import short_name


def warn_of_clocks(
    groups: Sequence[Group],
    network: Network,
    batches: Batches,
    rows: int,
    run: tuple[int, int],
    watchers: Mapping[str, str],
    new: bool,
) -> None:
    """UserWarning for each. `run`: batches made before this fit and at its end; `new`: it does not go on with one.

    `watchers`: what waits for a curve to improve, by name, with that curve.
    """
    trained = [group for group in groups if group.rule is not None and group.paths]
    found = [*_idle_fit(trained, *run)] if new else []
    found += [*_repeated_adjustments(trained), *_changing_objective(groups, network, batches, rows, run[0])]
    found += _rare_changes(trained, batches.steps, watchers)
    for sentence in dict.fromkeys(found):
        warnings.warn(sentence, stacklevel=4)  # the line that called Trainer.fit


def _idle_fit(groups: Iterable[Group], start: int, stop: int) -> Iterator[str]:
    """Groups whose gradients are gathered all through the fit, without an update."""
    for group in groups:
        if updates_made(group.gradient_steps, stop) == updates_made(group.gradient_steps, start):
            names = " and ".join(
                dict.fromkeys(_name(part) for part in group.gradient_steps if implements(part, Periodic))
            )
            yield (
                f"{names} gathers {_period(group)} batches for an update, and this fit of {stop - start} batches makes "
                f"none: '{group.params[0].name}' does not move. What is gathered is kept for the next fit. Take more "
                "epochs, or smaller batches, or gather fewer."
            )


def _rare_changes(groups: Iterable[Group], steps: int, watchers: Mapping[str, str]) -> Iterator[str]:
    """Updates, or averages that predict, for which an epoch of so many steps is too short, where something waits."""
    for group in groups:
        rule = next((link.rule for link in chain(group.rule) if implements(link.rule, EvaluationParams)), None)  # type: ignore[arg-type]  # there is one
        renewed = _period(group) * evaluation_period(rule)
        if _period(group) > steps and watchers:
            what, who = f"an update takes {_period(group)} batches", watchers
        elif renewed > steps and (who := {k: v for k, v in watchers.items() if v.startswith("validation.")}):
            what = f"{_rule_name(rule)} renews what predicts every {renewed} batches"
        else:
            continue
        yield f"{what}, and an epoch has {steps}: {' and '.join(who)} will not count an epoch without as not improved."


def _repeated_adjustments(groups: Iterable[Group]) -> Iterator[str]:
    """Gradient steps that move parameters themselves, at each batch that another gathers."""
    for group in groups:
        times, later = 1, ""
        for part in reversed(group.gradient_steps):
            if implements(part, Periodic):
                times, later = times * cast(Periodic, part).period, _name(part)
            elif times > 1 and implements(part, Adjust):
                yield (
                    f"{_name(part)} stands before {later}, and so acts on the parameters at every batch, {times} times "
                    f"an update. Put it behind {later}, or divide its strength by {times}."
                )


def _changing_objective(
    groups: Iterable[Group], network: Network, batches: Batches, rows: int, start: int
) -> Iterator[str]:
    """Rules that compare one step's gradient with the next, where the objective is not the same at each."""
    drawing = [f"layer '{label}', which draws" for label, layer in network.layers if is_stochastic(layer)][:1]
    drawing += ["augmentations, which draw"] if any(group.augmentations for group in groups) else []
    for group in groups:
        for name in [_rule_name(link.rule) for link in _chain(group) if needs_whole_batch(link.rule)]:
            needs = f"{name} needs the same objective at each step:"
            if remedy := remedy_for_other_rows(batches.order, batches.epoch, rows):
                yield f"{needs} {remedy}."
            elif _period(group) % batches.steps or start % batches.steps:
                gathered = (
                    f", {_period(group)} batches of which are gathered for an update" if _period(group) > 1 else ""
                )
                yield f"{needs} set batch_size to {rows} rows or more, got {batches.size}{gathered}."
            yield from (f"{needs} leave out {what} anew at each step, or take another optimizer." for what in drawing)


def _chain(group: Group) -> Iterable[ChainLink]:
    """The rules of a group that has any, one inside the other."""
    return chain(group.rule) if group.rule is not None and group.paths else ()


def _period(group: Group) -> int:
    """Batches of an update."""
    return prod(periods(group.gradient_steps))


def _name(gradient_step: Any) -> str:
    return short_name(registry, "gradient_step", gradient_step)


def _rule_name(rule: Any) -> str:
    return short_name(registry, "optimizer", rule)
