"""The NumPy engine and its session: the recursion step by step, eagerly.

Parameters live in one flat vector a group. When a step fails half-way, or a number stops being finite, the session
goes back to the last good step (`bpframe.engine.rollback`), so what it shows is always finite and the state after a
whole number of steps.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, cast, final

import numpy as np

from bpframe import checks, tree
from bpframe.data.arrays import all_finite, read_only
from bpframe.engine import optimizer_state
from bpframe.engine.group_update import restart
from bpframe.engine.numpy.host_batches import HostBatches
from bpframe.engine.numpy.host_sums import HostSums
from bpframe.engine.numpy.product_threads import ProductThreads
from bpframe.engine.numpy.read_only_params import ReadOnlyParams
from bpframe.engine.numpy.stepper import Stepper
from bpframe.engine.numpy.thread_table import ThreadTable, current_default
from bpframe.engine.rollback import Rollback
from bpframe.engine.rule_queries import current_setting, evaluation_params
from bpframe.engine.update_measures import losses
from bpframe.network.backprop import CostLayer, evaluate
from bpframe.network.chunks import in_chunks
from bpframe.network.gradients import LossAndGradients
from bpframe.network.network import Network
from bpframe.network.ties import joined
from bpframe.ops import malloc, thread_team
from bpframe.protocols import Batches, Data, Group, Key, Losses, StepSums
from bpframe.protocols.traits import LEVELS
from bpframe.random import StepKey
from bpframe.types import HostArray, Params, State

if TYPE_CHECKING:
    from bpframe.engine.numpy.end_copies import EndCopies

MOST_ENDS = 64  # of epochs that a block passes before they are looked at
BLOCK_SECONDS = 0.2  # how long a block of steps may take before control goes back


@final
@dataclass(frozen=True)
class NumpyEngine:
    """Runs on NumPy arrays, in float32 or float64; on at most `threads` threads, if that is given.

    Which threads compute products, one, BLAS's own or those of a team, `product_threads` says.
    `scripts`: record the NumPy calls of a step once and replay them as a generated program (`tracing`), where all its
    components are pure: bpframe's own, and those whose class says `pure = True`. The bits are the same.
    `team_from`, `pool_from`: multiplications of a product from which a team computes it, or BLAS's own threads where no
    team can; left out, 2^24 and 2^26. `bpframe tune` measures what is best on a machine. Bits depend on them.
    """

    threads: int | None = None
    scripts: bool = True
    team_from: int | None = None
    pool_from: int | None = None
    levels = tuple(LEVELS)
    changeable = (("threads", "threads"), ("scripts", None))  # in a run that goes on (`bpframe.training.checkpoint`)

    def __post_init__(self) -> None:
        given = {name: getattr(self, name) for name in ThreadTable._fields}
        for name, value in given.items():
            if value is not None:
                checks.whole("The engine numpy", thread_team.LEAST, **{name: value})
        if (table := current_default()) is not None and not any(given.values()):
            vars(self).update(table._asdict())

    def session(
        self, network: Network, cost: CostLayer, groups: Sequence[Group], parameters: Params, dtype: str, seed: int
    ) -> NumpySession:
        """A session that starts from these parameters; ConfigError where threads cannot be bounded."""
        malloc.raise_thresholds()
        threads = ProductThreads.of(network, parameters, self.threads, (self.team_from, self.pool_from))
        return NumpySession(network, cost, groups, parameters, dtype, seed, threads, self.scripts)


def _private_copy(parameters: Params, groups: Sequence[Group], dtype: str) -> Params:
    """A tree of one's own; leaves of groups are shared until the groups copy them."""
    params, copied = tree.transform(parameters, lambda leaf: leaf), {path for group in groups for path in group.paths}
    for path, leaf in tree.leaves(parameters):
        if path not in copied:
            tree.assign(params, path, np.array(leaf, dtype=dtype))
    return params


class HostState(NamedTuple):
    """A copy of what steps change: the vector and the states of each group, and the tree with its buffers."""

    vectors: list[HostArray]
    states: list[Callable[[], list[list[State]]]]
    params: Params


@final
class NumpySession:
    """Parameters, optimizer state and training data of one run."""

    device = "cpu"

    def __init__(
        self,
        network: Network,
        cost: CostLayer,
        groups: Sequence[Group],
        parameters: Params,
        dtype: str,
        seed: int,
        threads: ProductThreads,
        scripts: bool,
    ) -> None:
        self.step, self._threads, self._rows = 0, threads, 1
        self._network, self._key = network, StepKey(seed)
        self._params = _private_copy(parameters, groups, dtype)
        self._rollback = Rollback()
        self._stepper = Stepper(
            network, cost, self._params, groups, np.dtype(dtype), self._key, self._rollback, scripts
        )
        self._groups, self._flats = self._stepper.groups, self._stepper.flats
        self._losses: list[tuple[float, ...]] = []  # of the latest block
        self._sums: HostSums | None = None
        self._ends: EndCopies | None = None  # where several epochs are made before they are looked at
        self._initial = True  # whether optimizer state is that before the first step
        self._shown = ReadOnlyParams()

    # ------------------------------------------------------------------------------------------------------ state

    @property
    def parameters(self) -> dict[str, HostArray]:
        """A copy of every parameter and buffer to predict with, by "layer/name"."""
        return {name: np.array(leaf) for name, leaf in tree.flatten(self._predicting).items()}

    @property
    def _predicting(self) -> Params:
        """The parameters to predict with: the present ones, or those of the end that is shown."""
        if self._ends is not None and self._ends.shown is not None:
            return self._ends.shown
        return evaluation_params(self._groups, self._params, self.step)

    def assign(self, values: Mapping[str, HostArray]) -> None:
        """Replace some parameters, by "layer/name", and let averages of them start from the new values."""
        paths = joined({tuple(name.split("/")): value for name, value in values.items()}, self._stepper.configured)
        for path, value in paths.items():
            tree.at(self._params, path)[...] = value
        restart(self._groups, paths.keys(), first=self.step == 0)
        self._rollback.mark()

    def snapshot(self) -> dict[str, HostArray]:
        """Copies of all that a continued run needs: "parameters/layer/name", "memory/group/piece/component/name"."""
        states = optimizer_state.to_tree([group.states for group in self._groups])
        return tree.flatten({"parameters": tree.transform(self._params, np.array), "memory": states})

    def restore(self, arrays: Mapping[str, HostArray], step: int) -> None:
        """The state of a snapshot, made after `step` steps."""
        saved = tree.nest(arrays)
        for path, leaf in tree.leaves(saved["parameters"]):
            if "buffers" in path:
                tree.assign(self._params, path, optimizer_state.as_in(tree.at(self._params, path), leaf))
            else:
                tree.at(self._params, path)[...] = leaf
        states = optimizer_state.from_tree([group.states for group in self._groups], saved.get("memory", {}))
        for group, own in zip(self._groups, states, strict=True):
            group.states = own
        self._stepper.forget()
        self._shown = ReadOnlyParams()
        self.step, self._initial = step, False
        self._rollback.mark()

    def use(self, groups: Sequence[Group]) -> None:
        """Take over groups whose settings may have changed."""
        self._stepper.use(groups, self.step)
        self._rollback.mark()

    def setting(self, name: str, step: int) -> float | None:
        """A setting of the first trained group's rule, or of the rule inside it, in the update that led to `step`."""
        return current_setting(self._groups, name, step)

    # --------------------------------------------------------------------------------------------------- training

    def load(self, data: Data, collect: bool, collected: HostArray | None = None) -> None:
        """Train on these arrays from now on, `collected` of the present epoch's scores made before."""
        summed = self._sums is not None
        self._batches = HostBatches(data, collect or summed, collected, by_columns=summed and not collect)
        self._stepper.forget()
        self._rollback.mark()

    def sum_rows(self, sums: StepSums | None) -> bool:
        """Take these of each step from the next `load` on; False for others than counts, whose bits depend on order."""
        self._sums = HostSums(sums) if sums is not None and sums.counts else None
        return (sums is None) is (self._sums is None)

    def keep_ends(self, wanted: bool, x: HostArray | None = None, stops: bool = True) -> bool:
        """Keep the ends of epochs of small networks, where no hook stops the fit: going back costs what that saves."""
        self._ends = None
        if wanted and not stops:
            from bpframe.engine.numpy.end_copies import EndCopies, are_small  # by who validates

            self._ends = EndCopies() if are_small(self._params) else None
        return self._ends is not None

    def show_end(self, step: int | None) -> bool:
        """Show the parameters after `step` steps, where an epoch of the latest block ended, until it is None."""
        return self._ends is not None and self._ends.show(step)

    def rewind(self, step: int) -> None:
        """Go back to after `step` steps, where an epoch of the latest block ended."""
        self.show_end(None)
        if self._ends is not None and self._ends.point is not None and step != self.step:
            self._rollback.rewind(self, self._ends.point, step)

    def run(self, batches: Batches, start: int, stop: int) -> Losses:
        """Make the steps start .. stop - 1, for at most a block's time; ends after a loss that is not finite."""
        values = self._losses = list[tuple[float, ...]]()
        stepper, end = self._stepper, time.perf_counter() + BLOCK_SECONDS
        self._rows = min(batches.size, batches.length)
        if self._sums is not None:
            self._sums.begin(self._batches, batches, start)
        try:
            with self.computing():
                stop = self._begin_block(batches, start, stop)
                for i in range(start, stop):
                    self._begin(batches, i)
                    loss = self._finish(batches, i, stepper.train(stepper, stepper.updates, self.step))
                    if not math.isfinite(loss) or time.perf_counter() > end:
                        break
        except BaseException:
            self._rollback.roll_back(self)
            raise
        if not math.isfinite(values[-1][0]) or self._rollback.old:
            self.commit()
        return self.block_losses

    @property
    def block_losses(self) -> Losses:
        """Losses of the latest block, those of whole steps before an exception too."""
        return losses(np.array(self._losses), self._stepper.measure_names, self._block_sums)

    @property
    def _block_sums(self) -> HostArray | None:
        if self._sums is None:
            return None
        steps = len(self._losses)
        finite = bool(steps) and math.isfinite(self._losses[-1][0])  # of another loss no scores are kept
        return self._sums.of_steps(steps, steps if finite else max(0, steps - 1))

    def commit(self) -> bool:
        """Whether all parameters are finite: then, now and then, a point to return to; else back to where they were."""
        return self._rollback.commit(self)

    def collected(self) -> HostArray:
        """The training scores of the latest epoch, in the order of its rows."""
        return self._batches.collected()

    def scores(self, x: HostArray) -> HostArray:
        """Scores of rows in evaluation mode, a bounded number of rows at a time."""
        return self.scores_with(x, {})

    def scores_with(self, x: HostArray, buffers: Mapping[str, HostArray]) -> HostArray:
        """The same with other buffers in the place of those of these names."""
        size = self._shown.chunk_rows(x.shape[1:], self._params)
        with np.errstate(all="ignore"), self._threads.chunks(len(x), size):
            params = self._shown.of(self._predicting)
            if buffers:
                params = tree.transform(params, lambda leaf: leaf)
                for name, value in buffers.items():
                    tree.assign(params, tuple(name.split("/")), value)
            self._stepper.show(self.step)
            layers = self._stepper.parts.layers
            return in_chunks(lambda rows: evaluate(layers, params, rows), read_only(x), size)

    def batch_statistics(self, x: HostArray, key: Key) -> dict[str, HostArray]:
        """The buffers of layers with running statistics, by "layer/name", with those of rows x alone in their place."""
        with self.computing(len(x)):
            params = self._shown.of(self._predicting)
            self._stepper.show(self.step)
            return cast(dict[str, HostArray], self._stepper.recursion.batch_statistics(params, x, key))

    def _begin_block(self, batches: Batches, start: int, stop: int) -> int:
        """Have a point to return to; the step before which the block ends."""
        point = self._rollback.point(self)
        if self._ends is None:
            return stop
        self._ends.begin(point)
        return min(stop, start - batches.at(start)[1] + MOST_ENDS * batches.steps)

    def _begin(self, batches: Batches, i: int) -> None:
        """Get ready for the step on batch i."""
        self._key.place = batches.at(i)
        self._stepper.begin(self._batches.batch(batches.rows(i)), self.step)

    def _finish(self, batches: Batches, i: int, result: LossAndGradients) -> float:
        """Keep mean loss, penalty and weight of the step on batch i, log the step; its loss.

        A loss that is not finite updated nothing. What is logged has its losses, whatever cuts the block short.
        """
        loss, weight = float(result.loss), self._stepper.batch.weight
        if result.gradients is None:
            self._losses.append((loss, 0.0, weight, *[math.nan] * len(self._stepper.measure_names)))
            self._rollback.writing = False
            return loss
        number = self._key.place[1]
        self._batches.keep(batches, number, result.scores)
        if self._sums is not None and number + 1 == batches.steps:
            self._sums.take(i + 1)
        penalty = float(result.penalty) + float(result.weight_penalty)
        self._losses.append((loss, penalty, weight, *map(float, result.measures)))
        self._rollback.log(self, batches, i, i + 1)
        self._rollback.writing = False
        if self._ends is not None and number + 1 == batches.steps:
            self._ends.keep(self.step, self._predicting)
        return loss

    # ------------------------------------------------------------------------------------------------ going back

    @contextmanager
    def computing(self, rows: int | None = None) -> Iterator[None]:
        """A block without warnings of NumPy's about numbers, on the threads for so many rows; None: for steps."""
        with np.errstate(all="ignore"), self._threads.block(self._rows if rows is None else rows):
            yield

    def copy_state(self) -> HostState:
        """A copy of all that steps change."""
        vectors = [flat.p.copy() for flat in self._flats]
        states = [group.copied_states(self._initial) for group in self._groups]
        self._initial = False
        return HostState(vectors, states, tree.transform(self._params, lambda leaf: leaf))

    def restore_state(self, state: HostState) -> None:
        """Put that in the place of what is there."""
        self._params.update(tree.transform(state.params, lambda leaf: leaf))
        for flat, group, vector, states in zip(self._flats, self._groups, state.vectors, state.states, strict=True):
            flat.p[...] = vector
            group.states = states()

    def repeat(self, batches: Batches, start: int, stop: int) -> int:
        """Make one step again."""
        stepper = self._stepper
        self._begin(batches, start)
        result = stepper.train(stepper, stepper.updates, self.step)
        self._batches.keep(batches, self._key.place[1], result.scores)
        return start + 1

    def all_finite(self) -> bool:
        """Whether all parameters are finite."""
        with self._threads.block(
            self._rows
        ):  # a look that woke BLAS's threads would leave them waiting while the next steps are made
            return all(all_finite(flat.p) for flat in self._flats)
