"""The compiled engine: many steps a call, in one XLA loop over data that stay on the device.

As in the eager engine a point to return to is kept, and what a session shows is always the state after a whole number
of finite steps; a block that fails or stops being finite is undone and made again up to its last good step.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast, final

try:
    import jax  # before the modules that need it
except ModuleNotFoundError as missing:
    raise ModuleNotFoundError(f'{missing}. Install it: pip install "bpframe[jax]"') from missing
import numpy as np

from bpframe import tree
from bpframe.engine import optimizer_state
from bpframe.engine.jax import compile_cache
from bpframe.engine.jax.blocks import Blocks, Report, told
from bpframe.engine.jax.carry import Rules
from bpframe.engine.jax.compiled_step import Carry, all_finite, duplicate
from bpframe.engine.jax.device import Device
from bpframe.engine.numpy import blas
from bpframe.engine.rollback import Steps
from bpframe.network.backprop import CostLayer
from bpframe.network.network import Network
from bpframe.protocols import Batches, Data, Group, Losses
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
    cache: str | None = None
    stream: bool | None = None
    threads: int | None = None
    compiles = True  # the first block of steps takes longer
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
        compile_cache.keep_in(self.cache)
        device = Device(self.device, self.precision, dtype)
        return JaxSession(network, cost, groups, parameters, device, seed, self.stream)


@dataclass
class _Point:
    """A state to return to, and the steps made since; without a carry it is the present one, and there are none."""

    step: int
    carry: Carry | None
    memory: State
    since: Steps


@final
class JaxSession:
    """Parameters, optimizer state and training data of one run, on a device."""

    _point: _Point
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
        self.step, self._writing, self._stream = 0, False, stream
        self._device, self._network, self._cost, self.device = device, network, cost, str(device)
        self._rules = Rules(network, cost, groups, device.dtype)
        self._blocks = Blocks(network, cost, device, seed)
        self._memory: State = {}  # of a minimizer, on the host
        self._names = list(tree.flatten(parameters))  # XLA's trees are sorted by key
        params = device.cast(parameters, copy=True)
        start = Carry(params, device.cast(self._rules.start(params)))  # on the host, faster in small operations
        with device.scope():
            self._become(duplicate(start))
        self._point = _Point(0, start, self._memory, Steps())

    # ------------------------------------------------------------------------------------------------------ state

    @property
    def parameters(self) -> dict[str, HostArray]:
        """A copy of every parameter and buffer to predict with, by "layer/name"."""
        with self._device.scope():
            found: dict[str, Any] = tree.flatten(self._rules.evaluated(self._carry, self.step))
            return {name: np.array(found[name]) for name in self._names}

    def assign(self, values: Mapping[str, HostArray]) -> None:
        """Replace some parameters, by "layer/name".

        What rules remember starts anew from them before the first step, and where a rule predicts with averages.
        """
        with self._device.scope():
            for name, value in values.items():
                tree.assign(self._carry.params, tuple(name.split("/")), self._device.put(value))
            for k, group in enumerate(self._rules.groups):
                anew = self.step == 0 or self._rules.averaging(self._carry, k)
                if anew and any("/".join(path) in values for path in group.paths):
                    start = self._rules.start(self._carry.params)[k]  # a rule may keep a parameter, in several places
                    self._carry.states[k] = jax.tree.map(jax.numpy.copy, start)  # and the loop uses up each
            self._finite = None  # not known of these
            self._mark()

    def snapshot(self) -> dict[str, HostArray]:
        """Copies of all that a continued run needs; what a minimizer remembers lies on the host."""
        with self._device.scope():
            params, states = tree.transform(self._carry.params, np.array), optimizer_state.gathered(self._carry.states)
        return tree.flatten(
            {"parameters": params, "memory": states, "minimizer": optimizer_state.gathered([[[self._memory]]])}
        )

    def restore(self, arrays: Mapping[str, HostArray], step: int) -> None:
        """The state of a snapshot, made after `step` steps."""
        found = tree.nest(arrays)
        with self._device.scope():
            params = optimizer_state.alike(self._carry.params, found["parameters"])
            states = optimizer_state.restored(self._carry.states, found.get("memory", {}))
            self._become(self._device.put(Carry(params, states)))
            [[[self._memory]]] = optimizer_state.restored([[[{}]]], found.get("minimizer", {}))
            self.step = step
            self._mark()

    def use(self, groups: Sequence[Group]) -> None:
        """Take over groups whose settings may have changed."""
        self._rules = Rules(self._network, self._cost, groups, self._device.dtype)
        self._mark_if_moved()

    def setting(self, name: str, step: int) -> float | None:
        """A setting of the first trained group's rule, or of the rule inside it, in the update that led to `step`."""
        return self._rules.setting(self._carry, name, step)

    # --------------------------------------------------------------------------------------------------- training

    def load(self, data: Data, collect: bool, collected: HostArray | None = None) -> None:
        """Train on these arrays from now on, `collected` of the present epoch's scores made before."""
        size = sum(part.nbytes for part in (data.x, data.target, data.weight) if part is not None)
        stream = not self._device.gathers(size, size // len(data.x)) if self._stream is None else self._stream
        with self._device.scope():
            self._blocks.load(data, collect, collected, resident=not stream)
        self._mark_if_moved()

    def run(self, batches: Batches, start: int, stop: int) -> Losses:
        """Make the steps start .. stop - 1, as many as fit a call; ends with a step whose loss is not finite."""
        began, end = time.perf_counter(), stop
        try:
            with self._device.scope():
                report, stop = self._block(batches, start, self._end(start, stop))
                if stop < end and self._seconds:
                    self._blocks.prepare(batches, stop, self._end(stop, end))
                numbers, finite = told(report, stop - start)
                bad = np.flatnonzero(~np.isfinite(numbers[:, 0]))
                made = int(bad[0]) if len(bad) else stop - start
                self._point.since.add(batches, start, start + made)
                self.step += made
                if len(bad):
                    self._replay(finite=False)
                else:
                    self._finite = finite
                self._blocks.keep(batches, start, report.scores)
                self._writing = False
        except BaseException:
            self._return()
            raise
        if not self._rules.minimizing:
            self._seconds = (time.perf_counter() - began) / (stop - start)
        if self._point.since.old:
            self.commit()
        return Losses(*numbers[: made + 1].T)

    def commit(self) -> bool:
        """Whether all parameters are finite: then, now and then, a point to return to; else back to where they were."""
        with self._device.scope():
            if all_finite(self._carry) if self._finite is None else self._finite:
                if self._point.since.old:
                    self._mark()
                return True
            self._replay(finite=True)
            return False

    def collected(self) -> HostArray:
        """The training scores of the latest epoch, in the order of its rows."""
        return cast(HostArray, self._blocks.collected)

    def scores(self, x: HostArray) -> HostArray:
        """Scores of rows in evaluation mode."""
        with self._device.scope():
            return self._blocks.scores(self._rules.evaluated(self._carry, self.step), x)

    def _end(self, start: int, stop: int) -> int:
        """Where a block that begins at `start` ends, in time."""
        return min(stop, start + (max(1, int(BLOCK_SECONDS / self._seconds)) if self._seconds else 1))

    def _block(self, batches: Batches, start: int, stop: int) -> tuple[Report, int]:
        """(what the steps from `start` on report, the step before which they end)."""
        if self._point.carry is None:  # a copy, since the loop reuses what it is given
            self._point.carry = duplicate(self._carry)
        self._writing = True
        if self._rules.minimizing:
            made = self._blocks.minimize(self._carry, self._memory, self._rules.groups, self.step, batches, start)
            carry, self._memory, report = made
        else:
            carry, report, stop = self._blocks.run(self._carry, self._rules.groups, self.step, batches, start, stop)
        self._become(carry)
        return report, stop

    def _become(self, carry: Carry) -> None:
        """Take over a carry, of whose parameters it is not known whether they are finite."""
        self._carry, self._finite = carry, None

    # ------------------------------------------------------------------------------------------------ going back

    def _mark(self) -> None:
        """Make the present the point to return to."""
        self._writing = False
        self._point = _Point(self.step, None, self._memory, Steps())

    def _mark_if_moved(self) -> None:
        """The same, if it is not: settings or data are others from here on."""
        if self._point.since.ranges:
            self._mark()

    def _return(self) -> None:
        """Undo a block that was cut off."""
        while self._writing:
            try:
                with self._device.scope():
                    self._replay(finite=False)
                return
            except KeyboardInterrupt:  # a second Ctrl-C: the state must be whole before anybody sees it
                continue

    def _replay(self, finite: bool) -> None:
        """From the point on, the steps made since; with `finite`, only up to the last that leaves all finite."""
        point = self._point
        if point.carry is None:
            return
        ranges = point.since.ranges
        self._become(duplicate(point.carry))
        self.step, self._memory = point.step, point.memory
        point.since = Steps(point.since.began)
        for batches, made in ranges:
            start = made.start
            while start < made.stop:
                before = duplicate(self._carry) if finite else None
                _, stop = self._block(batches, start, start + 1 if finite else self._end(start, made.stop))
                if before is not None and not all_finite(self._carry):
                    self._become(before)
                    self._writing = False
                    return
                self.step += stop - start
                point.since.add(batches, start, stop)
                start = stop
        self._writing = False
