"""Open a session: initial parameters and their groups on the engine, for rows of one shape."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from bpframe import tree
from bpframe.data.task import Task
from bpframe.engine.projection import projected
from bpframe.errors import IncompatibleComponent, ShapeError
from bpframe.network.network import Network
from bpframe.protocols import Group, Session
from bpframe.registry import registry
from bpframe.registry.describe import title
from bpframe.training.number_ranges import refuse_out_of_range
from bpframe.training.preflight import refuse_unsampled
from bpframe.training.spec import TrainerSpec
from bpframe.training.statistics_session import with_statistics
from bpframe.training.trained_parameters import TrainedParameters
from bpframe.training.update_groups import trained_parameters
from bpframe.types import Params, Shape


def open_session(spec: TrainerSpec, task: Task, shape: Shape) -> tuple[Session, Task, TrainedParameters]:
    """(a session with new parameters, the task of rows of this shape, the trained parameters)."""
    network = network_of(spec.network, task)
    refuse_out_of_range(network, spec.loss, spec.dtype)
    params, out = network.init(spec.seed, shape)
    if not out:
        raise ShapeError("The loss needs rows of scores, got one number without an axis. End the network in dense.")
    trained = TrainedParameters(trained_parameters(params))
    groups = trained.groups(spec)
    refuse_unsampled(groups, spec.loss)
    if spec.projects:
        _project(groups, params)
    session = spec.engine.session(network, task.cost, groups, params, spec.dtype, spec.seed)
    if session is None:
        raise IncompatibleComponent(f"{title(registry, 'engine', spec.engine)}: session must give a session, got None.")
    network.input_shape = shape  # for summary()
    session = with_statistics(session, network, task.cost, groups, params, spec.seed)
    return session, replace(task, shape=shape, outputs=out[-1], axes=out[:-1]), trained


def network_of(network: Network, task: Task) -> Network:
    """The network with the inputs by name that the task knows."""
    return network if task.several in (None, network.several) else network.with_inputs(dict(task.several or ()))


def _project(groups: Sequence[Group], params: Params) -> None:
    """Put initial parameters in the sets in which they are kept."""
    for name, p in projected(groups, tree.flatten(params)).items():
        tree.assign(params, tuple(name.split("/")), p)
