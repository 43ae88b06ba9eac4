"""Blocks of compiled steps.

Shapes: as in `bpframe.engine.functional_step` and `bpframe.engine.jax.device_batches`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, cast, final

import jax
import jax.numpy as jnp
import numpy as np

from bpframe import tree
from bpframe.engine import settings_table
from bpframe.engine.flat_store import FlatStore
from bpframe.engine.functional_step import Carry, FunctionalStep
from bpframe.engine.group_update import GroupUpdate
from bpframe.engine.jax import compile_cache, compiled_step
from bpframe.engine.jax.block_loop import BlockReport, Room, block_loop, rows_of_step
from bpframe.engine.jax.device import Device
from bpframe.engine.jax.device_batches import LENGTH, DeviceBatch, Stream
from bpframe.engine.jax.epoch_ends import EndScores
from bpframe.engine.minimize import Evaluation, Minimization
from bpframe.engine.numpy.host_batches import with_room
from bpframe.engine.update import Updates
from bpframe.network.backprop import CostLayer, evaluate
from bpframe.network.chunks import chunk_rows, in_chunks
from bpframe.network.gradients import Recursion
from bpframe.network.network import Network
from bpframe.network.scheduled_parts import ScheduledParts
from bpframe.protocols import Batches, Data, Group, Refresh, StepSums
from bpframe.random import HashKey
from bpframe.types import HostArray, Params, State

END_SCORES = 2**16  # numbers that scores of rows at the end of an epoch may have, where they are made for all ends


@final
class Blocks:
    """Runs blocks of steps of one network on one device; `load` comes first."""

    sums: StepSums | None = None  # that each step takes
    ends: tuple[int, tuple[int, ...]] = 0, ()  # how many ends of epochs a block keeps, of which leaves of the carry

    def __init__(self, network: Network, cost: CostLayer, device: Device, seed: int) -> None:
        self._network, self._cost, self._device, self._seed = network, cost, device, seed

    def load(self, data: Data, collect: bool, collected: HostArray | None, resident: bool, params: Params) -> None:
        """Train on these arrays from now on; with `resident` they go to the device at once."""
        scores = self._scores_of_a_row(params, data) if collect else 0
        self._stream = Stream(data, self._seed, self._device, resident, scores)
        self._collect, self._by_rows = collect, data.by_rows
        self.collected = collected  # scores of the latest epoch, in the order of its rows
        self._programs: dict[Any, Callable[..., Any]] = {}
        self._constant: tuple[Sequence[Group], Any] | None = None
        self._report: BlockReport | None = None  # of the latest block, which may still be running
        self.prepare = self._stream.prepare

    def _scores_of_a_row(self, params: Params, data: Data) -> int:
        """How many scores a row has where they may be many, at several positions or of many classes; otherwise 0."""
        if data.target.ndim == 2 and data.target.shape[1] > 1:
            return 0
        shape = jax.eval_shape(partial(evaluate, self._network.layers), params, data.x[:1]).shape
        return math.prod(shape[1:])

    def run(
        self, carry: Carry, groups: Sequence[Group], step_count: int, batches: Batches, start: int, stop: int
    ) -> tuple[Carry, BlockReport, int]:
        """Steps from `start` on in one call, `step_count` steps before, and where they end; `carry` is used up."""
        jax.block_until_ready(self._report)  # type: ignore[no-untyped-call]  # its rows may be written over now
        block, stop = self._stream.block(batches, start, stop)
        full, rest = divmod(batches.length, batches.size)
        sizes = (batches.size, rest) if full else (rest, 0)
        loop = self._compiled("block", block_loop, groups, sizes, donate=(0,))
        table, where = self._table(groups, step_count, stop - start), (stop - start, full, batches.at(start)[1])
        carry, self._report = loop(carry, block, table, step_count, *where)
        return carry, self._report, stop

    def minimize(
        self, carry: Carry, memory: State, groups: Sequence[Group], step_count: int, batches: Batches, i: int
    ) -> tuple[Carry, State, BlockReport]:
        """Step i of a rule that asks for the objective itself: that is compiled, the rule runs on the host."""
        batch, _ = self._stream.block(batches, i, i + 1)
        size = min(batches.size, batches.length - batches.at(i)[1] * batches.size)
        objective = self._compiled("objective", _objective, groups, (size, 0))
        row = self._device.put(settings_table.settings_table(groups, step_count, 1)[0])
        host = tree.transform(carry.params, np.array)
        dtype = np.dtype(self._device.dtype)
        updates = Updates([GroupUpdate(group, FlatStore(group, host, dtype)) for group in groups])
        updates.groups[0].states = [[memory]] if memory else [[]]
        minimization, refreshing = (
            Minimization(updates),
            any(isinstance(part, Refresh) for _, part in self._network.layers),
        )

        def evaluate() -> Evaluation:
            result = objective(tree.transform(host, self._device.put), batch, row, step_count)
            loss, penalty, *_, gradients, _ = result
            slopes = tree.transform(gradients, np.asarray) if np.isfinite(loss) else None
            return Evaluation(float(loss + penalty), slopes, result)

        (loss, penalty, weight, scores, *_), there = minimization.step(step_count, evaluate, refreshing)
        numbers = np.array([[float(n) for n in (loss, penalty + minimization.penalty, weight)]])
        report = BlockReport(numbers, scores if self._collect else None)
        if not np.isfinite(loss):
            return carry, memory, report
        moved = tree.transform(host, self._device.put)
        for path, leaf in tree.leaves(there[-1] if refreshing else {}):
            tree.assign(moved, path, leaf)
        return Carry(moved, carry.states), updates.groups[0].states[0][0], report

    def row_sums(self, batches: Batches, start: int, report: BlockReport, values: HostArray) -> HostArray | None:
        """(k, K) sums of the k steps from `start` on, from the last K + 1 of their values; None where none are taken.

        Those of a step with a doubtful row are made on the host, from its scores.
        """
        if self.sums is None:
            return None
        sums, doubtful = values[:, -1 - self.sums.width : -1], values[:, -1]
        for k in np.flatnonzero(doubtful != 0).tolist():  # NaN too
            rows = batches.rows(start + k)
            at = k * min(batches.size, batches.length)
            sums[k] = self.sums.on_host(np.asarray(report.scores[at : at + len(rows)]), rows).sum(axis=0)
        return sums

    def keep(self, batches: Batches, start: int, scores: jax.Array | HostArray | None) -> None:
        """Keep the scores of a block, if they are collected."""
        if not self._collect or scores is None:
            return
        self.collected = with_room(self.collected, batches.length, scores)
        rows = self.collected[batches.at(start)[1] * batches.size :]
        rows[: len(scores)] = np.asarray(scores)[: len(rows)]

    def scores(self, params: Params, x: HostArray, settings: Sequence[float] = ()) -> HostArray:
        """Scores of rows in evaluation mode, a bounded number of rows at a time, the last ones filled up.

        `settings`: the values of those that are scheduled.
        """
        size = min(chunk_rows(x.shape[1:], params), 1 << (len(x) - 1).bit_length())
        held = [self._device.put(np.asarray(value)) for value in settings]
        evaluated = self._evaluate(len(settings))

        def scores(rows: HostArray) -> HostArray:
            full = np.resize(rows, (size, *x.shape[1:]))
            return np.asarray(evaluated(params, self._device.put(full), held))[: len(rows)]

        return in_chunks(scores, x, size)

    def predicting_leaves(self, carry: Carry, groups: Sequence[Group]) -> tuple[int, ...] | None:
        """Which leaves of the carry are those to predict with, one for each parameter; None where others are made.

        A rule that averages may keep its averages as they are: then a block keeps them, to the bit.
        """
        made = compiled_step.compiled_step(self._network, self._cost, groups, by_rows=True)
        row = settings_table.settings_table(groups, 0, 1)[0]
        predicting = lambda carry, step, row: jax.tree.leaves(made.predicting(carry, step, row))  # noqa: E731
        try:
            traced = jax.make_jaxpr(predicting)(carry, 1, row).jaxpr
        except jax.errors.JAXTypeError:  # it depends on the number of the step, say, or runs on the host
            return None
        numbers = {id(variable): i for i, variable in enumerate(traced.invars[: len(jax.tree.leaves(carry))])}
        found = [numbers.get(id(variable)) for variable in traced.outvars]
        return None if None in found else tuple(i for i in found if i is not None)

    def end_scores(self, x: HostArray, params: Params) -> EndScores | None:
        """Scores of rows x at ends of epochs, of all in one call; None where there are too many rows for that."""
        size = 1 << (len(x) - 1).bit_length()
        shape = jax.eval_shape(partial(evaluate, self._network.layers), params, x[:1]).shape
        if size > chunk_rows(x.shape[1:], params) or size * math.prod(shape[1:]) > END_SCORES:
            return None
        layers = self._network.layers
        make = lambda: partial(_end_scores, layers)  # noqa: E731
        rows = self._device.put(np.resize(x, (size, *x.shape[1:])))

        def scores(kept: Any, epochs: int) -> HostArray:
            program = compile_cache.compiled(("end scores", layers, self._device.precision), make)
            return np.asarray(program(kept, rows, epochs))[:, : len(x)]

        return scores

    def batch_statistics(
        self, params: Params, groups: Sequence[Group], x: HostArray, key: Any, settings: Sequence[float] = ()
    ) -> dict[str, HostArray]:
        """The buffers of layers with running statistics, with those of rows x alone; `groups` say what is frozen."""
        parts = ScheduledParts(self._network.layers, self._cost)
        layers, frozen = self._network.layers, tuple(group.paths for group in groups if not group.trains)
        program = compile_cache.compiled(
            ("statistics", layers, frozen, len(settings), self._device.precision),
            lambda: partial(_batch_statistics, parts, Recursion(layers, self._cost, groups, parts)),
        )
        held = [self._device.put(np.asarray(value)) for value in settings]
        words = np.array([key.a, key.b], np.uint32)
        return {name: np.asarray(leaf) for name, leaf in program(params, self._device.put(x), words, held).items()}

    def _evaluate(self, settings: int) -> Callable[..., Any]:
        """`_scores` of these layers, with so many settings, of which some are those of a loss."""
        layers = self._network.layers
        make = lambda: partial(_scores, ScheduledParts(layers, self._cost))  # noqa: E731
        return compile_cache.compiled(("scores", layers, settings, self._device.precision), make)

    def _table(self, groups: Sequence[Group], step_count: int, steps: int) -> Any:
        """The settings of a block; where none of them follows a schedule, one table serves all blocks."""
        if self._constant is not None and self._constant[0] is groups:
            return self._constant[1]
        numbers = np.zeros((LENGTH, settings_table.table_width(groups)))
        scheduled = settings_table.any_scheduled(groups)
        numbers[: steps if scheduled else LENGTH] = settings_table.settings_table(
            groups, step_count, steps if scheduled else 1
        )
        table = self._device.put(numbers)
        self._constant = None if scheduled else (groups, table)
        return table

    def _compiled(
        self, what: str, function: Any, groups: Sequence[Group], sizes: tuple[int, int], donate: Sequence[int] = ()
    ) -> Callable[..., Any]:
        """A program for batches of so many rows, and for a last one that is smaller, if there is one."""
        short_key = what, sizes, id(groups)
        if short_key not in self._programs:  # the look-up below compares every component
            parts, size, sums = (self._network, self._cost, groups), sizes[0], self.sums
            keeps = self._collect or (sums is not None and sums.exact)
            room = Room(self._stream.room(size) * size if keeps else 0, *(self.ends if what == "block" else (0,)))
            on = self._by_rows, self._device.precision, self._device.dtype, sums and sums.key
            key = what, *compile_cache.step_keys(*parts), sizes, room, *on
            self._programs[short_key] = compile_cache.compiled(
                key,
                lambda: partial(function, compiled_step.compiled_step(*parts, self._by_rows), sizes, room, sums),
                donate,
            )
        return self._programs[short_key]


def _objective(
    step: FunctionalStep,
    sizes: tuple[int, int],
    room: Room,
    sums: None,
    params: Params,
    block: DeviceBatch,
    row: jax.Array,
    step_count: jax.Array,
) -> Any:
    """The objective of a block's first batch, its gradients, and what `FunctionalStep.objective` gives besides."""
    a, b, i = block.keys[0]
    return step.objective(params, rows_of_step(block, 0, sizes[0]), HashKey(a, b).child(i), step_count, row)


def _scores(parts: ScheduledParts, params: Params, x: jax.Array, settings: Sequence[Any]) -> Any:
    """Those of rows x, in evaluation mode."""
    with parts.holding(settings):
        return evaluate(parts.layers, params, x)


def _end_scores(layers: Any, kept: Params, x: jax.Array, epochs: jax.Array) -> Any:
    """Those of rows x with the parameters (E, ...) after each of so many epochs, (E, N, ...)."""

    def at(k: Any) -> Any:
        params = jax.tree.map(lambda leaf: jax.lax.dynamic_index_in_dim(leaf, k, keepdims=False), kept)
        return evaluate(layers, cast(Params, compiled_step.as_it_is(params)), x)

    room, shape = jax.tree.leaves(kept)[0].shape[0], jax.eval_shape(at, 0)
    scores = jnp.zeros((room, *shape.shape), shape.dtype)
    put = partial(jax.lax.dynamic_update_index_in_dim, axis=0)
    return jax.lax.fori_loop(0, epochs, lambda k, scores: put(scores, at(k), index=k), scores)


def _batch_statistics(
    parts: ScheduledParts,
    recursion: Recursion,
    params: Params,
    x: jax.Array,
    words: jax.Array,
    settings: Sequence[Any],
) -> dict[str, Any]:
    """Those of rows x, with draws by a key of these two words."""
    with parts.holding(settings):
        return recursion.batch_statistics(params, x, HashKey(words[0], words[1]))
