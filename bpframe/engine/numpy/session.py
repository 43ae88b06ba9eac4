"""The eager engine: the recursion in NumPy, step by step.

Parameters live in one flat vector a group. A point to return to is kept (`_Point`): when a step fails half-way, or
a number stops being finite, the engine goes back there and makes the steps since then again, so what a session shows
is always the state after a whole number of steps, and finite. Replay is exact: order and draws depend on the step.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import final

import numpy as np

from bpframe import tree
from bpframe.data.arrays import all_finite, read_only
from bpframe.engine import optimizer_state
from bpframe.engine.numpy import blas
from bpframe.engine.numpy.host_batches import Feed
from bpframe.engine.numpy.stepper import Stepper
from bpframe.engine.rollback import Steps
from bpframe.engine.update import evaluation
from bpframe.network.backprop import CostLayer, evaluate
from bpframe.network.gradients import Batch
from bpframe.network.network import Network
from bpframe.ops import malloc
from bpframe.protocols import Batches, Data, Group, Losses
from bpframe.random import StepKey
from bpframe.types import HostArray, Params, State

BLOCK_SECONDS = 0.2  # how long a block of steps may take before control goes back
ROWS = 2**20  # numbers that one batch of an evaluation may hold in a layer


@final
@dataclass(frozen=True)
class NumpyEngine:
    """Runs on NumPy arrays, in float32 or float64; on at most `threads` threads, if that is given.

    Products use BLAS's threads, and in large networks products and updates those of `bpframe.ops.thread_team`.
    `scripts`: record the NumPy calls of a step once and replay them as a generated program (`tracing`), where all its
    components are pure: bpframe's own, and those whose class says `pure = True`. The bits are the same.
    """

    threads: int | None = None
    scripts: bool = True
    changeable = (("threads", "threads"), ("scripts", None))  # in a run that goes on (`bpframe.training.checkpoint`)

    def session(
        self, network: Network, cost: CostLayer, groups: Sequence[Group], parameters: Params, dtype: str, seed: int
    ) -> NumpySession:
        """A session that starts from these parameters; ConfigError where threads cannot be bounded."""
        malloc.raise_thresholds()
        working = partial(blas.shared, self.threads, blas.teams_pay(network, parameters))
        with working():  # now rather than in the first step
            return NumpySession(network, cost, groups, parameters, dtype, seed, working, self.scripts)


def _own(parameters: Params, groups: Sequence[Group], dtype: str) -> Params:
    """A tree of one's own; leaves that no group copies are copied."""
    params, copied = tree.transform(parameters, lambda leaf: leaf), {path for group in groups for path in group.paths}
    for path, leaf in tree.leaves(parameters):
        if path not in copied:
            tree.assign(params, path, np.array(leaf, dtype=dtype))
    return params


@dataclass
class _Point:
    """A state to return to, and the steps made since."""

    step: int
    vectors: list[HostArray]
    states: list[Callable[[], list[list[State]]]]
    params: Params
    since: Steps


@final
class NumpySession:
    """Parameters, optimizer state and training data of one run."""

    device = "cpu"
    _known: _Point | None

    def __init__(
        self,
        network: Network,
        cost: CostLayer,
        groups: Sequence[Group],
        parameters: Params,
        dtype: str,
        seed: int,
        working: blas.Working,
        scripts: bool,
    ) -> None:
        self.step, self._working = 0, working
        self._network, self._key = network, StepKey(seed)
        self._params = _own(parameters, groups, dtype)
        self._stepper = Stepper(network, cost, self._params, groups, np.dtype(dtype), self._key, scripts)
        self._groups, self._flats = self._stepper.groups, self._stepper.flats
        self._fresh = True  # what rules remember is what they began with
        self._mark()

    # ------------------------------------------------------------------------------------------------------ state

    @property
    def parameters(self) -> dict[str, HostArray]:
        """A copy of every parameter and buffer to predict with, by "layer/name"."""
        return {name: np.array(leaf) for name, leaf in tree.flatten(self._evaluated()).items()}

    def assign(self, values: Mapping[str, HostArray]) -> None:
        """Replace some parameters, by "layer/name".

        What rules remember starts anew from them before the first step, and where a rule predicts with averages.
        """
        for name, value in values.items():
            tree.at(self._params, tuple(name.split("/")))[...] = value
        for group in self._groups:
            anew = (self.step == 0 and group.makers) or group.evaluators
            if anew and any("/".join(path) in values for path in group.group.paths):
                group.states = group.initial()
        self._mark()

    def snapshot(self) -> dict[str, HostArray]:
        """Copies of all that a continued run needs: "parameters/layer/name", "memory/group/piece/component/name"."""
        states = optimizer_state.gathered([group.states for group in self._groups])
        return tree.flatten({"parameters": tree.transform(self._params, np.array), "memory": states})

    def restore(self, arrays: Mapping[str, HostArray], step: int) -> None:
        """The state of a snapshot, made after `step` steps."""
        found = tree.nest(arrays)
        for path, leaf in tree.leaves(found["parameters"]):
            if "buffers" in path:
                tree.assign(self._params, path, optimizer_state.alike(tree.at(self._params, path), np.array(leaf)))
            else:
                tree.at(self._params, path)[...] = leaf
        states = optimizer_state.restored([group.states for group in self._groups], found.get("memory", {}))
        for group, own in zip(self._groups, states, strict=True):
            group.states = own
        self._stepper.forget()
        self.step, self._fresh = step, False
        self._mark()

    def use(self, groups: Sequence[Group]) -> None:
        """Take over groups whose settings may have changed."""
        self._stepper.use(groups, self.step)
        self._mark()

    def setting(self, name: str, step: int) -> float | None:
        """A setting of the first trained group's rule, or of the rule inside it, in the update that led to `step`."""
        return next((group.setting(name, step) for group in self._stepper.updates.groups), None)

    def _evaluated(self) -> Params:
        """The parameters to predict with: those of training, unless a rule says otherwise."""
        averaging = [(group, flat) for group, flat in zip(self._groups, self._flats, strict=True) if group.evaluators]
        if not averaging or self.step == 0:
            return self._params
        params = tree.transform(self._params, lambda leaf: leaf)
        for group, flat in averaging:
            flat.show(flat.joined(evaluation(group)), params)
        return params

    # --------------------------------------------------------------------------------------------------- training

    def load(self, data: Data, collect: bool, collected: HostArray | None = None) -> None:
        """Train on these arrays from now on, `collected` of the present epoch's scores made before."""
        self._feed = Feed(data, collect, collected)
        self._stepper.forget()
        self._mark()

    def run(self, batches: Batches, start: int, stop: int) -> Losses:
        """Make the steps start .. stop - 1, for at most a block's time; ends after a loss that is not finite."""
        made: list[tuple[float, float, float]] = []
        end = time.perf_counter() + BLOCK_SECONDS
        try:
            with np.errstate(all="ignore"), self._working():
                for i in range(start, stop):
                    made.append(self._step(batches, i))
                    if not math.isfinite(made[-1][0]) or time.perf_counter() > end:
                        break
        except BaseException:
            self._return()
            raise
        if not math.isfinite(made[-1][0]) or self._point.since.old:
            self.commit()
        return Losses(*zip(*made, strict=True))

    def commit(self) -> bool:
        """Whether all parameters are finite: then, now and then, a point to return to; else back to where they were."""
        if self._finite():
            if self._known is not None and self._known.since.old:
                self._mark()
            return True
        self._return(finite=True)
        return False

    def collected(self) -> HostArray:
        """The training scores of the latest epoch, in the order of its rows."""
        return self._feed.collected()

    def scores(self, x: HostArray) -> HostArray:
        """Scores of rows in evaluation mode, a bounded number of rows at a time."""
        rows = max(1, ROWS // max(int(np.prod(leaf.shape[1:])) for _, leaf in [((), x), *tree.leaves(self._params)]))
        with np.errstate(all="ignore"), self._working():
            x, params = read_only(x), tree.transform(self._evaluated(), read_only)
            parts = [evaluate(self._network.layers, params, x[i : i + rows]) for i in range(0, len(x), rows)]
        return np.concatenate([np.asarray(part) for part in parts])

    # ------------------------------------------------------------------------------------------------------- a step

    def _step(self, batches: Batches, i: int) -> tuple[float, float, float]:
        """(mean loss, penalty, weight) of batch i, after the update; a loss that is not finite updates nothing."""
        rows, feed = batches.rows(i), self._feed
        self._key.place = batches.at(i)
        since = self._point.since
        batch = Batch(feed.take("x", rows), feed.take("target", rows), *feed.share(rows))
        made = self._stepper.step(batch, self.step)
        if made.gradients is None:
            return made.loss, 0.0, batch.weight
        self._feed.keep(batches, i, made.scores)
        since.add(batches, i, i + 1)
        self.step += 1
        self._stepper.writing = False
        return made.loss, made.penalty, batch.weight

    # ------------------------------------------------------------------------------------------------ going back

    def _mark(self) -> None:
        """Make the present the point to return to."""
        self._stepper.writing = False
        self._known = None

    @property
    def _point(self) -> _Point:
        """The point to return to; copied when it is asked for, before the first step that leaves it."""
        if self._known is None:
            vectors = [flat.p.copy() for flat in self._flats]
            states = [group.remembered(self._fresh) for group in self._groups]
            self._fresh = False
            buffers = tree.transform(self._params, lambda leaf: leaf)
            self._known = _Point(self.step, vectors, states, buffers, Steps())
        return self._known

    def _return(self, finite: bool = False) -> None:
        """Undo a step that was cut off; with `finite`, every step from the first whose parameters are not finite."""
        point, steps = self._point, list(self._point.since)
        while self._stepper.writing or finite:
            try:
                self._replay(point, steps, finite)
                return
            except KeyboardInterrupt:  # a second Ctrl-C: the state must be whole before anybody sees it
                continue

    def _replay(self, point: _Point, steps: list[tuple[Batches, int]], finite: bool) -> None:
        self._restore(point)
        count = next((n for n, step in enumerate(steps) if not self._repeat(step) and finite), len(steps))
        if count < len(steps):
            self._restore(point)
            for step in steps[:count]:
                self._repeat(step)
        self._stepper.writing = False

    def _restore(self, point: _Point) -> None:
        self._params.update(tree.transform(point.params, lambda leaf: leaf))
        for flat, group, vector, states in zip(self._flats, self._groups, point.vectors, point.states, strict=True):
            flat.p[...] = vector
            group.states = states()
        self.step = point.step
        self._known = _Point(point.step, point.vectors, point.states, point.params, Steps(point.since.began))

    def _repeat(self, step: tuple[Batches, int]) -> bool:
        with np.errstate(all="ignore"), self._working():
            self._step(*step)
        return self._finite()

    def _finite(self) -> bool:
        with self._working():  # a look that woke BLAS's threads would leave them waiting while the next steps are made
            return all(all_finite(flat.p) for flat in self._flats)
