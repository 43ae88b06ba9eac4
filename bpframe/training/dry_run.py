"""A dry run: one training step on a few rows before the first real one, with components that are checked.

It runs through the code of every step, so a component that breaks its protocol is named here, once, and checks cost
nothing in the loop.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any, cast, final

import numpy as np

from bpframe import tree
from bpframe.data.arrays import read_only
from bpframe.engine.group_update import GroupUpdate
from bpframe.engine.hyperparameters import Settings
from bpframe.engine.parameter_store import Run, UpdateComponent
from bpframe.engine.step import training_step
from bpframe.engine.update import Updates
from bpframe.network.augmentation import augmented
from bpframe.network.backprop import CostLayer
from bpframe.network.gradients import Batch, LossAndGradients, Recursion, weight_shares
from bpframe.network.network import Network
from bpframe.protocols import Data, Group, Layer, Loss, Param, Session
from bpframe.protocols.traits import scope_of
from bpframe.random import epoch_key
from bpframe.training.checked_components import CheckedLayer, CheckedLoss, checked_components
from bpframe.training.spec import TrainerSpec
from bpframe.types import Array, HostArray, Params


def dry_run(spec: TrainerSpec, cost: CostLayer, groups: Sequence[Group], session: Session, data: Data) -> None:
    """A step on two rows."""
    params = spec.network.params(session.parameters)
    DryRun(spec.network, cost, groups, params).step(data.take(np.arange(len(data.x))[:2]))


@final
class DryRun:
    """Checks one step of a network, its cost and its groups; IncompatibleComponent names what breaks a rule."""

    _batch: Batch

    def __init__(self, network: Network, cost: CostLayer, groups: Sequence[Group], params: Params) -> None:
        self._groups, self._params = groups, tree.transform(params, read_only)
        layers = [(label, cast(Layer, CheckedLayer(layer))) for label, layer in network.layers]
        self._recursion = Recursion(layers, replace(cost, loss=cast(Loss, CheckedLoss(cost.loss))), groups)
        self._key = epoch_key(0, 0).child(0)
        self._contexts = self._recursion.contexts(self._key, params)

    @np.errstate(all="ignore")
    def step(self, data: Data) -> None:
        """A step on a few rows; of each group, the first parameter is updated."""
        batch = Batch(data.x, data.target, *weight_shares(len(data.x)))
        number = data.x.dtype.type
        augmentations = [(part, Settings(part, number)) for group in self._groups for part in group.augmentations]
        self._batch = augmented(batch, augmentations, self._key, 0)
        trained = (group for group in self._groups if group.paths and group.rule and group.rule.scope != "objective")
        groups = [replace(group, measures=()) for group in trained]
        updates = [
            GroupUpdate(group, FirstParameter(group, self._params), checked_components(group)) for group in groups
        ]
        training_step(self, Updates(updates, key=self._key), 0)

    # ------------------------------------------------------------------------------------------ of a training step

    def value_and_gradients(self) -> LossAndGradients:
        """The recursion through checked layers and a checked loss."""
        return self._recursion.value_and_gradients(self._params, self._batch, self._contexts)

    def sampled_gradients(self, result: LossAndGradients) -> Params:
        """Gradients for targets drawn from the predictions."""
        return self._recursion.sampled_gradients(self._params, result, self._contexts, self._key.child("targets"))

    def batch_info(self, result: LossAndGradients) -> Mapping[str, Any]:
        """Loss and weight in the run's dtype."""
        number = self._batch.x.dtype.type
        return {"loss": number(result.loss), "weight": number(self._batch.weight)}

    def when(self, due: Any, change: Callable[[Any], Any], values: Any) -> Any:
        """A plain choice."""
        return change(values) if due else values

    def begin_update(self) -> None:
        """Parameters of the network stay as they are."""

    def refresh(self, result: LossAndGradients) -> None:
        """Buffers stay as they are."""


@final
class FirstParameter:
    """The `Store` of the first parameter of a group, as a vector where all components work element by element."""

    def __init__(self, group: Group, params: Params) -> None:
        self._path, self._param = group.paths[0], group.params[0] if group.params else None
        parts = (*group.gradient_steps, group.rule)
        self._vector = all(scope_of(part) == "element" for part in parts)
        self._p = self._shaped(tree.at(params, self._path))

    def _shaped(self, array: HostArray) -> HostArray:
        return read_only(array.reshape(-1) if self._vector else array)

    def __len__(self) -> int:
        return 1

    def get(self, i: int) -> HostArray:
        """The parameter, read-only."""
        return self._p

    snapshot = get

    def put(self, i: int, p: Array) -> None:
        """Another value of it."""
        self._p = read_only(cast(HostArray, p))

    def gradients(self, gradients: Params) -> list[Any]:
        """Its gradient."""
        return [self._shaped(tree.at(gradients, self._path))]

    def parameters(self) -> list[Any]:
        """The one."""
        return [self._p]

    def before(self, gradients: Params, moved: bool) -> tuple[list[Any], list[Any]]:
        """(parameter, gradient), read-only both."""
        return self.parameters(), self.gradients(gradients)

    def stable_gradient(self, i: int, g: Array) -> Array:
        """The gradient, read-only."""
        return read_only(cast(HostArray, g))

    def show(self, pieces: Sequence[Any], params: Params) -> None:
        """Put it in a tree."""
        tree.assign(params, self._path, pieces[0])

    def mask(self, i: int, paths: Collection[tree.Path]) -> bool:
        """Whether it is one of these."""
        return self._path in paths

    def param(self, i: int) -> Param | None:
        """What is known of it."""
        return self._param

    def runs(self, i: int) -> Sequence[Run]:
        """All of it."""
        return [("/".join(self._path), 0, self._p.size)]

    def reach(self, i: int) -> Any:
        """Every penalty acts on it."""
        return ...

    def settings(self, component: UpdateComponent) -> Settings:
        """Settings with values of its dtype."""
        return Settings(component, self._p.dtype.type)

    def when(self, due: Any, change: Callable[..., Any], values: Any) -> Any:
        """Every component acts, due or not."""
        return change(*values)
