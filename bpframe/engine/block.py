"""Blocks of compiled steps over data that stay on the device.

The bounds of the loop are arguments, so it compiles once for any number of steps and its bits do not depend on how
steps are grouped; a smaller last batch has a program of its own.
Shapes: as in `bpframe.engine.program`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple, cast, final

import jax
import jax.numpy as jnp
import numpy as np

from bpframe import tree
from bpframe.backprop import CostLayer, evaluate
from bpframe.engine import cache, program
from bpframe.engine.device import Device
from bpframe.engine.flat import Flat
from bpframe.engine.minimize import Minimization
from bpframe.engine.program import Carry, Program
from bpframe.engine.update import GroupUpdate, Updates
from bpframe.network import Network
from bpframe.protocols import Batches, Data, Group
from bpframe.random import HashKey, epoch_key
from bpframe.types import Params, State

LENGTH = 1024  # steps of a block at most: the length of the table of settings


class Feed(NamedTuple):
    """What an epoch is trained on: rows, their order, and the words of its key."""

    x: Any
    target: Any
    weight: Any
    order: Any
    words: Any


class Report(NamedTuple):
    """A value a step of the block: mean loss, penalty, weight; and the scores of the epoch's rows, if collected."""

    loss: Any
    penalty: Any
    weight: Any
    scores: Any


@final
class Blocks:
    """Runs blocks of steps of one network on one device; `load` comes first."""

    def __init__(self, network: Network, cost: CostLayer, device: Device, seed: int) -> None:
        self._network, self._cost, self._device, self._seed = network, cost, device, seed

    def load(self, data: Data, collect: bool) -> None:
        """Train on these arrays from now on; they go to the device once."""
        put = self._device.put
        self._data = put(data.x), put(data.target), None if data.weight is None else put(data.weight)
        self._collect, self._epoch = collect, -1
        self._programs: dict[Any, Callable[..., Any]] = {}
        self._constant: tuple[Sequence[Group], Any] | None = None
        self._scores: Any = None

    def run(
        self, carry: Carry, groups: Sequence[Group], made: int, batches: Batches, start: int, stop: int
    ) -> tuple[Carry, Report]:
        """Steps start .. stop - 1 of an epoch in one call, `made` steps made before; `carry` is used up."""
        self._begin(batches)
        size = min(batches.size, len(batches.order) - start * batches.size)
        loop = self._compiled("block", _loop, groups, size, batches.size, donate=(0, 1))
        room, settings = self._room(carry, batches), self._table(groups, made, stop - start)
        carry, report = loop(carry, room, self._feed, settings, made, start, stop)
        self._scores = report.scores
        return carry, report

    def minimize(
        self, carry: Carry, memory: State, groups: Sequence[Group], made: int, batches: Batches, i: int
    ) -> tuple[Carry, State, Report]:
        """Step i of a rule that asks for the objective itself: that is compiled, the rule runs on the host."""
        self._begin(batches)
        size = min(batches.size, len(batches.order) - i * batches.size)
        objective = self._compiled("objective", _objective, groups, size, batches.size)
        row = self._device.put(program.table(groups, made, 1)[0])
        host = tree.transform(carry.params, np.array)
        dtype = np.dtype(self._device.dtype)
        trained = Updates([GroupUpdate(group, Flat(group, host, dtype)) for group in groups]).groups
        trained[0].states = [[memory]] if memory else [[]]
        task, passes = Minimization(trained), []

        def passed() -> tuple[float, Params | None]:
            passes.append(objective(tree.transform(host, self._device.put), self._feed, row, made, i))
            loss, penalty, *_, gradients, _ = passes[-1]
            return float(loss + penalty), tree.transform(gradients, np.asarray) if np.isfinite(loss) else None

        task.step(made, passed)
        loss, penalty, weight, scores, _, buffers = passes[0]
        kept = self._room(carry, batches)
        if kept is not None:
            kept = self._scores = jax.lax.dynamic_update_slice(kept, scores, (i * batches.size, 0))
        report = Report(*(np.array([float(n)]) for n in (loss, penalty + task.penalty, weight)), kept)  # type: ignore[call-arg]  # three and one
        if not np.isfinite(loss):
            return carry, memory, report
        moved = tree.transform(host, self._device.put)
        for path, leaf in tree.leaves(buffers):
            tree.assign(moved, path, leaf)
        return Carry(moved, carry.states), trained[0].states[0][0], report

    def scores(self, params: Params, x: Any) -> Any:
        """Scores of rows in evaluation mode."""
        return self._evaluate(params, self._device.put(x))

    @property
    def _evaluate(self) -> Callable[..., Any]:
        layers = self._network.layers
        return cache.compiled(("scores", layers, self._device.precision), lambda: partial(evaluate, layers))

    def _begin(self, batches: Batches) -> None:
        """The order and the key of an epoch, on the device."""
        if self._epoch != batches.epoch:
            self._epoch, key, put = batches.epoch, epoch_key(self._seed, batches.epoch), self._device.put
            words = put(np.array([key.a, key.b], np.uint32))
            self._feed = Feed(*self._data, put(batches.order.astype(np.int32)), words)
            self._scores = None

    def _room(self, carry: Carry, batches: Batches) -> Any:
        """Where the scores of the epoch go, if they are collected: on where the block before left them."""
        if self._collect and self._scores is None:
            made = jax.eval_shape(self._evaluate, carry.params, self._feed.x[:1])
            self._scores = self._device.put(np.zeros((len(batches.order), *made.shape[1:])))
        return self._scores

    def _table(self, groups: Sequence[Group], made: int, steps: int) -> Any:
        """The settings of a block; where none of them follows a schedule, one table serves all blocks."""
        if self._constant is not None and self._constant[0] is groups:
            return self._constant[1]
        numbers = np.zeros((LENGTH, program.width(groups)))
        moving = program.moving(groups)
        numbers[: steps if moving else LENGTH] = program.table(groups, made, steps if moving else 1)
        table = self._device.put(numbers)
        self._constant = None if moving else (groups, table)
        return table

    def _compiled(
        self, what: str, function: Any, groups: Sequence[Group], size: int, stride: int, donate: Sequence[int] = ()
    ) -> Callable[..., Any]:
        """A program for batches of `size` rows that begin every `stride` rows."""
        own = what, size, id(groups)
        if own not in self._programs:  # the look-up below compares every component
            made = self._network, self._cost, groups
            key = (what, *cache.keys(*made), size, stride, self._device.precision, self._device.dtype, self._collect)
            self._programs[own] = cache.compiled(key, lambda: partial(function, Program(*made), size, stride), donate)
        return self._programs[own]


def _loop(
    step: Program,
    size: int,
    stride: int,
    carry: Carry,
    scores: Any,
    feed: Feed,
    table: Any,
    made: Any,
    lo: Any,
    hi: Any,
) -> tuple[Carry, Report]:
    """Steps lo .. hi - 1 of an epoch, `made` steps made before."""
    key = HashKey(feed.words[0], feed.words[1])

    def body(i: Any, state: tuple[Carry, Report]) -> tuple[Carry, Report]:
        carry, report = state
        k = i - lo
        carry, numbers, scores = step.step(carry, _batch(feed, i * stride, size), key, i, made + k, table[k])
        loss, penalty, weight = (part.at[k].set(number) for part, number in zip(report[:3], numbers, strict=True))
        kept = report.scores
        if kept is not None:
            kept = jax.lax.dynamic_update_slice(kept, scores, (i * stride, 0))
        return carry, Report(loss, penalty, weight, kept)

    empty = jnp.zeros(LENGTH, table.dtype)
    report = Report(empty, empty, empty, scores)
    return cast(tuple[Carry, Report], jax.lax.fori_loop(lo, hi, body, (carry, report)))


def _objective(step: Program, size: int, stride: int, params: Params, feed: Feed, row: Any, made: Any, i: Any) -> Any:
    """The objective of batch i, its gradients, and what `Program.objective` gives besides."""
    key = HashKey(feed.words[0], feed.words[1])
    return step.objective(params, _batch(feed, i * stride, size), key, i, made, row)


def _batch(feed: Feed, start: Any, size: int) -> tuple[Any, Any, Any]:
    """(x, target, weight) of `size` rows of the order from number `start` on."""
    rows = jax.lax.dynamic_slice(feed.order, (start,), (size,))
    return feed.x[rows], feed.target[rows], None if feed.weight is None else feed.weight[rows]
