"""The update of a step by its definition: penalties, gradient steps, rules and constraints, each on whole parameters.

p and gradients by path; `info`: what settings show of the batch (loss, weight, rows).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from itertools import permutations
from math import prod
from typing import Any, cast, final

import numpy as np

from bpframe import random
from bpframe.protocols import (
    Adjust,
    Applies,
    CompareGradients,
    Constraint,
    Displace,
    EvaluationParams,
    Observe,
    Param,
    Periodic,
    Probe,
    Restart,
    Totals,
)
from bpframe.protocols.implements import implements
from bpframe.protocols.traits import acts_on
from bpframe.testing.pairs.rule_definition import Link, hyper, links, own_rule, sums_by_name
from bpframe.training.spec import TrainerSpec
from bpframe.types import HostArray, Hyper, State

Path = tuple[str, ...]
Info = Mapping[str, Any]


@final
class UpdateByDefinition:
    """What moves the parameters p, with what rules and gradient steps remember; `made` steps so far."""

    key: Any = random.HashKey(0, 0)  # that of the present step

    def __init__(self, spec: TrainerSpec, p: dict[Path, HostArray], known: Mapping[Path, Param]) -> None:
        self.p, self.known, self.made = p, known, 0
        self.use(spec)
        self.states: dict[Path, State] = {path: rule.init(p[path]) for path, rule in self.rules.items()}
        self.memories = [{path: step.init(p[path]) for path in self.acting(step, True)} for step in spec.gradient_steps]

    def use(self, spec: TrainerSpec) -> None:
        """Go on with the settings of this spec."""
        self.spec, groups = spec, {path: self._group(path, spec) for path in self.known}
        rules = {path: group.rule(spec.optimizer) if group else spec.optimizer for path, group in groups.items()}
        self.rules = {path: own_rule(rule, self.known[path]) for path, rule in rules.items() if rule is not None}

    @property
    def minimizer(self) -> Any:
        """The rule that takes the objective itself, which moves all parameters, if there is one."""
        return next((rule for rule in self.rules.values() if rule.scope == "objective"), None)

    def step(self, gradients: dict[Path, Any], info: Info) -> None:
        """The update of one step; where a gradient step gathers, what follows it is not due at each."""
        clock, due = self.made, True
        self.penalise(gradients, info)
        for part, memory in zip(self._gradient_steps, self.memories, strict=True):
            if due:
                self._transform(part, memory, gradients, clock, info)
            if implements(part, Periodic):
                due = due and (clock + 1) % part.period == 0
                clock = (clock + 1) // part.period - 1
        if due:
            self._move(gradients, info)
            self.p |= {path: self._allowed(path, self.p[path]) for path in self.rules}
        self.made += 1

    def evaluated(self) -> dict[Path, HostArray]:
        """The parameters to predict with: those of the outermost rule that has others."""
        found = dict(self.p)
        for path, link in reversed(self._links() if self.made else []):
            if implements(link.rule, EvaluationParams):
                h = link.h(hyper(self.rules[path], self.clock(self.made - 1), param=self.known[path]))
                shown = link.rule.evaluation_params(self.p[path], link.state(self.states[path]), h)
                found[path] = self._allowed(path, np.asarray(shown))
        return found

    def assign(self, path: Path, value: HostArray) -> None:
        """Set one parameter: what holds its values starts from there, and what is known of gradients stays.

        But for gradients of this round, which were gathered at the old values.
        """
        self.p[path] = np.array(self._allowed(path, value), dtype=np.float64)
        for part, memory in zip(self._gradient_steps, self.memories, strict=True):
            if path in memory and implements(cast(object, part), Periodic):
                memory[path] = part.init(self.p[path])
        for at, link in self._links():
            if at == path:
                self._change(path, link, partial(self._restarted, path, link))

    def penalise(self, gradients: dict[Path, Any], info: Info) -> float:
        """The penalties on parameters, whose slopes are added to the gradients."""
        penalty = 0.0
        for part in self.spec.regularizers:
            for path in self.acting(part) if acts_on(part) != "activations" else ():
                h = hyper(part, self.made, param=self.known[path], **info)
                value, slope = part.value_and_gradient(self.p[path], h)
                penalty, gradients[path] = penalty + float(value), gradients[path] + slope
        return penalty

    # --------------------------------------------------------------------------------------- what some rules do first

    def observes(self) -> bool:
        """Whether a rule looks at a gradient for drawn targets before this update."""
        due = (self.made + 1) % self._period == 0  # of the batches that are gathered for it, at the last
        looks = (link.rule.observes(self.clock() + 1) for _, link in self._links() if implements(link.rule, Observe))
        return due and any(looks)

    def observe(self, gradients: Mapping[Path, Any], info: Info) -> None:
        """Show rules such a gradient."""
        for path, link in self._links():
            if implements(link.rule, Observe):
                h = link.h(hyper(self.rules[path], self.clock(), param=self.known[path], **info))
                self._change(path, link, partial(link.rule.observe, self.p[path], gradients[path], h=h))

    def probe(self, gradients: Mapping[Path, Any], info: Info) -> bool:
        """Go where rules want their gradient taken, if any does; the parameters before are the caller's to keep."""
        probing = [(path, link) for path, link in self._links() if implements(link.rule, Probe)]
        hypers = self._summed(gradients, info) if probing else {}
        for path, link in probing:
            state, h = link.state(self.states[path]), link.h(hypers[path])
            there = link.rule.probe(self.p[path], gradients[path], state, h)
            if isinstance(there, tuple):
                there, own = there
                self._change(path, link, lambda _, own=own: own)  # type: ignore[misc]  # binds this rule's state
            self.p[path] = there
        return bool(probing)

    def compare_gradients(self, here: Mapping[Path, Any], there: Mapping[Path, Any], info: Info) -> dict[Path, Any]:
        """The gradients of the update: those elsewhere, but at p of a rule that compares, or where all of them do."""
        probing = [(path, link) for path, link in self._links() if implements(link.rule, Probe)]
        comparing = {path: link for path, link in probing if implements(link.rule, CompareGradients)}
        hypers = self._summed(here, info)
        for path, link in comparing.items():
            given = self.p[path], here[path], there[path]
            self._change(path, link, partial(link.rule.compare_gradients, *given, h=link.h(hypers[path])))
        everywhere = len(comparing) == len(probing)
        return {path: here[path] if everywhere or path in comparing else g for path, g in there.items()}

    # -------------------------------------------------------------------------------------------------------- stages

    def _transform(
        self, part: Any, memory: dict[Path, State], gradients: dict[Path, Any], clock: int, info: Info
    ) -> None:
        def h(path: Path, total: Any = None) -> Hyper:
            rule = hyper(self.rules[path], self.clock(), param=self.known[path], **info)
            acting = [step for step, own in zip(self._gradient_steps, self.memories, strict=True) if path in own]
            number = next(j for j, step in enumerate(acting) if step is part)  # of those on this parameter
            key = self.key.child(f"gradient_steps[{number}]").child("/".join(path))
            return hyper(part, clock, param=self.known[path], **info, rule=rule, total=total, key=key)

        total = None
        if implements(part, Totals):
            total = sums_by_name(part.totals(self.p[path], gradients[path], memory[path], h(path)) for path in memory)
        for path in memory:
            place = h(path, total)
            gradients[path], memory[path] = part.transform(self.p[path], gradients[path], memory[path], place)
            if implements(part, Adjust):
                self._displace(path, np.asarray(part.adjust(self.p[path], place)) - self.p[path], info)

    def _displace(self, path: Path, change: HostArray, info: Info) -> None:
        """Move what the steps of a rule move, which is p unless the rule keeps another point."""
        h = hyper(self.rules[path], self.clock(), param=self.known[path], **info)
        for link in links(self.rules[path], self.states[path]):
            if implements(link.rule, Displace):
                p, own = link.rule.displace(self.p[path], change, link.state(self.states[path]), link.h(h))
                self.p[path] = np.asarray(p)
                self._change(path, link, lambda _, own=own: own)  # type: ignore[misc]  # binds this rule's state
                return
        self.p[path] = self.p[path] + change

    def _move(self, gradients: Mapping[Path, Any], info: Info) -> None:
        hypers = self._summed(gradients, info)
        for path, rule in self.rules.items():
            for h in (link.h(hypers[path]) for link in links(rule, self.states[path])):
                h.project = partial(self._allowed, path)
            p, g, state = self.p[path], gradients[path], self.states[path]
            self.p[path], self.states[path] = rule.update(p, g, state, hypers[path])

    def _allowed(self, path: Path, p: HostArray) -> HostArray:
        """What constraints make of a parameter, in the first order that leaves it in the sets of all."""
        acting = [part for part in self.spec.constraints if path in self.acting(part)]
        found = [self._after(order, path, p) for order in permutations(acting)]
        inside = (p for p in found if all(np.allclose(self._after([part], path, p), p, 1e-9, 0) for part in acting))
        return next(inside, found[0])

    def _after(self, constraints: Iterable[Constraint], path: Path, p: HostArray) -> HostArray:
        for part in constraints:
            p = cast(HostArray, part.project(p, hyper(part, self.made, param=self.known[path])))
        return p

    def _summed(self, gradients: Mapping[Path, Any], info: Info) -> dict[Path, Hyper]:
        """h of each parameter's rule, with the sums over the parameters that one optimizer of the user's moves."""
        key = self.key.child("optimizer")
        hypers = {
            path: hyper(rule, self.clock(), param=self.known[path], key=key.child("/".join(path)), **info)
            for path, rule in self.rules.items()
        }
        summing = [(path, link) for path, link in self._links() if implements(link.rule, Totals)]
        totals = []
        for path, link in summing:
            alike = [(p, each) for p, each in summing if each.path == link.path and self._owner(p) is self._owner(path)]
            totals.append(
                sums_by_name(
                    each.rule.totals(self.p[p], gradients[p], each.state(self.states[p]), each.h(hypers[p]))
                    for p, each in alike
                )
            )
        for (path, link), total in zip(summing, totals, strict=True):
            link.h(hypers[path]).total = total
        return hypers

    # ------------------------------------------------------------------------------------------ who acts, and when

    def clock(self, made: int | None = None) -> int:
        """How many updates the rules had made before the step that follows so many."""
        made = self.made if made is None else made
        return (made + 1) // self._period - 1

    @property
    def _period(self) -> int:
        """Steps of an update."""
        return prod(step.period for step in self._gradient_steps if implements(step, Periodic))

    @property
    def _gradient_steps(self) -> list[Any]:
        return list(self.spec.gradient_steps)

    def _links(self) -> list[tuple[Path, Link]]:
        return [(path, link) for path, state in self.states.items() for link in links(self.rules[path], state)]

    def _group(self, path: Path, spec: TrainerSpec) -> Any:
        return next((group for group in spec.groups if group.holds(self.known[path])), None)

    def _owner(self, path: Path) -> Any:
        """The optimizer of the user's that moves a parameter."""
        group = self._group(path, self.spec)
        return group.optimizer if group and group.optimizer else self.spec.optimizer

    def acting(self, part: Any, everywhere: bool = False) -> Iterator[Path]:
        """The trained parameters on which a part acts."""
        for path in self.rules:
            param = self.known[path]
            if part.applies(param) if implements(part, Applies) else everywhere or param.role == "weight":
                yield path

    def _change(self, path: Path, link: Link, change: Callable[[State], State]) -> None:
        self.states[path] = link.with_state(self.states[path], change)

    def _restarted(self, path: Path, link: Link, own: State) -> State:
        """What a rule remembers once one parameter was set: arrays of its shape are new, counts of others, too."""
        p, rule = self.p[path], link.rule
        if not any(implements(rule, what) for what in (Restart, EvaluationParams)):
            return own
        new: State = rule.restart(p, own) if hasattr(rule, "restart") else rule.init(p)
        return {name: new[name] if np.shape(old) == p.shape else old for name, old in own.items()}
