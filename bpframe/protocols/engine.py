"""What a training engine offers (`Engine`, `Session`), and the data it is given and gives back."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from typing_extensions import Protocol, runtime_checkable

from bpframe.protocols.components import (
    Augmentation,
    Constraint,
    GradientStep,
    Key,
    Layer,
    Loss,
    Minimizer,
    Optimizer,
    Param,
    Regularizer,
    Schedule,
)
from bpframe.types import Array, HostArray, Params


@dataclass(frozen=True)
class Tie:
    """A parameter, `target`, that is the parameter `source` of a group, or its transpose, by their paths.

    The source alone is trained, with the sum of both gradients.
    """

    target: tuple[str, ...]
    source: tuple[str, ...]
    transposed: bool = False


@dataclass(frozen=True)
class Group:
    """Parameters that share an update rule and its settings; `rule` None: frozen.

    One whose parameters are frozen until the epoch `until` (from 0) is `resting` up to there, as if it had no rule, and
    `h.step` of its components counts from the step that follows `start` steps.

    Groups of one `origin`, an optimizer that a user gave, add up the totals of their rules. The regularizers act on the
    first `penalised` of the paths. The group without paths has what acts on a batch as a whole: regularizers of
    activations, augmentations in their order, and `schedules`, what the scheduled settings of layers and loss follow,
    in their order (`bpframe.network.scheduled_parts`). `measures`, of the first group: what measures the updates of all
    (`Measure`).
    """

    paths: tuple[tuple[str, ...], ...]
    rule: Optimizer | Minimizer | None
    gradient_steps: tuple[GradientStep, ...] = ()
    regularizers: tuple[Regularizer, ...] = ()
    constraints: tuple[Constraint, ...] = ()
    origin: int = 0
    params: tuple[Param, ...] = ()  # what is known of each path
    penalised: int = 0
    augmentations: tuple[Augmentation, ...] = ()
    schedules: tuple[Schedule, ...] = ()
    measures: tuple[Any, ...] = ()
    ties: tuple[Tie, ...] = ()  # whose sources are among the paths
    until: int = 0
    resting: bool = False
    start: int = 0

    @property
    def trains(self) -> bool:
        """Whether an update moves its parameters."""
        return self.rule is not None and not self.resting

    def components(self) -> list[tuple[str, Any]]:
        """(kind, component) of each, in the order in which they act."""
        kinds: list[tuple[str, tuple[Any, ...]]] = [
            ("regularizer", self.regularizers),
            ("gradient_step", self.gradient_steps),
            ("optimizer", (self.rule,) if self.rule else ()),
            ("constraint", self.constraints),
            ("augmentation", self.augmentations),
        ]
        return [(kind, component) for kind, components in kinds for component in components]


@dataclass(frozen=True)
class Batches:
    """The rows of one epoch, or of several of equal length, cut into batches; the last of an epoch may be smaller."""

    epoch: int  # the first, from 0; an epoch's number and the seed fix every draw in it
    order: Callable[[int], HostArray]  # row numbers of an epoch
    size: int
    epochs: int = 1
    length: int = field(init=False)  # rows of an epoch
    steps: int = field(init=False)  # batches of an epoch

    def __post_init__(self) -> None:
        length = len(self.order(self.epoch))
        vars(self).update(length=length, steps=-(-length // self.size))

    def __len__(self) -> int:
        return self.epochs * self.steps

    def at(self, i: int) -> tuple[int, int]:
        """(epoch, number in it) of batch i."""
        epoch, number = divmod(i, self.steps)
        return self.epoch + epoch, number

    def rows(self, i: int) -> HostArray:
        """The row numbers of batch i."""
        epoch, number = self.at(i)
        return self.order(epoch)[number * self.size : (number + 1) * self.size]


@dataclass(frozen=True)
class Data:
    """Training arrays as the engine gets them: checked, encoded, in the dtype of the run; weight None: all 1.

    weight (N,) is that of a row in the loss; sample_weight (N,) the same without class weights, for metrics and for
    statistics. Where scores have positions, (N, *S, C), weights may be theirs, (N, *S). `by_rows`: the mean of `weight`
    is 1, and a batch's sum of weighted losses is divided by its rows; otherwise by the sum of its own weights.
    """

    x: HostArray
    target: HostArray
    weight: HostArray | None = None
    sample_weight: HostArray | None = None
    by_rows: bool = False

    @property
    def mask(self) -> HostArray | None:
        """(N,) whether a row counts: those do whose sample weight is above 0, at any position; None where all do.

        `Context.mask` holds a batch's part of it, and an engine leaves the other rows out of what it measures itself.
        """
        counts = self.counts
        if counts is None or counts.ndim == 1:
            return counts
        rows = cast(HostArray, counts.any(axis=tuple(range(1, counts.ndim))))
        return None if rows.all() else rows

    @property
    def counts(self) -> HostArray | None:
        """The mask of rows (N,), or that of positions (N, *S) where sample weights are theirs; `Context.counts`."""
        counts = None if self.sample_weight is None else self.sample_weight > 0
        return None if counts is None or counts.all() else counts

    def take(self, rows: HostArray | slice) -> Data:
        """The rows of these numbers, or of a slice."""
        weight, sample_weight = (None if w is None else w[rows] for w in (self.weight, self.sample_weight))
        return Data(self.x[rows], self.target[rows], weight, sample_weight, self.by_rows)


@dataclass(frozen=True)
class Losses:
    """What a block of steps reports, a value a step: mean loss, penalty, and the weight of the batch.

    That is what its sum of weighted losses was divided by: its rows, or the sum of their weights (`Data.by_rows`).
    `sums` (steps, K): those that a session was asked for (`SessionSums`). `measures`: by name what groups' `measures`
    sum up, a value a step, NaN where a step was not measured.
    """

    loss: Sequence[float]
    penalty: Sequence[float]
    weight: Sequence[float]
    sums: HostArray | None = None
    measures: Mapping[str, Sequence[float]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.loss)


class Session(Protocol):
    """Parameters and optimizer state on an engine. What it shows is always "after step k", never in between."""

    @property
    def step(self) -> int:
        """Batches trained on so far: as many as updates, unless a gradient step gathers several for one."""

    @property
    def device(self) -> str:
        """Where it computes, as "cpu" or "gpu:0"."""

    @property
    def parameters(self) -> dict[str, HostArray]:
        """A copy of every parameter and buffer, by "layer/name"."""

    def assign(self, values: Mapping[str, HostArray]) -> None:
        """Replace some parameters, by "layer/name".

        Averages and what else stands for them start from the new values; other parameters, and what rules remember of
        gradients, stay as they are. Before the first step all that rules remember starts anew.
        """

    def snapshot(self) -> dict[str, HostArray]:
        """Copies of all that a continued run needs, by name: parameters as they are trained, what rules remember."""

    def restore(self, arrays: Mapping[str, HostArray], step: int) -> None:
        """The state of a snapshot, made after `step` steps by a session of the same network, groups and engine."""

    def use(self, groups: Sequence[Group]) -> None:
        """Take over groups whose settings may have changed; their paths must not."""

    def load(self, data: Data, collect: bool, collected: HostArray | None = None) -> None:
        """Train on these arrays from now on; `collect`: keep each step's training scores for metrics.

        `collected`: the scores of the present epoch's rows so far, where a run goes on in the middle of one.
        """

    def run(self, batches: Batches, start: int, stop: int) -> Losses:
        """Make the steps of batches start .. stop - 1; may return after any whole step, but tries at least one.

        A loss that is not finite is the last one reported. Then, or when parameters are found not to be finite,
        `step` has grown by less than the number of losses: the session went back to the last finite step.
        """

    def commit(self) -> bool:
        """Whether all parameters are finite: then a point to return to; otherwise back to the last finite step."""

    def collected(self) -> HostArray:
        """The training scores of the latest epoch, in the order of its rows, (length, C)."""

    def scores(self, x: HostArray) -> HostArray:
        """Scores of rows in evaluation mode."""

    def setting(self, name: str, step: int) -> float | None:
        """A setting of the first group's rule ("lr") in the update that led to `step`, None where it has none."""


@runtime_checkable
class SessionStatistics(Protocol):
    """A session that makes statistics of rows, and predicts with them, where it computes; else both happen in NumPy."""

    def batch_statistics(self, x: HostArray, key: Key) -> dict[str, HostArray]:
        """The buffers of layers with running statistics, by "layer/name", with those of rows x alone in their place.

        Of the parameters to predict with; rows reach each layer as in a step of training with that key.
        """

    def scores_with(self, x: HostArray, buffers: Mapping[str, HostArray]) -> HostArray:
        """Scores of rows in evaluation mode, with these buffers in the place of those of the same names."""


class StepSums(Protocol):
    """Sums over the rows of a step that a fit needs of its scores (B, C) and its target (B, M)."""

    @property
    def key(self) -> Hashable:
        """What `row_values` depends on besides its arguments: it is compiled once for each."""

    @property
    def width(self) -> int:
        """K, the number of sums."""

    @property
    def exact(self) -> bool:
        """Whether a row may be doubtful, so that a step's scores have to be kept until its sums are known."""

    @property
    def counts(self) -> bool:
        """Whether they count rows, so that sums are the same in any order."""

    def row_values(self, scores: Array, target: Array) -> Array:
        """(B, K + 1) numbers of each row, to be summed; the last is above 0 where a row is doubtful."""

    def on_host(self, scores: HostArray, rows: HostArray) -> HostArray:
        """(n, K) of the rows of these numbers (n,) in the session's data, none of them doubtful any more."""


@runtime_checkable
class SessionSums(Protocol):
    """A session that takes sums over the rows of each step while it makes it, so that it need not keep scores."""

    def sum_rows(self, sums: StepSums | None) -> bool:
        """Take these from the next `load` on, or none; False where it takes none of them.

        `Losses.sums` then has those of each step.
        """


@runtime_checkable
class SessionEnds(Protocol):
    """A session that makes several epochs in one block, and can show how it was at the end of each, and go back there.

    So a hook may look at an epoch, and stop a fit at it, when later ones are made.
    """

    def keep_ends(self, wanted: bool, x: HostArray | None = None, stops: bool = True) -> bool:
        """Keep the ends of epochs of each block from the next `load` on, or no more; False where it keeps none.

        `x`: rows whose scores at each of them are asked for; `stops`: whether a hook may stop the fit at one, so that
        a block should not be long, since what is made behind that end is made in vain.
        """

    def show_end(self, step: int | None) -> bool:
        """Let `parameters` and `scores` be those after `step` steps, until it is None.

        False where no epoch of the latest block ended there.
        """

    def rewind(self, step: int) -> None:
        """Go back to after `step` steps, where an epoch of the latest block ended: later ones were never made."""


class EngineNetwork(Protocol):
    """A network as an engine sees it."""

    @property
    def layers(self) -> Sequence[tuple[str, Layer]]:
        """(label, layer) in the order of the forward pass; a layer's parameters stand under its label."""


class EngineCost(Protocol):
    """A loss with its link as an engine sees it."""

    @property
    def loss(self) -> Loss:
        """The loss itself: it may draw targets (`SampleTarget`) for rules that observe."""

    def mean_and_delta(self, scores: Array, target: Array, share: Array | float) -> tuple[Array, Array]:
        """(sum_i share_i loss_i, its slope in the scores (B, C)); share (B,), or 1 / B for all rows."""


class Engine(Protocol):
    """Runs programs: `numpy` eagerly, others as they like.

    It may have `changeable`: which of its arguments a run that goes on may change (`bpframe.training.checkpoint`), and
    `levels`: which parts of its protocol it keeps (`bpframe.protocols.traits.Levels`).
    """

    def session(
        self,
        network: EngineNetwork,
        cost: EngineCost,
        groups: Sequence[Group],
        parameters: Params,
        dtype: str,
        seed: int,
    ) -> Session:
        """Bring parameters, a tree of NumPy arrays in float64 by label and name, onto the engine."""
