"""The update of all groups of a model in stages, and what some rules do besides: probe and observe.

What needs a sum over the whole model (the norm of the gradient, say) waits until every piece has come that far: the
components of each group are run in stages, and between two stages the sums are made.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, final

from bpframe import tree
from bpframe.engine.group_update import GroupUpdate
from bpframe.engine.optimizer_chain import ChainLink, set_totals, summed, totals
from bpframe.engine.update_clock import due_update
from bpframe.engine.update_measures import Sums, UpdateMeasures, sums_as_arrays
from bpframe.protocols import CompareGradients, Key
from bpframe.protocols.implements import implements
from bpframe.types import Array, Params, State

Advance = Callable[[GroupUpdate, int, int], Any]
Probed = list[tuple[GroupUpdate, list[Array], list[list[State]]]]  # of each group that went elsewhere, as they were


@final
class Updates:
    """The updates of all groups that are trained; `advance` does what theirs does."""

    def __init__(
        self,
        groups: Sequence[GroupUpdate],
        advance: Advance = GroupUpdate.advance,
        key: Key | None = None,
        measured: Sums = sums_as_arrays,
    ) -> None:
        """`key`: that of the present step, for components that draw; `measured`: how sums of measures are made."""
        self.advance = advance
        self.groups = trained_groups(groups)
        for group in self.groups:
            group.key = key
        measuring = any(group.group.measures for group in groups)
        self.measures = UpdateMeasures(groups, self.groups, measured) if measuring else None
        self.minimizing = minimizing(self.groups)
        self.probing = [group for group in self.groups if group.probes]
        self.observing = [group for group in self.groups if group.observers]
        self._stages = _stages([[barrier.key for barrier in group.barriers] for group in self.groups])

    def update(self, gradients: Params, step: Any, batch_info: Mapping[str, Any] | None = None) -> Any:
        """The step after `step` steps; the sum of the penalties. `batch_info`: what h is to hold of the batch."""
        penalty: Any = 0.0
        for group in self.groups:
            group.begin(step, batch_info)
            group.take(gradients)
            penalty += self.advance(group, 0, group.until(0))
        for key in self._stages:
            penalty += self._stage(key)
        return penalty

    def _stage(self, key: Any) -> Any:
        """Make the sums that some groups wait for, and run them up to what they wait for next."""
        waiting = [(group, k) for group in self.groups for k, b in enumerate(group.barriers) if b.key == key]
        self._sum(waiting)
        return sum((self.advance(group, group.until(k), group.until(k + 1)) for group, k in waiting), 0.0)

    def _sum(self, waiting: list[tuple[GroupUpdate, int]]) -> None:
        barriers = [(group, group.barriers[k]) for group, k in waiting]
        parts = [totals(b.links, group.settings[b.number].h, group.operands(b.number)) for group, b in barriers]
        sums = [summed(part) for part in zip(*parts, strict=True)]
        for group, b in barriers:
            set_totals(b.links, group.settings[b.number].h, sums)

    # ---------------------------------------------------------------------------------- what some rules do besides

    def probe(self, gradients: Params, step: Any, batch_info: Mapping[str, Any]) -> Probed:
        """Go where rules want their gradient taken; of each group that went, the pieces as they were."""
        for group in self.probing:
            group.begin(step, batch_info)
            group.take(gradients)
        for key in dict.fromkeys(("rule", group.group.origin) for group in self.probing):
            self._sum([(g, k) for g in self.probing for k, b in enumerate(g.barriers) if b.key == key])
        return [_probed(group) for group in self.probing]

    def leave_probe(self, before: Probed) -> None:
        """Back to the parameters before the probe."""
        for group, pieces, _ in before:
            for i, p in enumerate(pieces):
                group.store.put(i, p)

    def compare_gradients(self, here: Params, there: Params) -> Params:
        """The gradients that the update is given: those at the probe, unless all rules that probe compare both."""
        comparing = [group for group in self.probing if implements(group.probes[0].rule, CompareGradients)]
        for group in comparing:
            _compare_gradients(group, here, there)
        if len(comparing) == len(self.probing):
            return here
        chosen = tree.transform(there, lambda leaf: leaf)
        for path in (path for group in comparing for path in group.group.paths):
            tree.assign(chosen, path, tree.at(here, path))
        return chosen

    def drop_probe(self, before: Probed) -> None:
        """Forget what rules saw where the gradient there is not finite."""
        for group, _, states in before:
            group.states = states

    def observes(self, step: Any) -> Any:
        """Whether a rule observes before the update that follows `step` updates."""
        looks = [_observes(group, link, step) for group in self.observing for link in group.observers]
        return looks[0] if len(looks) == 1 else sum(looks) > 0

    def observed_states(self) -> list[list[list[State]]]:
        """The states of the groups whose rules observe."""
        return [group.states for group in self.observing]

    def take_states(self, states: list[list[list[State]]]) -> None:
        """Replace them."""
        for group, own in zip(self.observing, states, strict=True):
            group.states = own

    def observe(
        self, states: list[list[list[State]]], gradients: Params, step: Any, rows: int
    ) -> list[list[list[State]]]:
        """Those states after rules were shown gradients for targets drawn from the model's own predictions."""
        self.take_states(states)
        for group in self.observing:
            group.begin(step, {"rows": rows})
            group.take(gradients)
            for link in group.observers:
                for i, (p, g, state) in enumerate(group.operands(group.rule)):
                    new = link.rule.observe(p, g, link.state(state), link.settings(group.h(group.rule, i)))
                    group.states[i] = [*group.states[i][:-1], link.replaced(state, new)]
        return self.observed_states()


def trained_groups(groups: Sequence[GroupUpdate]) -> list[GroupUpdate]:
    """The groups that have parameters and a rule."""
    return [group for group in groups if group.group.trains and len(group.store)]


def minimizing(groups: Sequence[GroupUpdate]) -> bool:
    """Whether a rule asks for the objective itself."""
    return any(group.group.rule is not None and group.group.rule.scope == "objective" for group in groups)


def _observes(group: GroupUpdate, link: ChainLink, step: Any) -> Any:
    """Whether a rule looks in the batch that follows `step` batches: it counts updates, and looks where one is due."""
    due, updates = due_update(group.group.gradient_steps, step)
    return link.rule.observes(updates + 1) & due


def _compare_gradients(group: GroupUpdate, here: Params, there: Params) -> None:
    """Show the rule of a group both gradients."""
    link, elsewhere = group.probes[0], group.store.gradients(there)
    group.take(here)
    for i, (p, g, state) in enumerate(group.operands(group.rule)):
        own = link.rule.compare_gradients(p, g, elsewhere[i], link.state(state), link.settings(group.h(group.rule, i)))
        group.states[i] = [*group.states[i][:-1], link.replaced(state, own)]
    group.steady = False  # states are others at each step, to which no program is bound


def _probed(group: GroupUpdate) -> tuple[GroupUpdate, list[Array], list[list[State]]]:
    link, before, states = group.probes[0], [], list(group.states)
    for i, (p, g, state) in enumerate(group.operands(group.rule)):
        there = link.rule.probe(p, g, link.state(state), link.settings(group.h(group.rule, i)))
        if isinstance(there, tuple):
            there, own = there
            group.states[i] = [*states[i][:-1], link.replaced(state, own)]
            group.steady = False  # states are others at each step, to which no program is bound
        before.append(group.store.snapshot(i))
        group.store.put(i, there)
    return group, before, states


def _stages(waiting: list[list[Any]]) -> list[Any]:
    """The keys in an order that keeps that of each group."""
    order: list[Any] = []
    rest = [list(keys) for keys in waiting]
    while any(rest):
        ready = (keys[0] for keys in rest if keys and not any(keys[0] in other[1:] for other in rest))
        order.append(next(ready))
        rest = [keys[1:] if keys and keys[0] == order[-1] else keys for keys in rest]
    return order
