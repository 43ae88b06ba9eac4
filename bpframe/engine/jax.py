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
    import jax
    import jax.numpy as jnp
except ModuleNotFoundError as missing:
    raise ModuleNotFoundError(f'{missing}. Install it: pip install "bpframe[jax]"') from missing
import numpy as np

from bpframe import tree
from bpframe.backprop import CostLayer
from bpframe.engine import program
from bpframe.engine.block import Blocks, Report
from bpframe.engine.device import Device
from bpframe.engine.program import Carry, Program
from bpframe.hyper import Settings
from bpframe.network import Network
from bpframe.protocols import Batches, Data, EvaluationParams, Group, Losses
from bpframe.rules import Link, chain, having
from bpframe.types import HostArray, Params, State

BLOCK_SECONDS = 0.2  # how long a call may take
POINT_SECONDS = 0.5  # how old a point to return to may become
ROWS = 2**20  # numbers that one batch of an evaluation may hold in a layer


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

    def session(
        self, network: Network, cost: CostLayer, groups: Sequence[Group], parameters: Params, dtype: str, seed: int
    ) -> JaxSession:
        """A session that starts from these parameters."""
        if self.cache is not None:
            jax.config.update("jax_compilation_cache_dir", self.cache)  # type: ignore[no-untyped-call]  # JAX has none
        device = Device(self.device, self.precision, dtype)
        return JaxSession(network, cost, groups, parameters, device, seed, self.stream)


@dataclass
class _Point:
    """A state to return to, and the steps made since."""

    step: int
    carry: Carry
    memory: State
    since: list[tuple[Batches, int]]
    made: float


@final
class JaxSession:
    """Parameters, optimizer state and training data of one run, on a device."""

    _point: _Point

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
        self.device, self._network, self._cost, self._groups = device, network, cost, list(groups)
        self._settings: Settings | None = None  # of the first trained group's rule
        self._blocks = Blocks(network, cost, device, seed)
        self._writing, self._seconds = False, BLOCK_SECONDS
        self._memory: State = {}  # of a minimizer, on the host
        self._names = list(tree.flatten(parameters))  # XLA's trees are sorted by key
        with device.scope():
            params = tree.transform(parameters, device.put)
            self._carry = _duplicate(Carry(params, self._initial(params)))
            self._mark()

    # ------------------------------------------------------------------------------------------------------ state

    @property
    def parameters(self) -> dict[str, HostArray]:
        """A copy of every parameter and buffer to predict with, by "layer/name"."""
        with self.device.scope():
            found: dict[str, Any] = tree.flatten(self._evaluated())
            return {name: np.array(found[name]) for name in self._names}

    def assign(self, values: Mapping[str, HostArray]) -> None:
        """Replace some parameters, by "layer/name"; a rule that predicts with averages starts anew from them."""
        with self.device.scope():
            for name, value in values.items():
                tree.assign(self._carry.params, tuple(name.split("/")), self.device.put(value))
            for k, group in enumerate(self._groups):
                if self._averaging(k) and any("/".join(path) in values for path in group.paths):
                    self._carry.states[k] = self._initial(self._carry.params)[k]
            self._mark()

    def use(self, groups: Sequence[Group]) -> None:
        """Take over groups whose settings may have changed."""
        self._groups, self._settings = list(groups), None
        with self.device.scope():
            self._mark()

    def setting(self, name: str, step: int) -> float | None:
        """A setting of the first trained group's rule, or of the rule inside it, in the update that led to `step`."""
        k = next((k for k, group in enumerate(self._groups) if group.rule is not None), None)
        if k is None:
            return None
        rule = self._groups[k].rule
        if self._settings is None:
            self._settings = Settings(rule, np.dtype(self.device.dtype).type)
        h = self._settings.at(max(step - 1, 0))
        values = (getattr(link.settings(h), name, None) for link in chain(rule, self._state(k)))
        return next((float(value) for value in values if value is not None), None)

    def _initial(self, params: Params) -> Any:
        row = jnp.zeros(program.width(self._groups), self.device.dtype)  # no rule's start depends on a setting
        return Program(self._network, self._cost, self._groups).initial(params, row)

    def _averaging(self, k: int) -> list[Link]:
        """Those of group k's rules that predict with other parameters."""
        rule = self._groups[k].rule
        return having(rule, self._state(k), EvaluationParams) if rule else []

    def _state(self, k: int) -> State:
        """What group k's rule remembers of its first parameter."""
        states = self._carry.states[k]
        return states[0][-1] if states and states[0] else {}

    def _evaluated(self) -> Params:
        """The parameters to predict with: those of training, unless a rule says otherwise."""
        if self.step == 0 or not any(map(self._averaging, range(len(self._groups)))):
            return cast(Params, self._carry.params)
        params = tree.transform(self._carry.params, lambda leaf: leaf)
        for k, group in enumerate(self._groups):
            for link in self._averaging(k)[:1]:
                h = link.settings(Settings(group.rule, np.dtype(self.device.dtype).type).at(self.step - 1))
                for path, states in zip(group.paths, self._carry.states[k], strict=True):
                    p = tree.at(params, path)
                    tree.assign(params, path, link.rule.evaluation_params(p, link.state(states[-1]), h))
        return params

    # --------------------------------------------------------------------------------------------------- training

    def load(self, data: Data, collect: bool) -> None:
        """Train on these arrays from now on."""
        size = sum(part.nbytes for part in (data.x, data.target, data.weight) if part is not None)
        stream = self.device.shares_memory or not self.device.holds(size) if self._stream is None else self._stream
        self._collect, self._scores = collect, np.empty(0)
        with self.device.scope():
            self._blocks.load(data, collect, resident=not stream)
            self._mark()

    def run(self, batches: Batches, start: int, stop: int) -> Losses:
        """Make the steps start .. stop - 1, as many as fit a call; ends with a step whose loss is not finite."""
        began, end = time.perf_counter(), stop
        try:
            with self.device.scope():
                report, stop = self._block(batches, start, self._end(batches, start, stop))
                if stop < end and not self._minimizing:
                    self._blocks.prepare(batches, stop, self._end(batches, stop, end))
                numbers = np.asarray(report.numbers)[: stop - start].astype(np.float64)
                bad = np.flatnonzero(~np.isfinite(numbers[:, 0]))
                made = int(bad[0]) if len(bad) else stop - start
                self._point.since += [(batches, i) for i in range(start, start + made)]
                self.step += made
                if len(bad):
                    self._replay(finite=False)
                self._keep(batches, start, report.scores)
                self._writing = False
        except BaseException:
            self._return()
            raise
        self._seconds = (time.perf_counter() - began) / (stop - start)
        if self._point.made + POINT_SECONDS < time.perf_counter():
            self.commit()
        return Losses(*numbers[: made + 1].T)

    def _keep(self, batches: Batches, start: int, scores: Any) -> None:
        """Note the scores of a block, for `collected`."""
        if not self._collect:
            return
        if len(self._scores) != batches.length:
            self._scores = np.empty((batches.length, *scores.shape[1:]), scores.dtype)
        first = batches.at(start)[1] * batches.size
        rows = self._scores[first:]
        rows[: len(scores)] = np.asarray(scores)[: len(rows)]

    def commit(self) -> bool:
        """Whether all parameters are finite: then a point to return to; otherwise back to the last finite step."""
        with self.device.scope():
            finite, copy = _finite_copy(self._carry)
            if finite:
                self._mark(copy)
                return True
            self._replay(finite=True)
            return False

    def collected(self) -> HostArray:
        """The training scores of the latest epoch, in the order of its rows."""
        return self._scores

    def scores(self, x: HostArray) -> HostArray:
        """Scores of rows in evaluation mode, a bounded number of rows at a time, the last ones filled up."""
        widest = max(int(np.prod(leaf.shape[1:])) for _, leaf in [((), x), *tree.leaves(self._carry.params)])
        size = min(max(1, ROWS // widest), 1 << (len(x) - 1).bit_length())
        with self.device.scope():
            params, parts = self._evaluated(), []
            for i in range(0, len(x), size):
                rows = np.resize(x[i : i + size], (size, *x.shape[1:]))
                parts.append(np.asarray(self._blocks.scores(params, rows))[: len(x) - i])
        return np.concatenate(parts)

    @property
    def _minimizing(self) -> bool:
        """Whether a rule asks for the objective itself."""
        return any(group.rule is not None and group.rule.scope == "objective" for group in self._groups)

    def _end(self, batches: Batches, start: int, stop: int) -> int:
        """Where a block that begins at `start` ends: in time, and before a batch that is smaller, or behind it."""
        if self._minimizing:
            return start + 1
        stop = min(stop, start + max(1, int(BLOCK_SECONDS / self._seconds)))
        if batches.length % batches.size == 0:
            return stop
        smaller = start - batches.at(start)[1] + batches.steps - 1
        return min(stop, smaller) if start < smaller else start + 1

    def _block(self, batches: Batches, start: int, stop: int) -> tuple[Report, int]:
        """(what the steps from `start` on report, the step before which they end)."""
        self._writing = True
        if self._minimizing:
            made = self._blocks.minimize(self._carry, self._memory, self._groups, self.step, batches, start)
            self._carry, self._memory, report = made
        else:
            self._carry, report, stop = self._blocks.run(self._carry, self._groups, self.step, batches, start, stop)
        return report, stop

    # ------------------------------------------------------------------------------------------------ going back

    def _mark(self, copy: Carry | None = None) -> None:
        """Make the present the point to return to: a copy, since the loop reuses what it is given."""
        self._writing = False
        carry = _duplicate(self._carry) if copy is None else copy
        self._point = _Point(self.step, carry, self._memory, [], time.perf_counter())

    def _return(self) -> None:
        """Undo a block that was cut off."""
        while self._writing:
            try:
                with self.device.scope():
                    self._replay(finite=False)
                return
            except KeyboardInterrupt:  # a second Ctrl-C: the state must be whole before anybody sees it
                continue

    def _replay(self, finite: bool) -> None:
        """From the point on, the steps made since; with `finite`, only up to the last that leaves all finite."""
        steps, point = list(self._point.since), self._point
        self.step, self._carry, self._memory = point.step, _duplicate(point.carry), point.memory
        point.since = []
        for batches, i in steps:
            before = _duplicate(self._carry) if finite else None
            self._block(batches, i, i + 1)
            if before is not None and not _finite_copy(self._carry)[0]:
                self._carry = before
                break
            self.step += 1
            point.since.append((batches, i))
        self._writing = False


@jax.jit
def _duplicate(carry: Carry) -> Carry:
    """The same in arrays of its own."""
    return cast(Carry, jax.tree.map(jnp.copy, carry))


@jax.jit
def _finite_copy(carry: Carry) -> tuple[Any, Carry]:
    """(whether all parameters are finite, a copy)."""
    finite = [jnp.isfinite(leaf).all() for _, leaf in tree.leaves(carry.params)]
    return jnp.stack(finite).all(), cast(Carry, jax.tree.map(jnp.copy, carry))
