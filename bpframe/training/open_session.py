"""Open a session: initial parameters and their groups on the engine, for rows of one shape."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from bpframe import tree
from bpframe.data.task import Task
from bpframe.engine.projection import projected
from bpframe.errors import IncompatibleComponent, ShapeError
from bpframe.network.backprop import CostLayer
from bpframe.network.network import Network
from bpframe.network.ties import join
from bpframe.protocols import Group, Session
from bpframe.registry import registry
from bpframe.registry.describe import title
from bpframe.training.engine_levels import refuse_missing_levels
from bpframe.training.number_ranges import refuse_out_of_range
from bpframe.training.preflight import refuse_unsampled
from bpframe.training.present_parts import PresentParts
from bpframe.training.resting_groups import at_epoch
from bpframe.training.spec import TrainerSpec
from bpframe.training.statistics_session import with_statistics
from bpframe.training.trained_parameters import TrainedParameters
from bpframe.training.update_groups import trained_parameters
from bpframe.types import Params, Shape


def open_session(
    spec: TrainerSpec,
    task: Task,
    shape: Shape,
    present: PresentParts | None = None,
    steps: Sequence[int] = (),
) -> tuple[Session, Task, TrainedParameters]:
    """(a session with new parameters, the task of rows of this shape, the trained parameters).

    `present`: the network and cost of the spec with scheduled settings as they are; left out, as before a fit. `steps`:
    after how many each epoch so far ended.
    """
    present = present or PresentParts(spec.network, CostLayer.of(spec.loss))
    network = network_of(present.network, task)
    refuse_out_of_range(network, spec.loss, spec.dtype)
    params, out = network.init(spec.seed, shape)
    if not out:
        raise ShapeError("The loss needs rows of scores, got one number without an axis. End the network in dense.")
    trained = TrainedParameters(trained_parameters(params, spec.network.ties, network.layers))
    groups = at_epoch(trained.groups(spec), steps) + present.groups()
    refuse_unsampled(groups, spec.loss)
    refuse_missing_levels(spec.engine, groups, network)
    if spec.projects:
        _project(groups, params)
        join(params, spec.network.ties)
    cost = CostLayer.of(spec.loss) if present.scheduled else task.cost
    session = spec.engine.session(network_of(spec.network, task), cost, groups, params, spec.dtype, spec.seed)
    if session is None:
        raise IncompatibleComponent(f"{title(registry, 'engine', spec.engine)}: session must give a session, got None.")
    spec.network.input_shape = shape  # for summary()
    session = with_statistics(session, network, task.cost, groups, params, spec.seed)
    return session, replace(task, shape=shape, outputs=out[-1], axes=out[:-1]), trained


def network_of(network: Network, task: Task) -> Network:
    """The network with the inputs by name that the task knows."""
    return network if task.several in (None, network.several) else network.with_inputs(dict(task.several or ()))


def _project(groups: Sequence[Group], params: Params) -> None:
    """Put initial parameters in the sets in which they are kept."""
    for name, p in projected(groups, tree.flatten(params)).items():
        tree.assign(params, tuple(name.split("/")), p)
