"""The update that a trainer's own rule would make next from one row alone, on a session of its own.

Shapes: x (1, ...), target (1, M).
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import replace
from typing import Any, final

import numpy as np

from bpframe.data.task import Task
from bpframe.network.context import EVALUATION
from bpframe.network.network import Network
from bpframe.protocols import Batches, Context, Data, Layer
from bpframe.training.open_session import network_of, open_session
from bpframe.training.resting_groups import at_epoch
from bpframe.training.session_snapshot import SessionSnapshot
from bpframe.training.spec import TrainerSpec
from bpframe.types import Array, Cache, HostArray, Params, Shape


@final
class EvaluatingLayer:
    """A layer that acts as in evaluation in a step of training too: it draws nothing, and no statistics move."""

    def __init__(self, layer: Layer) -> None:
        self._layer = layer

    def init(self, rng: np.random.Generator, in_shape: Shape) -> tuple[Params, Shape]:
        """As the layer."""
        return self._layer.init(rng, in_shape)

    def forward(self, params: Params, x: Array, context: Context) -> tuple[Array, Cache]:
        """As the layer in evaluation."""
        return self._layer.forward(params, x, EVALUATION)

    def backward(self, params: Params, cache: Cache, dy: Array, context: Context) -> tuple[Array | None, Params]:
        """As the layer in evaluation."""
        return self._layer.backward(params, cache, dy, EVALUATION)


def update_of_row(
    spec: TrainerSpec, task: Task, state: SessionSnapshot, x: HostArray, target: HostArray
) -> tuple[dict[str, HostArray], float | None]:
    """(the parameters after the update that follows that state, by "layer/name", the learning rate of that update).

    A rule that gathers batches gets the row as often as it gathers. Penalties and all that acts on an update act.
    """
    period = spec.period
    bound = replace(spec, network=_evaluating(network_of(spec.network, task)), augmentations=())
    session, _, trained = open_session(bound, task, x.shape[1:], steps=state.epochs)
    session = state.restored(session)
    session.use(at_epoch(trained.groups(bound.over(max(state.step, 1) + period, _no_curve)), state.epochs))
    session.load(Data(x, target, by_rows=False), False)
    order = np.zeros(1, dtype=np.int64)
    batches = Batches(0, lambda epoch: order, 1, epochs=period)
    done = 0
    while done < period:
        done += len(session.run(batches, done, period))
    return session.parameters, session.setting("lr", session.step)


def _evaluating(network: Network) -> Network:
    twin = copy(network)
    layers: Any = tuple((label, EvaluatingLayer(layer)) for label, layer in network.layers)
    twin.layers = layers
    return twin


def _no_curve(name: str) -> Sequence[float]:
    """A schedule that follows a curve starts at its first value."""
    return []
