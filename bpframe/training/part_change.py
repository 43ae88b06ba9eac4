"""A change of a part of a trainer after it was made: what can be set between two fits, and what cannot."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from bpframe.errors import ConfigError
from bpframe.protocols import Group
from bpframe.registry.nested import walk
from bpframe.training.spec import PARTS, UPDATING, TrainerSpec
from bpframe.training.trained_parameters import TrainedParameters
from bpframe.training.update_groups import CHANGES

BY_NAME = {part.name: part for part in PARTS}
OF_A_FIT = frozenset({"lr", "learning_rate", "batch_size", "epochs", "shuffle", "sample_weight", "class_weight"})
AT_START = frozenset({"network", "loss", "dtype", "standardize_target"})  # on which what it knows of its task depends
WITH_SESSION = frozenset({"engine", "seed"})
IN_UPDATES = frozenset({part.name for part in UPDATING} | {"groups"})  # on which the groups of parameters depend
KEPT = frozenset(BY_NAME) | OF_A_FIT  # the attributes that are looked at where they are set


def attribute_changes(attributes: Mapping[str, Any], name: str, value: Any) -> dict[str, Any]:
    """What changes in a trainer's attributes where one of KEPT is set; ConfigError where the trainer would not obey.

    A part is built, as the Trainer's arguments are. A callback that stays keeps what it remembers.
    """
    if name in OF_A_FIT:
        raise ConfigError(f"A trainer has no {name} to set: it is an argument of fit, or of the optimizer.")
    opened = attributes["_session"] is not None or attributes["_snapshot"] is not None
    spec = TrainerSpec(**{part: attributes[part] for part in BY_NAME})
    value = _part(spec, name, value, attributes["_params"] if opened else None, attributes["_fit"] is not None)
    if name != "callbacks":
        return {name: value}
    before = zip(attributes["callbacks"], attributes["memories"], strict=False)
    memories = {id(callback): memory for callback, memory in before}
    return {name: value, "memories": [memories.get(id(callback), {}) for callback in value]}


def _part(spec: TrainerSpec, name: str, value: Any, params: TrainedParameters | None, running: bool) -> Any:
    """The part of this name, built; `params`: the trained ones, once there is a session that remembers for them."""
    if running:
        raise ConfigError(
            f"A fit that runs keeps its {name}. Set trainer.{name} between two fits. In a hook: state.parameters sets "
            "parameters, state.stop ends the fit; rates and other settings of a rule can follow a schedule."
        )
    if name in AT_START or (params is not None and name in WITH_SESSION):
        raise ConfigError(f"A trainer keeps its {name}. Make another: Trainer(..., {name}=...), with {_PARAMETERS}.")
    value = BY_NAME[name].build(value)
    if params is None or name not in IN_UPDATES:
        return value
    before = _structure(params.groups(spec))
    if before != _structure(params.groups(replace(spec, **{name: value}))):
        raise ConfigError(
            f"A trainer with parameters keeps the kinds of its {name}, and what they act on; settings may change. "
            f"For others make a new Trainer, with {_PARAMETERS}."
        )
    return value


_PARAMETERS = "new.parameters.replace(old.parameters) for the same parameters"


def _structure(groups: Sequence[Group]) -> list[Any]:
    """Which parameters go together, and the classes of what acts on them, but for schedules, which remember nothing."""
    return [
        (group.paths, *([type(part) for part in _stateful(kind, each)] for kind, each in _components(group)))
        for group in groups
    ]


def _components(group: Group) -> Iterator[tuple[str, Any]]:
    yield "optimizer", group.rule
    yield from (("", part) for name in CHANGES for part in getattr(group, name))


def _stateful(kind: str, component: Any) -> Iterator[Any]:
    return (part for _, inner, part in walk(kind, component) if inner != "schedule")
