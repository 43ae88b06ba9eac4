"""Optimizers that hold others: the chain of rules, those in it with a capability, and sums over the whole model.

A rule's inner rule is an argument whose annotation names `Optimizer`; its state stands under the argument's name in
the outer state, its settings under that name in h. An argument for which the state has no such key (the rule for other
parameters, say) is no inner rule.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, cast, final

import numpy as np

from bpframe.engine.hyperparameters import Settings
from bpframe.engine.update_clock import rule_step
from bpframe.protocols import (
    Displace,
    EvaluationParams,
    GradientStep,
    Group,
    Minimizer,
    Optimizer,
    Param,
    Restart,
    RuleFor,
)
from bpframe.protocols.implements import implements
from bpframe.registry import arguments
from bpframe.registry.nested import may_hold, parts
from bpframe.types import Array, Hyper, State

Rule = Optimizer | Minimizer
PieceState = tuple[Array, Array, State]  # p, g, the outermost rule's state
Sums = dict[str, Array]  # 0-d sums by name


@final
class ChainLink:
    """A rule in a chain: where its own part of the outermost rule's settings and state is."""

    def __init__(self, rule: Rule | GradientStep, path: tuple[str, ...]) -> None:
        self.rule: Any = rule  # capabilities are not in the protocol of optimizers
        self.path = path

    def settings(self, h: Hyper) -> Hyper:
        """This rule's h."""
        for name in self.path:
            h = getattr(h, name)
        return h

    def state(self, state: Mapping[str, Any]) -> State:
        """This rule's state."""
        for name in self.path:
            state = state[name]
        return dict(state)

    def replaced(self, state: State, own: State) -> State:
        """The outermost state with this rule's own exchanged."""
        return _put(state, self.path, own)


def chain(rule: Rule, state: Mapping[str, Any] | None = None, path: tuple[str, ...] = ()) -> Iterator[ChainLink]:
    """The rule and the rules inside it, from the outermost inwards; with `state`, those only that act on it."""
    yield ChainLink(rule, path)
    for name, inner in rules_inside(rule).items():
        if state is None or name in state:
            yield from chain(inner, None if state is None else state[name], (*path, name))


def with_capability(rule: Rule, state: Mapping[str, Any], capability: type) -> list[ChainLink]:
    """Those rules of the chain that have a capability."""
    return [link for link in chain(rule, state) if implements(link.rule, capability)]


def restarted(rule: Rule, p: Array, state: State, mask: Any, every: bool) -> State:
    """The state of the chain once p was set where the mask says (True everywhere): averages start from p there.

    `every`: whether all parameters of the model were set: then counts start, too. A rule that averages and does not say
    how it restarts starts anew, but for the rules inside it.
    """
    for link in list(chain(rule, state)):
        own = link.state(state)
        if implements(link.rule, Restart):
            new = link.rule.restart(p, own)
        elif implements(cast(object, link.rule), EvaluationParams):
            new = {**link.rule.init(p), **{name: own[name] for name in rules_inside(link.rule) if name in own}}
        else:
            continue
        state = link.replaced(state, {name: _where(mask, new[name], old, p, every) for name, old in own.items()})
    return state


def displaced(rule: Rule, p: Array, change: Array, state: State, h: Hyper) -> tuple[Array, State]:
    """(p, state of the chain) after a gradient step has moved what the rule's steps move by `change`."""
    for link in chain(rule, state):
        if implements(link.rule, Displace):
            p, own = link.rule.displace(p, change, link.state(state), link.settings(h))
            return p, link.replaced(state, own)
    return p + change, state


def gathered_anew(part: GradientStep, p: Array, state: State, mask: Any) -> State:
    """The state of a gradient step that gathers once p was set where the mask says: nothing is gathered there.

    What is one number for all elements becomes one for each where only some were set.
    """
    new = part.init(p)
    return new if mask is True else {name: _chosen(mask, value, state[name]) for name, value in new.items()}


def _chosen(mask: Any, new: Any, old: Any) -> Any:
    if isinstance(new, Mapping):
        return {name: _chosen(mask, value, old[name]) for name, value in new.items()}
    return np.where(mask, new, old) if np.shape(new) in ((), mask.shape) else old


def _where(mask: Any, new: Any, old: Any, p: Array, every: bool) -> Any:
    """The new value where the mask holds; what has not p's shape stays: a count may be of other parameters, too."""
    if new is old or every:
        return new
    if getattr(old, "shape", None) != p.shape:
        return old
    return new if mask is True else np.where(mask, new, old)


def totals(links: Iterable[ChainLink], h: Hyper, pieces: Iterable[PieceState]) -> list[Sums]:
    """For each link the sums, over these pieces, of what its `totals` gives."""
    pieces = list(pieces)
    sums = []
    for link in links:
        link_h = link.settings(h)
        link_h.total = None
        sums.append(summed(link.rule.totals(p, g, link.state(state), link_h) for p, g, state in pieces))
    return sums


def summed(parts: Iterable[Sums]) -> Sums:
    """The sums of several parts, name by name."""
    sums: Sums = {}
    for part in parts:
        for name, value in part.items():
            sums[name] = sums[name] + value if name in sums else value
    return sums


def set_totals(links: Iterable[ChainLink], h: Hyper, sums: Iterable[Sums]) -> None:
    """Hand each link its sums as `h.total`."""
    for link, total in zip(links, sums, strict=True):
        link.settings(h).total = total


def rule_for(rule: Rule, param: Param) -> Any:
    """The rule for a parameter, as the rule or one inside it decides."""
    if implements(rule, RuleFor):
        return cast(RuleFor, rule).rule_for(param)
    if not (inside := rules_inside(rule)):
        return rule
    changed = {name: rule_for(inner, param) for name, inner in inside.items()}
    changed = {name: inner for name, inner in changed.items() if inner is not getattr(rule, name)}
    return type(rule)(**{**arguments(rule), **changed}) if changed else rule


def chain_setting(group: Group, settings: Settings, state: State, name: str, step: int) -> float | None:
    """A setting of the group's rule, or of the rule inside it, in the update that led to `step`."""
    before = rule_step(group.gradient_steps, max(step - 1, 0))
    links = chain(group.rule, state) if group.rule else ()
    values = (settings.value(link.settings(settings.h), name, before) for link in links)
    return next((value for value in values if value is not None), None)


def rules_inside(rule: Rule) -> dict[str, Any]:
    """The rules among the arguments of a rule."""
    if not may_hold(type(rule), "optimizer"):  # as most
        return {}
    return {name: part for name, _, part in parts(rule, "optimizer") if "[" not in name}


def _put(state: State, path: tuple[str, ...], own: State) -> State:
    return {**state, path[0]: _put(state[path[0]], path[1:], own)} if path else own
