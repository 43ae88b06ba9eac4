"""Groups of parameters: who is trained, by which rule, with which settings.

By default every parameter follows the trainer's optimizer; a `ParameterGroup` takes some out by name. Beyond that,
parameters part where a rule, gradient step or constraint treats them differently, or where each has penalties of its
own; some may have penalties and others of the group none.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from math import prod
from typing import Any, final

from bpframe import checks, tree
from bpframe.engine.hyperparameters import Curve, ScaledSchedule, monitored_curves, over
from bpframe.engine.optimizer_chain import rule_for, with_lr
from bpframe.errors import ConfigError
from bpframe.protocols import Applies, Group, Optimizer, Param, Periodic
from bpframe.protocols.keeps import keeps
from bpframe.protocols.traits import acts_on
from bpframe.registry import Registry, registry
from bpframe.registry.builder import Builder
from bpframe.registry.describe import describe
from bpframe.registry.nested import is_schedule
from bpframe.types import Params, Shape


@final
@dataclass(frozen=True)
class ParameterGroup:
    """Parameters whose name matches a pattern ("*/bias", "dense_1/*"; * and ? as in file names), and what they get.

    `optimizer`: their own rule, otherwise the trainer's; `lr_multiplier` stands on its learning rate; `frozen`: they
    are not trained. Where several groups match, the first counts.
    """

    match: tuple[str, ...] | str
    optimizer: Optimizer | None = None
    lr_multiplier: float = 1.0
    frozen: bool = False

    def __post_init__(self) -> None:
        checks.not_negative("a parameter group", lr_multiplier=self.lr_multiplier)

    def holds(self, param: Param) -> bool:
        """Whether a parameter belongs to this group."""
        patterns = [self.match] if isinstance(self.match, str) else self.match
        return any(fnmatchcase(param.name, pattern) for pattern in patterns)

    def rule(self, default: Any) -> Any:
        """The rule of its parameters; None: frozen."""
        if self.frozen:
            return None
        rule = self.optimizer or default
        return rule if self.lr_multiplier == 1.0 else with_lr(rule, self._scaled)

    def spec(self, registry: Registry) -> dict[str, Any]:
        """The group as the mapping that `build` takes."""
        rule = describe(registry, "optimizer", self.optimizer) if self.optimizer else None
        match = self.match if isinstance(self.match, str) else list(self.match)
        return {"match": match, "optimizer": rule, "lr_multiplier": self.lr_multiplier, "frozen": self.frozen}

    def _scaled(self, lr: Any) -> Any:
        return ScaledSchedule(lr, self.lr_multiplier) if is_schedule(lr) else lr * self.lr_multiplier


@dataclass(frozen=True)
class Parts:
    """What changes parameters in a training step; `groups` before the rest, which follows `optimizer`."""

    optimizer: Any
    gradient_steps: tuple[Any, ...] = ()
    regularizers: tuple[Any, ...] = ()
    constraints: tuple[Any, ...] = ()
    groups: tuple[ParameterGroup, ...] = ()

    def rules(self) -> list[Any]:
        """Every optimizer that the user gave, in the order of their origin."""
        return [self.optimizer, *(group.optimizer for group in self.groups if group.optimizer)]

    @property
    def period(self) -> int:
        """How many steps make one update of the rules."""
        return prod(step.period for step in self.gradient_steps if keeps(step, Periodic))

    def monitored(self) -> set[str]:
        """The curves of the history on which schedules depend."""
        parts = (*self.rules(), *self.gradient_steps, *self.regularizers)
        return {curve for part in parts for curve in monitored_curves(part)}

    def over(self, steps: int, curve: Curve) -> Parts:
        """The same with schedules told what they depend on: a run of so many steps, and the history so far."""
        updates = steps // self.period
        groups = tuple(
            replace(g, optimizer=over(g.optimizer, updates, curve)) if g.optimizer else g for g in self.groups
        )
        told = {n: tuple(over(c, steps, curve) for c in getattr(self, n)) for n in ("gradient_steps", "regularizers")}
        return replace(self, optimizer=over(self.optimizer, updates, curve), groups=groups, **told)


def build(specs: Sequence[Any]) -> tuple[ParameterGroup, ...]:
    """Groups from mappings or ready groups; one ConfigError names every mistake."""
    builder = Builder(registry)
    made = [
        builder.call(ParameterGroup, spec, f"groups[{i}]") if isinstance(spec, Mapping) else spec
        for i, spec in enumerate(specs)
    ]
    builder.finish()
    if bad := [group for group in made if not isinstance(group, ParameterGroup)]:
        raise ConfigError(f"groups need mappings with match and settings, or ParameterGroup, got {bad[0]!r}.")
    return tuple(made)


def parameters(params: Params) -> list[Param]:
    """What is known of each trained parameter of a network."""
    paths = [(path, leaf.shape) for path, leaf in tree.leaves(params) if "buffers" not in path]
    layers = list(dict.fromkeys(path[0] for path, _ in paths))
    return [
        Param("/".join(path), path[-1], path[0], shape, *_fans(shape), layers.index(path[0]), len(layers))
        for path, shape in paths
    ]


def groups(known: Sequence[Param], parts: Parts) -> list[Group]:
    """The groups of a network's parameters, and one without parameters for penalties on activations."""
    _refuse_idle(parts.groups, known)
    made: list[Group] = []
    for param in known:
        wanted = _group(param, parts)
        k = next((k for k, group in enumerate(made) if _alike(group, wanted)), None)
        if k is None:
            made.append(wanted)
        else:
            made[k] = _joined(made[k], wanted)
    _refuse_shared_objective(made)
    on_activations = tuple(part for part in parts.regularizers if _on_activations(part))
    return [*made, Group((), None, regularizers=on_activations)] if on_activations else made


def _group(param: Param, parts: Parts) -> Group:
    """The group of one parameter on its own."""
    own = next((group for group in parts.groups if group.holds(param)), None)
    rule = own.rule(parts.optimizer) if own else parts.optimizer
    given = own.optimizer if own and own.optimizer else parts.optimizer
    origin = next(i for i, other in enumerate(parts.rules()) if other is given)
    penalties = _acting((part for part in parts.regularizers if not _on_activations(part)), param)
    return Group(
        (tuple(param.name.split("/")),),
        None if rule is None else rule_for(rule, param),
        _acting(parts.gradient_steps, param, otherwise=True),
        penalties,
        _acting(parts.constraints, param),
        origin,
        (param,),
        1 if penalties else 0,
    )


def _acting(parts: Iterable[Any], param: Param, otherwise: bool | None = None) -> tuple[Any, ...]:
    """Those that act on a parameter; weights only, unless they say otherwise."""
    default = param.role == "weight" if otherwise is None else otherwise
    return tuple(part for part in parts if (part.applies(param) if keeps(part, Applies) else default))


def _on_activations(regularizer: Any) -> bool:
    return acts_on(regularizer) == "activations"


def _alike(a: Group, b: Group) -> bool:
    """Whether two groups differ in their parameters only, or one of them has no penalty besides."""
    lists = [(a.gradient_steps, b.gradient_steps), (a.constraints, b.constraints)]
    if a.regularizers and b.regularizers:
        lists.append((a.regularizers, b.regularizers))
    same = all(len(x) == len(y) and all(p is q for p, q in zip(x, y, strict=True)) for x, y in lists)
    return same and a.origin == b.origin and (a.rule is b.rule or bool(a.rule == b.rule))


def _joined(a: Group, b: Group) -> Group:
    """Two groups that are alike as one, which has the parameters that are penalised first."""
    paths = a.paths[: a.penalised] + b.paths[: b.penalised] + a.paths[a.penalised :] + b.paths[b.penalised :]
    params = a.params[: a.penalised] + b.params[: b.penalised] + a.params[a.penalised :] + b.params[b.penalised :]
    penalties = a.regularizers or b.regularizers
    return replace(a, paths=paths, params=params, regularizers=penalties, penalised=a.penalised + b.penalised)


def _fans(shape: Shape) -> tuple[int, int]:
    """(inputs of one output, outputs of one input); an axis alone counts as both."""
    return (prod(shape[:-1]), shape[-1]) if len(shape) > 1 else (prod(shape), prod(shape))


def _refuse_idle(given: Sequence[ParameterGroup], known: Sequence[Param]) -> None:
    for i, group in enumerate(given):
        if not any(group.holds(param) for param in known):
            names = ", ".join(param.name for param in known)
            raise ConfigError(f"groups[{i}] matches no parameter: {group.match!r}. Parameters: {names}.")


def _refuse_shared_objective(made: list[Group]) -> None:
    """ConfigError for a minimizer that does not have the objective to itself."""
    trained = [group for group in made if group.rule is not None]
    minimizer = next((group.rule for group in trained if group.rule and group.rule.scope == "objective"), None)
    if minimizer is None:
        return
    name = type(minimizer).__name__
    if any(group.gradient_steps or group.constraints for group in trained):
        raise ConfigError(f"{name} works on the objective itself. Leave out gradient_steps and constraints.")
    if any(group.rule != minimizer for group in trained):
        raise ConfigError(f"{name} moves all trained parameters as one vector. Freeze those that it is not to move.")
