"""A session that predicts with statistics of the parameters that predict, for rules that average beside batch norm.

Running statistics are those of the parameters that train. What predicts are averages, so statistics of these are made
of training rows: at most ROWS of the present epoch's, drawn by seed and step, as are the draws of layers. They stand
beside the running ones, which training goes on with: how often anybody looks changes no bit of a training.
Shapes: x (N, ...) all training rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, final

import numpy as np

from bpframe import random
from bpframe.engine.optimizer_chain import chain
from bpframe.engine.optimizer_state import as_in
from bpframe.network.backprop import CostLayer, evaluate
from bpframe.network.chunks import chunk_rows, in_chunks
from bpframe.network.gradients import Recursion
from bpframe.network.network import Network
from bpframe.protocols import Batches, Data, EvaluationParams, Group, Losses, Refresh, Session, SessionStatistics
from bpframe.protocols.implements import implements
from bpframe.protocols.traits import block_losses
from bpframe.types import HostArray, Params

ROWS = 4096  # of which statistics are made, at most
OWN = "statistics/"  # before the names of what a snapshot holds besides the session's


def with_statistics(
    session: Session, network: Network, cost: CostLayer, groups: Sequence[Group], params: Params, seed: int
) -> Session:
    """The session itself, unless a rule averages and layers that train keep running statistics."""
    if not any(implements(layer, Refresh) for _, layer in network.layers) or not any(map(_averages, groups)):
        return session
    recursion = Recursion(network.layers, cost, groups)
    moving = recursion.moves_buffers(recursion.contexts(random.HashKey(0, 0), params))
    return StatisticsSession(session, network, recursion, seed) if moving else session


def _averages(group: Group) -> bool:
    return group.rule is not None and any(implements(link.rule, EvaluationParams) for link in chain(group.rule))


def finish(session: Session) -> None:
    """At the end of a fit: make statistics of its rows, which nobody needs from then on."""
    if isinstance(session, StatisticsSession):
        session.finish()


@final
class StatisticsSession:
    """The `Session` of an engine, with statistics of its own for `parameters` and `scores`.

    They are made when they are first asked for after a step. Values that are set stay until the next step.
    """

    _batches: Batches  # of the latest steps
    _before: int  # steps before the first of these batches

    def __init__(self, session: Session, network: Network, recursion: Recursion, seed: int) -> None:
        self._session, self._network, self._recursion, self._seed = session, network, recursion, seed
        self._data: Data | None = None
        self._own: dict[str, HostArray] = {}  # statistics by name, those of step number `_at`
        self._at = 0

    @property
    def step(self) -> int:
        """Updates made so far."""
        return self._session.step

    @property
    def device(self) -> str:
        """Where it computes."""
        return self._session.device

    @property
    def block_losses(self) -> Losses | None:
        """Losses of the latest block, if the session keeps them."""
        return block_losses(self._session)

    @property
    def parameters(self) -> dict[str, HostArray]:
        """A copy of every parameter and buffer to predict with, by "layer/name"."""
        return {**self._session.parameters, **{name: value.copy() for name, value in self._statistics().items()}}

    def assign(self, values: Mapping[str, HostArray]) -> None:
        """Replace some parameters; buffers both for training and for predictions."""
        own = self._statistics()
        self._session.assign(values)
        self._own = own | {name: np.array(values[name], own[name].dtype) for name in own if name in values}

    def snapshot(self) -> dict[str, HostArray]:
        """Copies of all that a continued run needs, and the statistics that stand beside it."""
        own = {OWN + name: value.copy() for name, value in self._statistics().items()}
        return {**self._session.snapshot(), **own}

    def restore(self, arrays: Mapping[str, HostArray], step: int) -> None:
        """The state of a snapshot; those of earlier versions hold the running statistics alone."""
        present = self._session.parameters
        own = {name.removeprefix(OWN): value for name, value in arrays.items() if name.startswith(OWN)}
        if unknown := [name for name in own if name not in present or "buffers" not in name.split("/")]:
            raise ValueError(f"{OWN}{unknown[0]} belongs to no buffer of the network")
        own = {name: as_in(present[name], value) for name, value in own.items()}
        self._session.restore({name: array for name, array in arrays.items() if not name.startswith(OWN)}, step)
        self._own, self._at = own, step

    def use(self, groups: Sequence[Group]) -> None:
        """Take over groups whose settings may have changed."""
        self._session.use(groups)
        self._recursion = Recursion(self._network.layers, self._recursion.cost, groups)

    def load(self, data: Data, collect: bool, collected: HostArray | None = None) -> None:
        """Train on these arrays from now on."""
        self._session.load(data, collect, collected)
        self._data = data

    def run(self, batches: Batches, start: int, stop: int) -> Losses:
        """Make the steps start .. stop - 1, or some of them."""
        self._batches, self._before = batches, self._session.step - start
        return self._session.run(batches, start, stop)

    def commit(self) -> bool:
        """Whether all parameters are finite, or the session had to go back."""
        return self._session.commit()

    def collected(self) -> HostArray:
        """The training scores of the latest epoch."""
        return self._session.collected()

    def scores(self, x: HostArray) -> HostArray:
        """Scores of rows in evaluation mode."""
        own, session = self._statistics(), self._session
        if not own:
            return session.scores(x)
        if isinstance(session, SessionStatistics):
            return session.scores_with(x, own)
        params = self._network.params({**session.parameters, **own})
        return in_chunks(partial(evaluate, self._network.layers, params), x, chunk_rows(x.shape[1:], params))

    def setting(self, name: str, step: int) -> float | None:
        """A setting of the first group's rule."""
        return self._session.setting(name, step)

    def finish(self) -> None:
        """Make statistics of the present rows, which may change from now on."""
        self._statistics()
        self._data = None

    # --------------------------------------------------------------------------------------------------- statistics

    def _statistics(self) -> dict[str, HostArray]:
        """Those of the present parameters, by "layer/name"; none before the first step."""
        step = self._session.step
        if step != self._at and self._data is not None:
            self._own, self._at = self._made(self._data, step) if step else {}, step
        return self._own

    @np.errstate(all="ignore")  # what is not finite shows in the scores
    def _made(self, data: Data, step: int) -> dict[str, HostArray]:
        """Statistics of rows, and draws, that seed and step choose; of more rows than fit a pass, the mean over parts.

        A part has at least as many rows as a batch, which fits.
        """
        generator = random.host_generator(self._seed, random.STATISTICS, step)
        word = int(generator.bit_generator.random_raw())
        key, rows = random.HashKey(word >> 32, word & random.MASK), self._rows(data)
        chunk = chunk_rows(data.x.shape[1:], self._network.params(self._session.parameters))
        size = min(len(rows), ROWS, max(self._batches.size, chunk))
        if len(rows) > size:  # each part is a sample of all
            rows = rows[random.permutation(generator, len(rows))[:ROWS]]
        starts = range(0, len(rows) - size + 1, size)
        parts = [self._of_batch(data.x.take(rows[i : i + size], axis=0), key.child(i)) for i in starts]
        return {
            name: np.mean([part[name] for part in parts], axis=0, dtype=np.float64).astype(first.dtype)
            for name, first in parts[0].items()
        }

    def _rows(self, data: Data) -> HostArray:
        """The numbers of rows of the epoch of the latest step, without those of weight 0."""
        batches = self._batches
        epoch, _ = batches.at(max(self._session.step - self._before - 1, 0))
        rows = batches.order(epoch)
        if data.weight is None or not data.weight.any():
            return rows
        counts: HostArray = (data.weight != 0).reshape(len(data.weight), -1).any(axis=1)
        return rows[counts[rows]]

    def _of_batch(self, x: HostArray, key: Any) -> dict[str, HostArray]:
        session = self._session
        if isinstance(session, SessionStatistics):
            return session.batch_statistics(x, key)
        made: dict[str, Any] = self._recursion.batch_statistics(self._network.params(session.parameters), x, key)
        return made
