"""The JAX engine and its session: many steps a call, in one XLA loop over data that stay on the device.

What a session shows is always finite and the state after a whole number of steps: a block that fails or stops being
finite is undone and made again up to its last good step (`bpframe.engine.rollback`).
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, NamedTuple, cast, final

from bpframe.random import global_generator_kept

try:
    with global_generator_kept():
        import jax  # before the modules that need it
except ModuleNotFoundError as missing:
    raise ModuleNotFoundError(f'{missing}. Install it: pip install "bpframe[jax]"') from missing
import numpy as np

from bpframe import tree
from bpframe.engine import optimizer_state
from bpframe.engine.functional_step import Carry
from bpframe.engine.group_update import GroupUpdate, refuse_other_groups, restart
from bpframe.engine.hyperparameters import Settings
from bpframe.engine.jax import compile_cache
from bpframe.engine.jax.block_loop import BlockReport
from bpframe.engine.jax.blocks import Blocks
from bpframe.engine.jax.compiled_step import duplicate, is_finite, is_finite_on_host
from bpframe.engine.jax.device import Device
from bpframe.engine.jax.epoch_ends import EpochEnds
from bpframe.engine.numpy import blas
from bpframe.engine.rollback import Rollback, RollbackPoint, StepLog
from bpframe.engine.rule_queries import current_setting, evaluation_params
from bpframe.engine.setting_values import schedules_of, values_after
from bpframe.engine.tree_store import TreeStore
from bpframe.engine.update import minimizing
from bpframe.engine.update_measures import LOSSES, all_names, losses
from bpframe.network.backprop import CostLayer
from bpframe.network.network import Network
from bpframe.network.ties import joined
from bpframe.protocols import Batches, Data, Group, Key, Losses, Minimizer, StepSums
from bpframe.protocols.traits import LEVELS
from bpframe.types import HostArray, Params, State

BLOCK_SECONDS = 0.5  # how long a call may take: each costs a large network 1 to 2 ms besides its steps


@final
@dataclass(frozen=True)
class JaxEngine:
    """Compiles whole steps by XLA, for CPU, GPU or TPU, in float32 or float64.

    `device`: a platform ("cpu", "gpu", "tpu"), with a number for one of several ("gpu:1"); left out, JAX's default.
    `precision` of matrix products in float32 where the device has faster ones. `cache`: a folder in which compiled
    programs outlive the process.
    """

    device: str | None = None
    precision: Literal["highest", "tf32", "bf16"] = "highest"
    cache: str | os.PathLike[str] | None = None
    stream: bool | None = None
    threads: int | None = None
    compiles = True  # the first block of steps takes longer
    levels = tuple(LEVELS)
    changeable = (
        ("threads", "cpus"),
        ("cache", None),
        ("stream", None),
    )  # in a run that goes on (`bpframe.training.checkpoint`)

    def session(
        self, network: Network, cost: CostLayer, groups: Sequence[Group], parameters: Params, dtype: str, seed: int
    ) -> JaxSession:
        """A session that starts from these parameters; ConfigError where there is no such device."""
        blas.start_jax(self.threads)
        compile_cache.keep_in(None if self.cache is None else os.fspath(self.cache))
        device = Device(self.device, self.precision, dtype)
        return JaxSession(network, cost, groups, parameters, device, seed, self.stream)


class DeviceState(NamedTuple):
    """A copy of what steps change: the carry of the compiled loop, and the state of a minimizer."""

    carry: Carry
    minimizer: State


@final
class JaxSession:
    """Parameters, optimizer state and training data of one run, on a device."""

    _carry: Carry
    _finite: bool | None  # whether all parameters are, where that is known
    _seconds: float | None = None  # of a step in the latest block; unknown of a minimizer's, which come one by one

    def __init__(
        self,
        network: Network,
        cost: CostLayer,
        groups: Sequence[Group],
        parameters: Params,
        device: Device,
        seed: int,
        stream: bool | None,
    ) -> None:
        self.step, self._stream = 0, stream
        self._device, self.device, self._groups = device, str(device), groups
        self._blocks = Blocks(network, cost, device, seed)
        self._minimizer: State = {}  # its state, on the host
        self._ends = EpochEnds()
        self._measured = all_names(groups)
        self._losses = losses(np.empty((0, LOSSES + len(self._measured))), self._measured)  # of the latest block
        self._names = list(tree.flatten(parameters))  # XLA's trees are sorted by key
        params = device.cast(parameters, copy=True)
        settings = partial(Settings, cast=np.dtype(device.dtype).type)
        self._stores = [TreeStore(group, params, settings) for group in groups]
        self._updates = [GroupUpdate(group, store) for group, store in zip(groups, self._stores, strict=True)]
        with device.scope():  # states are made on the host, which is faster in small operations
            start = device.put(Carry(params, [update.states for update in self._updates]))
            self._replace(duplicate(start))
        self._rollback = Rollback(RollbackPoint(0, DeviceState(start, self._minimizer), StepLog()))

    # ------------------------------------------------------------------------------------------------------ state

    @property
    def parameters(self) -> dict[str, HostArray]:
        """A copy of every parameter and buffer to predict with, by "layer/name"."""
        with self._device.scope():
            leaves: dict[str, Any] = tree.flatten(self._predicting)
            return {name: np.array(leaves[name]) for name in self._names}

    def assign(self, values: Mapping[str, HostArray]) -> None:
        """Replace some parameters, by "layer/name", and let averages of them start from the new values."""
        paths = joined({tuple(name.split("/")): value for name, value in values.items()}, self._groups)
        with self._device.scope():
            for path, value in paths.items():
                own = self._device.cast(value, copy=True)  # JAX may use an array in place
                tree.assign(self._carry.params, path, self._device.put(own))
            restart(self._updates, paths.keys(), first=self.step == 0)
            for k, update in enumerate(self._updates):
                # A rule may keep a parameter, in several places, and the loop uses up each.
                update.states = self._carry.states[k] = jax.tree.map(jax.numpy.copy, update.states)
            self._finite = None  # not known of these
            self._rollback.mark()

    def snapshot(self) -> dict[str, HostArray]:
        """Copies of all that a continued run needs; the state of a minimizer lies on the host."""
        with self._device.scope():
            params, states = tree.transform(self._carry.params, np.array), optimizer_state.to_tree(self._carry.states)
        return tree.flatten(
            {"parameters": params, "memory": states, "minimizer": optimizer_state.to_tree([[[self._minimizer]]])}
        )

    def restore(self, arrays: Mapping[str, HostArray], step: int) -> None:
        """The state of a snapshot, made after `step` steps."""
        saved = tree.nest(arrays)
        with self._device.scope():
            params = optimizer_state.as_in(self._carry.params, saved["parameters"])
            states = optimizer_state.from_tree(self._carry.states, saved.get("memory", {}))
            self._replace(self._device.put(Carry(params, states)))
            memory = saved.get("minimizer", {})
            start = self._initial_minimizer() if memory else {}
            [[[self._minimizer]]] = optimizer_state.from_tree([[[start]]], memory)
            self.step = step
            self._rollback.mark()

    def _initial_minimizer(self) -> State:
        """The state in which a minimizer begins; ValueError where there is none."""
        trained = [group for group in self._groups if group.rule is not None]
        if not minimizing(self._updates):
            raise ValueError("the state of a minimizer is of no use to an optimizer that is none")
        leaves = [np.ravel(tree.at(self._carry.params, path)) for group in trained for path in group.paths]
        return cast(Minimizer, trained[0].rule).init(np.concatenate(leaves, dtype=np.float64))

    def use(self, groups: Sequence[Group]) -> None:
        """Take over groups whose settings may have changed."""
        refuse_other_groups(self._updates, groups)
        self._groups, self._measured = groups, all_names(groups)
        self._losses = losses(np.empty((0, LOSSES + len(self._measured))), self._measured)
        for update, group in zip(self._updates, groups, strict=True):
            update.use(group)
        self._mark_if_moved()

    def setting(self, name: str, step: int) -> float | None:
        """A setting of the first trained group's rule, or of the rule inside it, in the update that led to `step`."""
        return current_setting(self._updates, name, step)

    # --------------------------------------------------------------------------------------------------- training

    def load(self, data: Data, collect: bool, collected: HostArray | None = None) -> None:
        """Train on these arrays from now on, `collected` of the present epoch's scores made before."""
        size = sum(part.nbytes for part in (data.x, data.target, data.weight) if part is not None)
        stream = not self._device.gathers(size, size // len(data.x)) if self._stream is None else self._stream
        with self._device.scope():
            self._blocks.load(data, collect, collected, not stream, self._carry.params)
        self._mark_if_moved()

    def sum_rows(self, sums: StepSums | None) -> bool:
        """Take these sums of each step from the next `load` on; False for a minimizer, whose steps run on the host."""
        self._blocks.sums = None if minimizing(self._updates) else sums
        return self._blocks.sums is sums

    def keep_ends(self, wanted: bool, x: HostArray | None = None, stops: bool = True) -> bool:
        """Keep the ends of epochs from the next `load` on, unless that takes much memory, or averages are not kept."""
        leaves = scores = None
        if wanted and not minimizing(self._updates):
            with self._device.scope():
                leaves = self._predicting_leaves()
                if leaves is not None and x is not None and not schedules_of(self._groups):
                    scores = self._blocks.end_scores(x, self._carry.params)
        self._ends = EpochEnds(None if leaves is None else self._carry.params, x, scores, stops)
        self._blocks.ends = self._ends.room, leaves or ()
        return self._ends.room > 0

    def show_end(self, step: int | None) -> bool:
        """Show the parameters after `step` steps, where an epoch of the latest block ended, until it is None."""
        return self._ends.show(step)

    def rewind(self, step: int) -> None:
        """Go back to after `step` steps, where an epoch of the latest block ended."""
        self._ends.show(None)
        if self._ends.point is not None and step != self.step:
            with self._device.scope():
                self._rollback.rewind(self, self._ends.point, step)

    def run(self, batches: Batches, start: int, stop: int) -> Losses:
        """Make the steps start .. stop - 1, as many as fit a call; ends with a step whose loss is not finite."""
        before, end = time.perf_counter(), stop
        try:
            with self._device.scope():
                if self._ends.room and self._finite:
                    self._rollback.mark()  # so that little is made again where a hook stops the fit
                point = self._rollback.point(self)  # a copy, since the loop reuses what it is given
                report, stop = self._block(batches, start, self._block_end(batches, start, stop))
                if stop < end and self._seconds:
                    self._blocks.prepare(batches, stop, self._block_end(batches, stop, end))
                values = report.values(stop - start)
                bad = np.flatnonzero(~np.isfinite(values[:, 0]))
                count = int(bad[0]) if len(bad) else stop - start
                values = values[: count + 1]
                sums = self._blocks.row_sums(batches, start, report, values)
                self._losses = losses(values[:, : LOSSES + len(self._measured)], self._measured, sums)
                self._blocks.keep(batches, start, report.scores)
                self._rollback.log(self, batches, start, start + count)
                self._ends.take(report.ends, batches, range(start, start + count), self.step, point)
                if len(bad):
                    self._rollback.replay(self, point.log)
                self._rollback.writing = False
        except BaseException:
            self._rollback.roll_back(self)
            raise
        if not minimizing(self._updates):
            self._seconds = (time.perf_counter() - before) / (stop - start)
        if self._rollback.old:
            self.commit()
        return self.block_losses

    @property
    def block_losses(self) -> Losses:
        """Losses of the latest block, those of whole steps before an exception too."""
        return self._losses

    def commit(self) -> bool:
        """Whether all parameters are finite: then, now and then, a point to return to; else back to where they were."""
        with self._device.scope():
            return self._rollback.commit(self)

    def collected(self) -> HostArray:
        """The training scores of the latest epoch, in the order of its rows."""
        return cast(HostArray, self._blocks.collected)

    def scores(self, x: HostArray) -> HostArray:
        """Scores of rows in evaluation mode."""
        return self.scores_with(x, {})

    def scores_with(self, x: HostArray, buffers: Mapping[str, HostArray]) -> HostArray:
        """The same with other buffers in the place of those of these names."""
        with self._device.scope():
            if not buffers and (scores := self._ends.scores(x)) is not None:
                return scores
            return self._blocks.scores(self._shown(buffers), x, self._settings)

    def batch_statistics(self, x: HostArray, key: Key) -> dict[str, HostArray]:
        """The buffers of layers with running statistics, by "layer/name", with those of rows x alone in their place."""
        with self._device.scope():
            return self._blocks.batch_statistics(self._shown({}), self._groups, x, key, self._settings)

    @property
    def _settings(self) -> list[float]:
        """The scheduled settings of layers with which the network predicts."""
        step = self._ends.step
        return values_after(schedules_of(self._groups), self.step if step is None else step)

    @property
    def _predicting(self) -> Params:
        """The parameters to predict with: the present ones, or those of the end that is shown, on the host."""
        if self._ends.step is not None:
            return self._ends.params
        return evaluation_params(self._updates, self._carry.params, self.step)

    def _predicting_leaves(self) -> tuple[int, ...] | None:
        """Which leaves of the carry are the parameters to predict with; None where they are made of others."""
        if not any(update.evaluators for update in self._updates):
            return tuple(range(len(jax.tree.leaves(self._carry.params))))  # the first ones
        if any(group.until for group in self._groups):  # one that rests predicts with what it trains
            return None
        return self._blocks.predicting_leaves(self._carry, self._groups)

    def _shown(self, buffers: Mapping[str, HostArray]) -> Params:
        """The parameters to predict with, with these buffers."""
        params = self._predicting if self._ends.step is None else self._device.put(self._predicting)
        if buffers:
            params = tree.transform(params, lambda leaf: leaf)
        for name, value in buffers.items():
            tree.assign(params, tuple(name.split("/")), self._device.put(value))
        return params

    def _end(self, start: int, stop: int) -> int:
        """Where a block that begins at `start` ends, in time."""
        return min(stop, start + (max(1, int(BLOCK_SECONDS / self._seconds)) if self._seconds else 1))

    def _block_end(self, batches: Batches, start: int, stop: int) -> int:
        """The same, where ends of epochs are kept, too."""
        return self._ends.limit(batches, start, self._end(start, stop), self._seconds)

    def _block(self, batches: Batches, start: int, stop: int) -> tuple[BlockReport, int]:
        """(what the steps from `start` on report, the step before which they end)."""
        self._rollback.writing = True
        if minimizing(self._updates):
            carry, self._minimizer, report = self._blocks.minimize(
                self._carry, self._minimizer, self._groups, self.step, batches, start
            )
        else:
            carry, report, stop = self._blocks.run(self._carry, self._groups, self.step, batches, start, stop)
        self._replace(carry)
        return report, stop

    def _replace(self, carry: Carry) -> None:
        """Go on with a carry, of whose parameters it is not known whether they are finite."""
        self._carry, self._finite = carry, None
        for update, store, states in zip(self._updates, self._stores, carry.states, strict=True):
            update.states, store.params = states, carry.params

    # ------------------------------------------------------------------------------------------------ going back

    def _mark_if_moved(self) -> None:
        """A new point to return to, if steps were made: settings or data are others from here on."""
        if self._rollback.moved:
            self._rollback.mark()

    def computing(self) -> AbstractContextManager[None]:
        """A block in which device and types are those of this session."""
        return self._device.scope()

    def copy_state(self) -> DeviceState:
        """A copy of all that steps change."""
        return DeviceState(duplicate(self._carry), self._minimizer)

    def restore_state(self, state: DeviceState) -> None:
        """Put that in the place of what is there."""
        self._replace(duplicate(state.carry))
        self._minimizer = state.minimizer

    def repeat(self, batches: Batches, start: int, stop: int) -> int:
        """Make a block of steps again."""
        return self._block(batches, start, self._end(start, stop))[1]

    def all_finite(self) -> bool:
        """Whether all parameters are finite; where the host reads them, it needs no program that looks."""
        if self._finite is None:
            leaves = [leaf for _, leaf in tree.leaves(self._carry.params)]
            look = is_finite_on_host if self._device.shares_memory else is_finite
            self._finite = bool(look(leaves))
        return self._finite
