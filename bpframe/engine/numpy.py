"""The eager engine: the recursion in NumPy, step by step.

Parameters live in one flat vector a group. A point to return to is kept (`_Point`): when a step fails half-way, or
a number stops being finite, the engine goes back there and makes the steps since then again, so what a session shows
is always the state after a whole number of steps, and finite. Replay is exact: order and draws depend on the step.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np

from bpframe import tree
from bpframe.backprop import CostLayer, backward, evaluate, forward, lowest_trained
from bpframe.context import step_contexts
from bpframe.engine.flat import FlatGroup
from bpframe.network import Network
from bpframe.protocols import Batches, Data, Group, Key, Losses, Refresh
from bpframe.random import epoch_key
from bpframe.types import HostArray, Params, State

BLOCK_SECONDS = 0.2  # how long a block of steps may take before control goes back
POINT_SECONDS = 0.5  # how old a point to return to may become: the longest replay
ROWS = 2**20  # numbers that one batch of an evaluation may hold in a layer


@final
@dataclass(frozen=True)
class NumpyEngine:
    """Runs on NumPy arrays, in float32 or float64."""

    def session(
        self, network: Network, cost: CostLayer, groups: Sequence[Group], parameters: Params, dtype: str, seed: int
    ) -> NumpySession:
        """A session that starts from these parameters."""
        _keep_pages()
        return NumpySession(network, cost, groups, parameters, dtype, seed)


def _keep_pages() -> None:
    """Raise glibc's thresholds for giving memory back, which otherwise refaults every array above 128 KB each step.

    They follow the largest block freed so far, up to 32 MB: one such block, never touched, is enough for the process.
    """
    np.empty(31 * 2**20, dtype=np.uint8)


@dataclass
class _Point:
    """A state to return to, and the steps made since."""

    step: int
    vectors: list[HostArray]
    states: list[list[list[State]]]
    params: Params
    since: list[tuple[Batches, int]]
    made: float


@final
class NumpySession:
    """Parameters, optimizer state and training data of one run."""

    def __init__(
        self, network: Network, cost: CostLayer, groups: Sequence[Group], parameters: Params, dtype: str, seed: int
    ) -> None:
        self.step = 0
        self._network, self._cost, self._seed = network, cost, seed
        self._dtype = np.dtype(dtype)
        self._params = tree.transform(parameters, lambda leaf: np.array(leaf, dtype=self._dtype))
        self._groups = [FlatGroup(group, self._params, self._dtype) for group in groups]
        self._labels = network.labels
        self._lowest = lowest_trained(network.layers, (path for group in groups if group.rule for path in group.paths))
        self._epoch_key = -1, epoch_key(seed, 0)
        self._refreshing = [
            (k, label, layer) for k, (label, layer) in enumerate(network.layers) if isinstance(layer, Refresh)
        ]
        self._mark()

    # ------------------------------------------------------------------------------------------------------ state

    @property
    def parameters(self) -> dict[str, HostArray]:
        """A copy of every parameter and buffer, by "layer/name"."""
        return {name: np.array(leaf) for name, leaf in tree.flatten(self._params).items()}

    def assign(self, values: Mapping[str, HostArray]) -> None:
        """Replace some parameters, by "layer/name"."""
        for name, value in values.items():
            tree.at(self._params, tuple(name.split("/")))[...] = value
        self._mark()

    def use(self, groups: Sequence[Group]) -> None:
        """Take over groups whose settings may have changed."""
        for flat, group in zip(self._groups, groups, strict=True):
            flat.use(group)
        self._mark()

    def setting(self, name: str) -> float | None:
        """A setting of the first trained group's rule at its latest step."""
        rules = (
            flat.settings[len(flat.components) - len(flat.group.constraints) - 1]
            for flat in self._groups
            if flat.group.rule
        )
        value = getattr(next(rules).h, name, None)
        return None if value is None else float(value)

    # --------------------------------------------------------------------------------------------------- training

    def load(self, data: Data, collect: bool) -> None:
        """Train on these arrays from now on."""
        self._data = data
        self._scores: HostArray | None = None
        self._collect = collect
        self._buffers: dict[tuple[str, int], HostArray] = {}
        self._mark()

    def run(self, batches: Batches, start: int, stop: int) -> Losses:
        """Make the steps start .. stop - 1, for at most a block's time; ends after a step whose loss is not finite."""
        made: list[tuple[float, float, float]] = []
        end = time.perf_counter() + BLOCK_SECONDS
        try:
            with np.errstate(all="ignore"):
                for i in range(start, stop):
                    made.append(self._step(batches, i))
                    if not math.isfinite(made[-1][0]) or time.perf_counter() > end:
                        break
        except BaseException:
            self._return()
            raise
        if not math.isfinite(made[-1][0]) or self._point.made + POINT_SECONDS < time.perf_counter():
            self.commit()
        return Losses(*zip(*made, strict=True))

    def commit(self) -> bool:
        """Whether all parameters are finite: then a point to return to; otherwise back to the last finite step."""
        if self._finite():
            self._mark()
            return True
        self._return(finite=True)
        return False

    def collected(self) -> HostArray:
        """The training scores of the latest epoch, in the order of its rows."""
        assert self._scores is not None
        return self._scores

    def scores(self, x: HostArray) -> HostArray:
        """Scores of rows in evaluation mode, a bounded number of rows at a time."""
        rows = max(1, ROWS // max(int(np.prod(leaf.shape[1:])) for _, leaf in [((), x), *tree.leaves(self._params)]))
        with np.errstate(all="ignore"):
            parts = [evaluate(self._network.layers, self._params, x[i : i + rows]) for i in range(0, len(x), rows)]
        return np.concatenate([np.asarray(part) for part in parts])

    # ------------------------------------------------------------------------------------------------------- a step

    def _step(self, batches: Batches, i: int) -> tuple[float, float, float]:
        """(mean loss, penalty, weight) of batch i, after the update; a loss that is not finite updates nothing."""
        rows = batches.rows(i)
        x, target = self._take("x", rows), self._take("target", rows)
        weight, share = self._share(rows)
        layers, params = self._network.layers, self._params
        contexts = step_contexts(self._labels, self._lowest, self._key(batches.epoch), i)
        scores, caches = forward(layers, params, x, contexts)
        loss, delta = self._cost.mean_and_delta(scores, target, share)
        if not math.isfinite(loss):
            return float(loss), 0.0, weight
        gradients = backward(layers, params, caches, delta, contexts, self._lowest)
        self._dirty = True
        penalty = sum(flat.update(gradients, self.step, loss) for flat in self._groups)
        for k, label, layer in self._refreshing:
            params[label] = {**params[label], "buffers": layer.refresh(params[label], caches[k])}
        self._keep(batches, i, scores)
        self._point.since.append((batches, i))
        self.step += 1
        self._dirty = False
        return float(loss), penalty, weight

    def _key(self, epoch: int) -> Key:
        if self._epoch_key[0] != epoch:
            self._epoch_key = epoch, epoch_key(self._seed, epoch)
        return self._epoch_key[1]

    def _take(self, name: str, rows: HostArray) -> HostArray:
        """The rows of a training array, in a buffer that serves every batch of that length."""
        array: HostArray = getattr(self._data, name)
        buffer = self._buffers.get((name, len(rows)))
        if buffer is None:
            buffer = self._buffers[name, len(rows)] = np.empty((len(rows), *array.shape[1:]), array.dtype)
        return np.take(array, rows, axis=0, out=buffer, mode="clip")  # the default mode would copy once more

    def _share(self, rows: HostArray) -> tuple[float, Any]:
        """(sum of the batch's weights, each row's share of it)."""
        if self._data.weight is None:
            return float(len(rows)), 1.0 / len(rows)
        w = self._data.weight[rows]
        total = float(w.sum())
        return total, w / w.dtype.type(total) if total else w

    def _keep(self, batches: Batches, i: int, scores: Any) -> None:
        if not self._collect:
            return
        if self._scores is None or len(self._scores) != len(batches.order):
            self._scores = np.empty((len(batches.order), *scores.shape[1:]), scores.dtype)
        self._scores[i * batches.size : i * batches.size + len(scores)] = scores

    # ------------------------------------------------------------------------------------------------ going back

    def _mark(self) -> None:
        """Make the present the point to return to; states need no copy, since rules hand back new arrays."""
        self._dirty = False
        vectors = [flat.p.copy() for flat in self._groups]
        states = [list(flat.states) for flat in self._groups]
        buffers = tree.transform(self._params, lambda leaf: leaf)
        self._point = _Point(self.step, vectors, states, buffers, [], time.perf_counter())

    def _return(self, finite: bool = False) -> None:
        """Undo a step that was cut off; with `finite`, every step from the first whose parameters are not finite."""
        point, steps = self._point, list(self._point.since)
        while self._dirty or finite:
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
        self._dirty = False

    def _restore(self, point: _Point) -> None:
        self._params = tree.transform(point.params, lambda leaf: leaf)
        for flat, vector, states in zip(self._groups, point.vectors, point.states, strict=True):
            flat.p[...] = vector
            flat.states = list(states)
        self.step = point.step
        self._point = _Point(point.step, point.vectors, point.states, point.params, [], point.made)

    def _repeat(self, step: tuple[Batches, int]) -> bool:
        with np.errstate(all="ignore"):
            self._step(*step)
        return self._finite()

    def _finite(self) -> bool:
        return all(bool(np.isfinite(flat.p).all()) for flat in self._groups)
