"""The groups that an engine updates: parameters that share an optimizer and all else that acts in an update.

Parameters part by the user's groups, and where a component treats them differently, or where each has penalties of its
own; some may have penalties and others of the group none. The spec says which of its parts act in an update, and how.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from math import prod
from operator import is_
from typing import Any

from bpframe import tree
from bpframe.engine.learning_rates import refuse_idle_schedule
from bpframe.engine.optimizer_chain import rule_for
from bpframe.engine.projection_order import holding_order
from bpframe.engine.second_probe import refuse_second_probe
from bpframe.errors import ConfigError
from bpframe.network.multipliers import declared_multipliers
from bpframe.network.network import LabelledLayers
from bpframe.network.ties import tied
from bpframe.protocols import Applies, Group, Minimizer, Optimizer, Param, Tie
from bpframe.protocols.implements import implements
from bpframe.protocols.traits import acts_on
from bpframe.training.multiplied_parts import MultipliedParts
from bpframe.training.parameter_groups import ParameterGroup
from bpframe.training.spec import PARTS, UPDATING, TrainerSpec
from bpframe.types import Params, Shape

LISTS = tuple(part for part in UPDATING if part.many)
PENALTIES = {part.name for part in LISTS if any("value" in names for names in part.results.values())}
ON_BATCHES = tuple(part.name for part in PARTS if part.on_batches)
DECAYING = {"regularizers", "gradient_steps"}
CHANGES = tuple(part.name for part in LISTS if part.name not in PENALTIES)  # the lists of what no objective has


def trained_parameters(params: Params, ties: Iterable[Tie] = (), layers: LabelledLayers = ()) -> list[Param]:
    """What is known of each trained parameter of a network, those aside that are tied to others.

    `layers`: those of the network, where they may declare multipliers.
    """
    targets = {tie.target for tie in ties}
    own = [(path, leaf.shape) for path, leaf in tree.leaves(params) if "buffers" not in path]
    paths = [(path, shape) for path, shape in own if path not in targets]
    places = {layer: k for k, layer in enumerate(dict.fromkeys(path[0] for path, _ in paths))}
    declared = declared_multipliers(layers, [path for path, _ in own])
    return [
        Param(
            "/".join(path),
            path[-1],
            path[0],
            shape,
            *_fans(shape),
            places[path[0]],
            len(places),
            *declared.get(path, (1.0, 1.0)),
        )
        for path, shape in paths
    ]


def update_groups(known: Sequence[Param], spec: TrainerSpec) -> list[Group]:
    """The groups of a network's parameters, and one without parameters for what acts on batches as a whole."""
    _refuse_idle(spec.groups, known)
    alike: list[list[Group]] = []  # those to be joined; the first has the penalties of all
    rules, multiplied = spec.rules(), MultipliedParts()
    for rule in rules:
        refuse_idle_schedule(rule)
        refuse_second_probe(rule)
    for param in known:
        own = _group(param, spec, rules, multiplied)
        if (same := next((same for same in alike if _alike(same[0], own)), None)) is None:
            alike.append([own])
        else:
            same.append(own)
            if own.regularizers and not same[0].regularizers:
                same[0] = replace(same[0], regularizers=own.regularizers)
    groups = [_joined(same) for same in alike]
    _refuse_shared_objective(groups)
    beside: dict[str, Any] = {name: tuple(getattr(spec, name)) for name in ON_BATCHES}
    beside["regularizers"] = tuple(part for part in spec.regularizers if _on_activations(part))
    return [*groups, Group((), None, **beside)] if any(beside.values()) else groups


def _group(
    param: Param, spec: TrainerSpec, rules: Sequence[Optimizer | Minimizer], multiplied: MultipliedParts
) -> Group:
    """The group of one parameter on its own; `rules` are those of the spec, in the order of their origin."""
    user = next((group for group in spec.groups if group.holds(param)), None) if spec.groups else None
    rule = user.rule(spec.optimizer) if user else spec.optimizer
    given = user.optimizer if user and user.optimizer else spec.optimizer
    origin = next(i for i, other in enumerate(rules) if other is given)
    paths, own = (tuple(param.name.split("/")),), None if rule is None else rule_for(rule, param)
    own = None if own is None else multiplied.rule(own, param, given is not spec.optimizer)
    listed = [(part, parts) for part in LISTS if (parts := getattr(spec, part.name))]  # mostly none
    acting: dict[str, Any] = {part.name: _acting(parts, param, part.everywhere) for part, parts in listed}
    for name in DECAYING & acting.keys():
        acting[name] = multiplied.decaying(acting[name], param)
    if spec.network.ties:
        acting["ties"] = tuple(tied(spec.network.ties, paths[0]))
    until = user.rests_until(param) if user and user.frozen and rule is not None else 0
    penalised = int(any(acting.get(name) for name in PENALTIES)) if acting else 0
    return Group(paths, own, origin=origin, params=(param,), penalised=penalised, until=until, **acting)


def _acting(parts: Iterable[Any], param: Param, everywhere: bool) -> tuple[Any, ...]:
    """Those that act on a parameter; weights only, unless they say otherwise."""
    default = everywhere or param.role == "weight"
    on_parameters = (part for part in parts if not _on_activations(part))
    return tuple(part for part in on_parameters if (part.applies(param) if implements(part, Applies) else default))


def _on_activations(part: object) -> bool:
    return acts_on(part) == "activations"


def _alike(a: Group, b: Group) -> bool:
    """Whether two groups differ in their parameters only, or one of them has no penalty besides."""
    if a.origin != b.origin or a.until != b.until:
        return False
    for part in LISTS:
        x, y = getattr(a, part.name), getattr(b, part.name)
        penalty = part.name in PENALTIES and not (x and y)
        if x is not y and not penalty and (len(x) != len(y) or not all(map(is_, x, y))):
            return False
    return a.rule is b.rule or bool(a.rule == b.rule)


def _joined(alike: Sequence[Group]) -> Group:
    """Groups of one parameter each as one, which has the parameters that are penalised first."""
    penalised = [group for group in alike if group.penalised]
    parts = [*penalised, *(group for group in alike if not group.penalised)]
    paths, params = ([item for part in parts for item in getattr(part, name)] for name in ("paths", "params"))
    constraints = holding_order(alike[0].constraints, params)
    joined: dict[str, Any] = {"paths": tuple(paths), "params": tuple(params), "constraints": constraints}
    ties = tuple(tie for part in parts for tie in part.ties)
    return replace(alike[0], **joined, ties=ties, penalised=len(penalised))


def _fans(shape: Shape) -> tuple[int, int]:
    """(inputs of one output, outputs of one input); an axis alone counts as both."""
    return (prod(shape[:-1]), shape[-1]) if len(shape) > 1 else (prod(shape), prod(shape))


def _refuse_idle(given: Sequence[ParameterGroup], known: Sequence[Param]) -> None:
    for i, group in enumerate(given):
        if not any(group.holds(param) for param in known):
            names = ", ".join(param.name for param in known)
            raise ConfigError(f"groups[{i}] matches no parameter: {group.match!r}. Parameters: {names}.")


def _refuse_shared_objective(groups: list[Group]) -> None:
    """ConfigError for a minimizer that does not have the objective to itself."""
    trained = [group for group in groups if group.rule is not None]
    minimizer = next((group.rule for group in trained if group.rule and group.rule.scope == "objective"), None)
    if minimizer is None:
        return
    name = type(minimizer).__name__
    if any(getattr(group, each) for group in trained for each in CHANGES):
        raise ConfigError(f"{name} works on the objective itself. Leave out {' and '.join(CHANGES)}.")
    if any(group.until for group in trained):
        raise ConfigError(f"{name} moves all trained parameters as one vector. Leave out until of frozen groups.")
    if any(group.rule != minimizer for group in trained):
        raise ConfigError(f"{name} moves all trained parameters as one vector. Freeze those that it is not to move.")
