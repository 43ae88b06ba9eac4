"""The update of one group of parameters: penalties, gradient steps, update rule and constraints, in that order.

They act piece by piece. The same code serves every engine: it asks a `Store` for the pieces, and branches on no array
value.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from functools import partial
from operator import is_
from typing import Any, cast, final

from bpframe import tree
from bpframe.engine.drawing import drawing, piece_key, set_keys
from bpframe.engine.optimizer_chain import (
    ChainLink,
    chain,
    chain_setting,
    displaced,
    gathered_anew,
    restarted,
)
from bpframe.engine.parameter_store import Store
from bpframe.engine.update_guards import with_guards
from bpframe.errors import ConfigError
from bpframe.protocols import Adjust, Displace, EvaluationParams, Group, Observe, Periodic, Probe, Restart, Totals
from bpframe.protocols.implements import implements
from bpframe.protocols.traits import scope_of
from bpframe.types import Array, Params, State


@final
@dataclass(frozen=True, eq=False, repr=False)
class Barrier:
    """A component, by its number, that waits for sums over the model; barriers of one key share them."""

    key: Any
    number: int
    links: list[ChainLink]


@final
class GroupUpdate:
    """The update of one group. `states`: for each piece those of the gradient steps and, last, of the rule.

    "Rule" is short for the optimizer or minimizer of a group.
    """

    components: list[Any]
    key: Any = None  # that of the present step

    def __init__(self, group: Group, store: Store, stand_ins: Sequence[Any] = ()) -> None:
        """`stand_ins`: what acts in the place of each component, if anything does."""
        self.store = store
        self._configure(group)
        if stand_ins:
            self.components = self._acting = list(stand_ins)
        self.states = self.initial()
        self._find_capabilities()

    def use(self, group: Group) -> None:
        """Take over the settings of a group with the same paths; optimizer state stays."""
        self._configure(group)
        self._find_capabilities()

    def _configure(self, group: Group) -> None:
        self.group = group
        self.first = len(group.regularizers)  # number of the first gradient step
        self.rule = self.first + len(group.gradient_steps)  # number of the rule
        self.components = [component for _, component in group.components()]
        self._acting = with_guards(group)
        self.settings: list[Any] = [self.store.settings(component) for component in self.components]
        self._constraints = range(self.rule + (group.rule is not None), len(self.components))
        if group.rule is not None and self._constraints:
            self.settings[self.rule].note(project=self._project)
        periodic = [k for k, part in enumerate(self.components) if implements(part, Periodic)]
        self._adjusting = {k for k, part in enumerate(self.components) if implements(part, Adjust)}
        self._periods: dict[int, int] = {k: self.components[k].period for k in periodic}
        self._gathering = min(periodic, default=len(self.components))
        self._due: list[Any] = [True] * len(self.components)  # whether each acts in the present step
        self._constant: dict[str, float | None] = {}  # settings that were asked for
        self.steady = not periodic  # whether every component acts at every step
        self.drawing = drawing(group, self.first)  # the components that draw, by their number

    def initial(self, stateful: Sequence[Any] = ()) -> list[list[State]]:
        """The initial states of gradient steps and rule, by piece; that of a minimizer is kept by `Minimization`.

        `stateful`: the gradient steps and the rule whose states they are; left out, the present ones.
        """
        objective = self.group.rule is None or self.group.rule.scope == "objective"
        self.stateful = stateful or self.components[self.first : self.rule if objective else self.rule + 1]
        return [[part.init(self.store.snapshot(i)) for part in self.stateful] for i in range(len(self.store))]

    def restart(self, paths: Collection[tree.Path], first: bool, every: bool) -> None:
        """Take over parameters of these paths that were set; `first`: before the first step, so all starts anew.

        `every`: whether all parameters of the model were set.
        """
        self._drop_gathered(paths)
        if first and self.stateful and any(path in paths for path in self.group.paths):
            self.states = self.initial()
        elif self.group.rule is not None and (self.evaluators or self.restarting):
            masks = [self.store.mask(i, paths) for i in range(len(self.store))]
            for i, mask in enumerate(masks):
                if mask is not False:
                    state = restarted(self.group.rule, self.store.snapshot(i), self.states[i][-1], mask, every)
                    self.states[i] = [*self.states[i][:-1], state]

    def _drop_gathered(self, paths: Collection[tree.Path]) -> None:
        """Have gradient steps that gather forget what they hold for these parameters: it is of their old values."""
        gathering = {k: part for k, part in enumerate(self.group.gradient_steps) if implements(part, Periodic)}
        for i in range(len(self.store)) if gathering else ():
            if (mask := self.store.mask(i, paths)) is not False:
                p = self.store.snapshot(i)
                changed = {k: gathered_anew(part, p, self.states[i][k], mask) for k, part in gathering.items()}
                self.states[i] = [changed.get(k, state) for k, state in enumerate(self.states[i])]

    def copied_states(self, initial: bool) -> Callable[[], list[list[State]]]:
        """A function that gives the present states again and again; `initial`: they are those before the first step."""
        if initial and self.stateful:
            return partial(self.initial, self.stateful)
        return partial(deepcopy, deepcopy(self.states))

    def _find_capabilities(self) -> None:
        """The rules of the chain that sum, probe, observe, or predict with other parameters."""
        state = self.states[0][-1] if self.states and self.states[0] and self.group.rule else {}
        links = list(chain(self.group.rule, state)) if self.group.rule else []
        summing, self.probes, self.observers, self.evaluators, displacing, restarting = (
            [link for link in links if implements(link.rule, what)]
            for what in (Totals, Probe, Observe, EvaluationParams, Displace, Restart)
        )
        steps = enumerate(self.group.gradient_steps, start=self.first)
        self._displaces, self.restarting = bool(displacing), bool(restarting)
        self.barriers = [Barrier(id(step), k, [ChainLink(step, ())]) for k, step in steps if implements(step, Totals)]
        if summing:
            self.barriers.append(Barrier(("rule", self.group.origin), self.rule, summing))

    def setting(self, name: str, step: int) -> float | None:
        """A setting of the rule, or of the rule inside it, in the update that led to `step`."""
        settings = self.settings[self.rule]
        if settings.moving or name not in self._constant:
            self._constant[name] = chain_setting(self.group, settings, (self.states[0] or [{}])[-1], name, step)
        return self._constant[name]

    # ------------------------------------------------------------------------------------------------------- a step

    def begin(self, step: Any, batch_info: Mapping[str, Any] | None = None) -> None:
        """Settings as of the update that follows `step` updates; behind a step that gathers, updates are fewer."""
        due, start = cast(Any, True), self.group.start
        for k, settings in enumerate(self.settings):
            settings.at(step, batch_info)
            if start:
                settings.note(step=step + 1 - start)
            self._due[k] = due
            if k in self._periods:
                due = due & ((step + 1) % self._periods[k] == 0)
                step, start = (step + 1) // self._periods[k] - 1, start // self._periods[k]
        for settings in self.settings[self.first : self.rule]:
            settings.note(rule=self.settings[self.rule].h if self.group.rule else None)

    def take(self, gradients: Params) -> None:
        """Use these gradients in this step."""
        self.g: list[Any] = self.store.gradients(gradients)

    def operands(self, number: int) -> list[tuple[Array, Any, State]]:
        """(p, g, state of the component of that number) of each piece."""
        k = number - self.first
        return [
            (self.store.get(i), g, states[k]) for i, (g, states) in enumerate(zip(self.g, self.states, strict=True))
        ]

    def h(self, number: int, i: int) -> Any:
        """The settings of a component for piece i."""
        if (param := self.store.param(i)) is not None:
            self.settings[number].note(param=param)
        if number in self.drawing and self.key is not None:
            part, key = self.group.components()[number][1], self.key.child(self.drawing[number])
            set_keys(part, self.settings[number].h, piece_key(key, self.store.runs(i), scope_of(part)))
        return self.settings[number].h

    def until(self, k: int) -> int:
        """The number of the component that waits at barrier k; behind the last barrier, where the components end."""
        return self.barriers[k].number if k < len(self.barriers) else len(self.components)

    def advance(self, start: int, stop: int) -> Any:
        """Run the components start .. stop - 1 on every piece; the sum of the penalties."""
        penalty: Any = 0.0
        for i in range(len(self.store)):
            penalty += self.write(i, *self.changed(i, start, stop, *self.read(i)))
        return penalty

    def read(self, i: int) -> tuple[Any, Any, list[State]]:
        """(p, g, states) of piece i; components may keep g."""
        return self.store.get(i), self.store.stable_gradient(i, self.g[i]), self.states[i]

    def write(self, i: int, p: Array, g: Array, states: list[State], penalty: Any) -> Any:
        """Put (p, g, states) in the place of those of piece i; its penalty."""
        self.store.put(i, p)
        self.g[i], self.states[i] = g, states
        return penalty

    def changed(self, i: int, start: int, stop: int, p: Array, g: Array, states: list[State]) -> Any:
        """(p, g, states of piece i after the components start .. stop - 1, its penalty)."""
        penalty: Any = 0.0
        for k in range(start, stop):
            if k < self.first:
                value, g = self._penalised(k, i, p, g)
                penalty = penalty + value
            elif k <= self._gathering:
                p, g, states = self._apply(k, i, p, g, states)
            else:
                p, g, states = self.store.when(self._due[k], partial(self._apply, k, i), (p, g, states))
        return p, g, states, penalty

    def _penalised(self, k: int, i: int, p: Array, g: Array) -> tuple[Any, Any]:
        """(the penalty number k on piece i, the gradient with its slope)."""
        reach = self.store.reach(i)
        if reach is None:
            return 0.0, g
        value, slope = self._acting[k].value_and_gradient(p if reach is ... else p[reach], self.h(k, i))
        if reach is ...:
            return value, g + slope
        changed: Any = cast(Any, g).copy()
        changed[reach] += slope
        return value, changed

    def _apply(self, k: int, i: int, p: Array, g: Array, states: list[State]) -> tuple[Any, Any, list[State]]:
        """(p, g, states) after the gradient step, rule or constraint number k."""
        component: Any = self._acting[k]
        h = self.h(k, i)
        if k in self._constraints:
            return component.project(p, h), g, states
        at = k - self.first
        if k == self.rule:
            self._note_param(i)
            p, new = component.update(p, g, states[at], h)
        else:
            g, new = component.transform(p, g, states[at], h)
            if k in self._adjusting:
                p, states = self._displaced(i, p, component.adjust(p, h), states)
        return p, g, [*states[:at], new, *states[at + 1 :]]

    def _displaced(self, i: int, p: Array, adjusted: Array, states: list[State]) -> tuple[Array, list[State]]:
        """(p, states) once a gradient step made `adjusted` of p; a rule may keep elsewhere what that is meant for."""
        if not self._displaces:
            return adjusted, states
        p, own = displaced(self.components[self.rule], p, adjusted - p, states[-1], self.h(self.rule, i))
        return p, [*states[:-1], own]

    def projected(self, i: int, p: Array) -> Array:
        """A value of piece i in the sets of the constraints."""
        self._note_param(i)
        return self._project(p)

    def _project(self, p: Array) -> Array:
        for k in self._constraints:
            p = self._acting[k].project(p, self.settings[k].h)
        return p

    def _note_param(self, i: int) -> None:
        """Let constraints know of which piece the next p is."""
        for k in self._constraints:
            self.h(k, i)


def restart(updates: Sequence[GroupUpdate], paths: Collection[tree.Path], first: bool) -> None:
    """Have all groups take over parameters of these paths that were set; `first`: before the first step."""
    every = all(path in paths for update in updates if update.group.rule for path in update.group.paths)
    for update in updates:
        update.restart(paths, first, every)


def refuse_other_groups(updates: Sequence[GroupUpdate], groups: Sequence[Group]) -> None:
    """ConfigError for groups that take parameters out in another way than those that a session was opened with."""
    own = [update.group for update in updates]
    if len(own) == len(groups) and all(map(is_, own, groups)):
        return
    old, new = ([(set(each.paths), each.rule is None) for each in of] for of in (own, groups))
    if old != new:
        raise ConfigError(
            "A trainer needs the groups of its first fit, which say what trains and what is frozen. Make a new Trainer "
            "with the other groups, and give it the parameters: new.parameters.replace(old.parameters.copy())."
        )
