"""The loop over the steps of a block, compiled: where steps are measured, and where the last batch is smaller.

The number of steps is an argument of the loop, so it compiles once for any number and its bits do not depend on how
steps are grouped; where the last batch of an epoch is smaller, a loop over epochs lies around it. Where only some
updates are measured, the steps between them are a loop of their own, in which nothing is kept to compare with.
Shapes: as in `bpframe.engine.functional_step` and `bpframe.engine.jax.device_batches`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple, cast, final

import jax
import jax.numpy as jnp
import numpy as np

from bpframe.engine.functional_step import Carry, FunctionalStep, Rows
from bpframe.engine.jax import compiled_step
from bpframe.engine.jax.device_batches import DATA, LENGTH, DeviceBatch
from bpframe.network.backprop import evaluate
from bpframe.protocols import StepSums
from bpframe.random import HashKey
from bpframe.types import HostArray, Params


class BlockReport(NamedTuple):
    """(LENGTH, 3 + m) of loss, penalty, weight and m measures of each step; the scores (T B, C) of its rows, if kept.

    With sums over rows (LENGTH, 3 + m + K + 1): those of each step, and last how many of its rows are doubtful. The
    parameters to predict with (E, ...) after each epoch, if kept.
    """

    numbers: Any
    scores: Any
    ends: Any = None

    def values(self, steps: int) -> HostArray:
        """(steps, 3 + m) loss, penalty, weight, measures in float64, or as many numbers as there are."""
        return np.asarray(self.numbers)[:steps].astype(np.float64)


class Room(NamedTuple):
    """For what a block keeps: how many rows of scores, and ends of epochs, of which leaves of the carry."""

    rows: int
    ends: int
    leaves: tuple[int, ...] = ()

    def of(self, carry: Carry) -> Params:
        """What an end keeps of the carry, in the tree of the parameters."""
        all_leaves = jax.tree.leaves(carry)
        kept = [all_leaves[i] for i in self.leaves]
        return cast(Params, jax.tree.unflatten(jax.tree.structure(carry.params), kept))


LoopState = tuple[Carry, BlockReport]


def block_loop(
    step: FunctionalStep,
    sizes: tuple[int, int],
    room: Room,
    sums: StepSums | None,
    carry: Carry,
    block: DeviceBatch,
    table: jax.Array,
    step_count: jax.Array,
    steps: jax.Array,
    full: jax.Array,
    first: jax.Array,
) -> LoopState:
    """So many steps, `step_count` steps before; `room` says what is kept, and `sums` of each are taken.

    Of each epoch `full` batches have all rows, and one has the rest, if there is any; `first`: number of the first.
    """
    size, rest = sizes
    full = full if rest else jnp.maximum(full, 1)
    length = full + bool(rest)
    run = _Stretches(step, size, sums, block, table, step_count).run
    state = carry, _empty_report(step, carry, block.x[:1], room, sums, table.dtype)

    def epoch(number: jax.Array, state: LoopState) -> LoopState:
        start = number * length - first
        last = start + full
        state = run(jnp.maximum(start, 0), jnp.minimum(last, steps), size, state)
        carry, report = run(last, jnp.minimum(last + 1, steps), rest, state) if rest else state
        put = partial(jax.lax.dynamic_update_index_in_dim, index=number, axis=0)
        return carry, report._replace(ends=jax.tree.map(put, report.ends, room.of(carry))) if room.ends else report

    if rest or room.ends:
        return cast(LoopState, jax.lax.fori_loop(0, (first + steps + length - 1) // length, epoch, state))
    return run(jnp.zeros_like(steps), steps, size, state)


@final
@dataclass(frozen=True)
class _Stretches:
    """Runs stretches of steps of a block, whose batches have `size` rows but for shorter ones; arguments as above."""

    step: FunctionalStep
    size: int
    sums: StepSums | None
    block: DeviceBatch
    table: jax.Array
    step_count: jax.Array

    def run(self, start: jax.Array, stop: jax.Array, rows: int, state: LoopState) -> LoopState:
        """The steps start .. stop - 1 on batches of so many rows."""
        measured, plain = partial(self._step, self.step.measured, rows), self.step.unmeasured
        if plain is None:
            return cast(LoopState, jax.lax.fori_loop(start, stop, measured, state))

        def stretch(at: tuple[Any, LoopState]) -> tuple[Any, LoopState]:
            """A step if it is measured, and those up to the next that is."""
            k, state = at
            after = jnp.where(self.step.next_measured(self.step_count + k) == self.step_count + k, k + 1, k)
            end = jnp.minimum(stop, self.step.next_measured(self.step_count + after) - self.step_count)
            state = jax.lax.fori_loop(k, after, measured, state)
            return end, jax.lax.fori_loop(after, end, partial(self._step, plain, rows), state)

        return jax.lax.while_loop(lambda at: at[0] < stop, stretch, (start, state))[1]

    def _step(self, step: FunctionalStep, rows: int, k: jax.Array, state: LoopState) -> LoopState:
        """Step k of the block."""
        carry, report = state
        a, b, i = jax.lax.dynamic_index_in_dim(self.block.keys, k, keepdims=False)
        row = jax.lax.dynamic_index_in_dim(self.table, k, keepdims=False)
        batch = rows_of_step(self.block, k * self.size, rows)
        carry, numbers, scores = step.step(carry, batch, HashKey(a, b).child(i), self.step_count + k, row)
        line = jnp.stack(numbers)
        if len(numbers) < self.step.width:
            line = jnp.concatenate([line, jnp.full(self.step.width - len(numbers), np.nan, line.dtype)])
        if self.sums is not None:
            rows_of_sums: Any = self.sums.row_values(scores, batch[1])
            line = jnp.concatenate([line, jnp.sum(rows_of_sums, axis=0)])
        kept = report.scores
        if kept is not None:
            kept = jax.lax.dynamic_update_slice_in_dim(kept, scores, k * self.size, 0)
        return carry, BlockReport(jax.lax.dynamic_update_index_in_dim(report.numbers, line, k, 0), kept, report.ends)


def _empty_report(
    step: FunctionalStep, carry: Carry, row: jax.Array, room: Room, sums: StepSums | None, dtype: Any
) -> BlockReport:
    """A report into which steps write."""
    kept = None
    if room.rows:
        scores = jax.eval_shape(partial(evaluate, step.parts.layers), carry.params, row)
        kept = jnp.zeros((room.rows, *scores.shape[1:]), scores.dtype)
    empty = lambda leaf: jnp.zeros((room.ends, *leaf.shape), leaf.dtype)  # noqa: E731
    ends = jax.tree.map(empty, room.of(carry)) if room.ends else None
    width = step.width + (0 if sums is None else sums.width + 1)
    return BlockReport(jnp.zeros((LENGTH, width), dtype), kept, ends)


def rows_of_step(block: DeviceBatch, first: int | jax.Array, size: int) -> Rows:
    """(x, target, weight, mask) of `size` rows from `first` on."""
    if block.rows is None:
        cut = partial(jax.lax.dynamic_slice_in_dim, start_index=first, slice_size=size)
        return cast(Rows, tuple(None if part is None else cut(part) for part in block[:DATA]))
    rows = jax.lax.dynamic_slice_in_dim(block.rows, first, size)
    gathered = [None if part is None else part.at[rows].get(mode="promise_in_bounds") for part in block[:DATA]]
    return cast(Rows, compiled_step.as_it_is(tuple(gathered)))
