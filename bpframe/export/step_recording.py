"""Step recording: a whole training step as a graph, with the trainer's own loss, rule, settings and constraints.

Inputs: x (B, ...), target (B, M), weight (B,), step (how many were made before), settings (K,), key (2,), and what the
step before gave: parameters and states. Outputs: loss, penalty, and the next ones of these.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, final

import numpy as np

from bpframe import tree
from bpframe.engine import optimizer_state
from bpframe.engine.functional_step import Carry, FunctionalStep
from bpframe.engine.group_update import GroupUpdate
from bpframe.engine.hyperparameters import Settings
from bpframe.engine.settings_table import settings_table
from bpframe.engine.tree_store import TreeStore
from bpframe.engine.update import minimizing
from bpframe.errors import IncompatibleComponent
from bpframe.export.array_namespace import NAMESPACE
from bpframe.export.folding import folded
from bpframe.export.graph import ArrayGraph
from bpframe.export.graph_recording import Leaves, record
from bpframe.export.owners import recording_by
from bpframe.export.recorded_array import RecordedArray, leaf
from bpframe.export.recording_rows import recording_rows
from bpframe.protocols import Group
from bpframe.random import HashKey
from bpframe.registry import registry
from bpframe.registry.describe import short_name, title
from bpframe.training.diagnosis import component_kinds
from bpframe.training.open_session import network_of
from bpframe.training.trainer import Trainer
from bpframe.training.update_groups import trained_parameters, update_groups
from bpframe.types import HostArray, Params

NEXT = "next/"  # before the name of an input: what the step makes of it
PARAMETERS, STATES = "parameters", "states"
BATCH = ("x", "target")  # which a step needs, whether its numbers depend on them or not


@final
@dataclass(frozen=True)
class StepGraph:
    """The graph of a step; `initial`: parameters and states before the first one, by the names of their inputs.

    `settings`: what the K numbers are, in order: "0.adam.lr", those of group 0.
    """

    graph: ArrayGraph
    initial: Mapping[str, HostArray]
    settings: Sequence[str]


def step_graph_of(trainer: Trainer, steps: int = 1) -> StepGraph:
    """A trainer's step, from the parameters that it has and states as before a first step, for a run of so many.

    IncompatibleComponent names a component that looks at values, needs the host, or minimizes the objective itself.
    """
    function = StepFunction(trainer, steps)
    recorded = folded(record(function.outputs, function.leaves), parameters=False)
    read = {id(node) for node in recorded.nodes}
    inputs = {name: node for name, node in recorded.inputs.items() if id(node) in read or name in BATCH}
    kept = {NEXT + name for name in inputs} | {"loss", "penalty"}
    outputs = {name: node for name, node in recorded.outputs.items() if name in kept}
    initial = {name: array for name, array in function.initial.items() if name in inputs}
    return StepGraph(ArrayGraph.of(inputs, outputs), initial, [name for name, _ in function.settings])


def step_settings(trainer: Trainer, steps: int) -> HostArray:
    """(steps, K) the settings of a run of so many steps, at each of them."""
    return settings_table(_groups(trainer, steps), 0, steps).astype(trainer.task.dtype)


@final
class StepFunction:
    """One step as a function of arrays by name, `outputs`, and its arguments for so many rows, `leaves`."""

    def __init__(self, trainer: Trainer, steps: int) -> None:
        self.trainer, self.params, self.network = trainer, _params(trainer), network_of(trainer.network, trainer.task)
        self.groups = _groups(trainer, steps)
        updates = [GroupUpdate(group, TreeStore(group, self.params, _constant_settings)) for group in self.groups]
        if minimizing(updates):
            raise IncompatibleComponent(
                f"{title(registry, 'optimizer', trainer.optimizer)} cannot be exported as a step: it calls the "
                "objective as often as it likes, from the host. Train by a rule of gradients, such as adam."
            )
        self.states = [update.states for update in updates]
        self.initial = tree.flatten({PARAMETERS: self.params, STATES: optimizer_state.to_tree(self.states)})
        self._step = FunctionalStep(self.network, trainer.task.cost, self.groups, not trainer.weights_by_batch)

    @cached_property
    def settings(self) -> list[tuple[str, float]]:
        """Name and present value of each setting; of one that follows a schedule that of the first step."""
        return list(_settings(self.groups))

    def outputs(self, arrays: Mapping[str, RecordedArray]) -> dict[str, Any]:
        """Loss, penalty, and the next parameters and states by name."""
        given = {name: arrays[name] for name in self.initial}
        states = tree.nest(given).get(STATES, {})
        own: Any = {n[len(PARAMETERS) + 1 :]: a for n, a in given.items() if n.startswith(PARAMETERS)}
        params = self.network.params(own)
        carry = Carry(params, [_states_like(old, states.get(str(k), {})) for k, old in enumerate(self.states)])
        weight, mask = (None, None) if self._coupled else (arrays["weight"], arrays["weight"] > 0)
        batch, key = (arrays["x"], arrays["target"], weight, mask), HashKey(arrays["key"][0], arrays["key"][1])
        step = RecordedArray(arrays["step"].node, weak=True)
        kinds = component_kinds(self.trainer.spec, self.trainer.task.cost)
        with recording_by(kinds):
            new, (loss, penalty, _), _ = self._step.step(carry, batch, key, step, arrays["settings"])
        made = tree.flatten({PARAMETERS: new.params, STATES: _numbered(new.states)})
        results = {NEXT + name: NAMESPACE.asarray(made[name], dtype=given[name].dtype) for name in self.initial}
        return {"loss": loss, "penalty": NAMESPACE.asarray(penalty, dtype=self.trainer.task.dtype), **results}

    def leaves(self, rows: int) -> Leaves:
        """A batch of so many rows, and the state before the first step."""
        task, rng = self.trainer.task, np.random.default_rng(rows)
        batch = {
            "x": recording_rows(self.trainer, rows).astype(task.dtype),
            "target": rng.uniform(size=(rows, task.target_width)).astype(task.dtype),
            "weight": rng.uniform(0.5, 1.5, size=rows).astype(task.dtype),
            "step": np.asarray(rows),
            "settings": np.array([value for _, value in self.settings], dtype=task.dtype),
            "key": rng.integers(0, 2**32, 2, dtype=np.uint32),
        }
        return {name: ("input", np.asarray(array)) for name, array in {**batch, **self.initial}.items()}

    @cached_property
    def _coupled(self) -> bool:
        """Whether the loss gives one value for all rows, which have no weights then."""
        task = self.trainer.task
        scores, target = (
            leaf("input", np.zeros((2, n), task.dtype), name="") for n in (task.outputs, task.target_width)
        )
        with recording_by(component_kinds(self.trainer.spec, task.cost)):
            return bool(task.cost.loss.value_and_delta(scores, target)[0].ndim == 0)


def _params(trainer: Trainer) -> Params:
    """Parameters and buffers to start from: those that predict."""
    params = trainer.network.params(trainer.session.parameters)
    return tree.transform(params, lambda p: np.asarray(p, dtype=trainer.task.dtype))


def _groups(trainer: Trainer, steps: int) -> Sequence[Group]:
    """The groups of parameters, whose schedules know the length of the run."""
    known = trained_parameters(_params(trainer), trainer.network.ties, trainer.network.layers)
    return update_groups(known, trainer.spec.over(steps, _no_curve))


def _constant_settings(component: Any) -> Settings:
    return Settings(component, float)


def _settings(groups: Sequence[Group]) -> Any:
    """(name, value) of the numbers in a row of the settings table."""
    row = settings_table(groups, 0, 1)[0]
    names = []
    for k, group in enumerate(groups):
        for kind, component in group.components():
            own = Settings(component, float)
            paths = {id(h): path for path, h in _levels(own.h)}
            names += [f"{k}.{short_name(registry, kind, component)}{paths[id(h)]}.{name}" for h, name, _ in own.slots]
    return zip(names, map(float, row), strict=True)


def _levels(h: Any, path: str = "") -> Any:
    """(path, h) of a component's settings and of those inside it."""
    yield path, h
    for name, inner in vars(h).items():
        if type(inner) is type(h):
            yield from _levels(inner, f"{path}.{name}")


def _states_like(old: Sequence[Sequence[Mapping[str, Any]]], own: Mapping[str, Any]) -> list[list[dict[str, Any]]]:
    """The states of a group's pieces with recorded arrays in the place of arrays and numbers."""
    return [
        [_state_like(state, own.get(str(i), {}).get(str(c), {})) for c, state in enumerate(piece)]
        for i, piece in enumerate(old)
    ]


def _state_like(old: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """One state; what is a number of Python stays as weak as that is."""
    return {
        name: _state_like(value, own.get(name, {}))
        if isinstance(value, Mapping)
        else RecordedArray(own[name].node, weak=isinstance(value, bool | int | float))
        for name, value in old.items()
    }


def _numbered(states: Sequence[Sequence[Sequence[Mapping[str, Any]]]]) -> dict[str, Any]:
    """States by the numbers of group, piece and component as text, as `optimizer_state.to_tree` has them."""
    return {
        str(k): {str(i): {str(c): dict(state) for c, state in enumerate(piece)} for i, piece in enumerate(pieces)}
        for k, pieces in enumerate(states)
    }


def _no_curve(name: str) -> list[float]:
    """No schedule has a history to follow in a graph."""
    return []
