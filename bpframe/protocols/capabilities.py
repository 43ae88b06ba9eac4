"""Capabilities: optional protocols of one method each, for what some components of a kind can do."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, BinaryIO

from typing_extensions import Protocol, runtime_checkable  # isinstance is faster with these

from bpframe.protocols.components import Context, Key, Loss, Optimizer, Param, Schedule
from bpframe.types import Array, Cache, HostArray, Hyper, Params, State

if TYPE_CHECKING:
    from pathlib import Path


@runtime_checkable
class Refresh(Protocol):
    """A layer whose buffers follow the data (running statistics).

    Where a rule averages, predictions go with statistics of the averaged parameters: to them goes b of each buffer
    that is a running mean, b <- m b + (1 - m) s; others stay.
    """

    def refresh(self, params: Params, cache: Cache) -> Params:
        """The same parameters with new "buffers", from the cache of a committed training step."""


@runtime_checkable
class Statistics(Protocol):
    """A layer that can tell the statistics of one batch, which it uses in training, from those that it keeps."""

    def statistics(self, params: Params, cache: Cache) -> Params:
        """The same parameters with the "buffers" with which evaluation gives for a batch what training gave for it."""


@runtime_checkable
class Auxiliary(Protocol):
    """A layer that adds a loss of its own to the objective: the balance of experts, a divergence, sparsity.

    It joins the penalty, as it is: means over rows that count (`Context.mask`), and its strength, are the layer's.
    `backward` is linear in `dy` all the same: what this loss sends back is told here.
    """

    def auxiliary(self, params: Params, cache: Cache, context: Context) -> tuple[Array, Array | None, Params]:
        """(0-d value, its slope in x or None for 0, those in parameters; such as are left out are 0).

        From the cache of a training step, with its context.
        """


@runtime_checkable
class Fit(Protocol):
    """A layer whose buffers are learned from the training inputs before the first step."""

    def fit(self, params: Params, x: HostArray) -> Params:
        """New parameters, from all training rows as they reach this layer, (N, *in_shape).

        Rows of sample weight 0 are not among them.
        """


@runtime_checkable
class WeightedFit(Protocol):
    """A layer with `fit` whose buffers depend on the sample weights of the training rows."""

    def weighted_fit(self, params: Params, x: HostArray, weight: HostArray) -> Params:
        """What `fit` gives where row i of x (N, *in_shape) stands weight_i times; all of weight (N,) are above 0.

        Asked instead of `fit` where rows have weights that differ. Class weights are none: they act on the loss alone.
        """


@runtime_checkable
class BlockFit(Protocol):
    """A layer with `fit` that can learn its buffers from blocks of rows, which need not be in memory together.

    What is known of rows is a tree of arrays whose size does not depend on their number. `merge` is associative and
    commutative, so that buffers do not depend on how rows are cut, both up to rounding.
    """

    def fit_block(self, params: Params, x: HostArray, weight: HostArray | None) -> State:
        """What is to be known of the rows x (N, *in_shape), weight (N,), all above 0; None: all 1."""

    def merge(self, a: State, b: State) -> State:
        """What is to be known of the rows of both."""

    def fit_merged(self, params: Params, known: State) -> Params:
        """What `fit`, or `weighted_fit`, gives for all rows of which this is known."""


@runtime_checkable
class FitByBlocks(Protocol):
    """A layer that holds others which learn from data, and lets them learn from blocks of rows."""

    def fit_blocks(self, params: Params, blocks: Callable[[], Iterable[tuple[HostArray, HostArray | None]]]) -> Params:
        """What `fit` gives; each call of `blocks` goes through all rows anew, as (x (N, *in_shape), weight or None)."""


@runtime_checkable
class DataStart(Protocol):
    """A layer whose parameters start from the training inputs, before the first step of a first fit."""

    def start(self, params: Params, x: HostArray) -> Params:
        """The initial parameters changed, from all training rows as they reach this layer, (N, *in_shape).

        Rows of sample weight 0 are not among them. Asked before `fit`; layers behind get what it then hands on.
        """


@runtime_checkable
class Adapt(Protocol):
    """An initializer that sees what its parameter will be multiplied with."""

    def adapt(self, values: HostArray, x: HostArray) -> HostArray:
        """What it sampled, shape (n, m), changed by the rows x (N, n) that reach its layer; the same shape."""


@runtime_checkable
class CheckInputs(Protocol):
    """A layer that cannot use every row: it looks at rows from outside before anything is computed."""

    def check_inputs(self, x: HostArray) -> HostArray | None:
        """The rows (N, ...) that it hands on, if it makes no other numbers of x (N, *in_shape); None if it does.

        DataError for a row that it cannot use. Only the first layers of a network are asked.
        """


@runtime_checkable
class RangeAfter(Protocol):
    """A layer whose outputs lie where those of the layer before it do, or near there."""

    def range_after(self, inputs: str | None) -> str | None:
        """Where its outputs lie if its inputs lie there, written as `WithRange.range`; None: not known."""


@runtime_checkable
class EncodeTarget(Protocol):
    """A loss that says itself how labels become targets."""

    def encode_target(self, y: HostArray, learned: dict[str, Any]) -> HostArray:
        """Targets for y, which may be y itself once its domain is checked.

        `learned` holds the width of the scores as "outputs" at the first fit, is filled here, and is saved with the
        model.
        """


@runtime_checkable
class PredictLabels(Protocol):
    """A loss whose labels do not follow from its link."""

    def predict(self, scores: HostArray) -> HostArray:
        """Class numbers (B,) of scores (B, C), or (B, k) zeros and ones."""


@runtime_checkable
class ClassTargets(Protocol):
    """A loss of classes whose targets are no column a class, nor yes or no: class numbers, as of ordered classes.

    Labels that it does not encode itself become class numbers (N, 1), in the order of its attribute `order`, a sequence
    of labels, where it has one, otherwise sorted.
    """

    def classes(self, outputs: int) -> int:
        """How many classes so many scores tell apart; ShapeError where that number of scores makes no sense."""

    def target_labels(self, target: HostArray) -> HostArray:
        """Class numbers (B,) of targets (B, M): those that `predict` gives where it is right."""


@runtime_checkable
class TargetWidth(Protocol):
    """A loss whose targets are not as wide as its scores: several scores may describe one target."""

    def target_width(self, outputs: int) -> int:
        """Columns of the target for so many scores; ShapeError where that number of scores makes no sense."""


@runtime_checkable
class Fields(Protocol):
    """A loss whose target has several fields by name, more than what is predicted: a time and whether it was seen.

    y is then a mapping of names to arrays (N,) or (N, m), or a table that has such columns. `value_and_delta` is given
    a mapping of names to (B, m), and `encode_target`, where there is one, a mapping of names to what y holds.
    """

    def target_fields(self, outputs: int) -> Mapping[str, int]:
        """The columns m of each field by name, in order, for so many scores; ShapeError where those make no sense."""


@runtime_checkable
class Point(Protocol):
    """A loss whose predictions hold more than the value that metrics compare with the target."""

    def point(self, prediction: HostArray) -> HostArray:
        """That value, shape of the target, from a prediction (B, C): the mean of a distribution, the median."""


@runtime_checkable
class SeveralHeads(Protocol):
    """A loss of several heads, whose scores, predictions and targets stand side by side."""

    def parts(self) -> Mapping[str, tuple[Loss, int]]:
        """Each head's own loss and its width of scores, by name, from left to right."""


@runtime_checkable
class SampleTarget(Protocol):
    """A loss that is the negative log likelihood of a distribution of targets."""

    def sample_target(self, scores: Array, key: Key) -> Array:
        """Targets drawn from the distribution that the scores (B, C) describe, shape of the target."""


@runtime_checkable
class Totals(Protocol):
    """A rule or gradient step that needs sums over all parameters it acts on, such as the norm of the gradient."""

    def totals(self, p: Array, g: Array, state: State, h: Hyper) -> dict[str, Array]:
        """0-d sums over this piece; the engine adds those of all pieces and hands them on as `h.total`."""


@runtime_checkable
class RuleFor(Protocol):
    """A rule that treats parameters differently: another rule for biases, no decay of scales."""

    def rule_for(self, param: Param) -> Optimizer:
        """The rule for this parameter, itself or another."""


@runtime_checkable
class Probe(Protocol):
    """A rule that takes the gradient of a step elsewhere than at p."""

    def probe(self, p: Array, g: Array, state: State, h: Hyper) -> Array | tuple[Array, State]:
        """Where the gradient that `update` is given is taken, shape of p; g is the gradient at p.

        With a state, built as that of `init`, it hands on what it saw there: `update` is given that state.
        """


@runtime_checkable
class CompareGradients(Protocol):
    """A rule that probes, and compares the two gradients of a batch: `update` is then given that at p.

    So penalties, clipping and gathering act on that one alone. Where the rule of a group compares, those of others are
    given gradients at p, too, unless one of them probes and does not compare.
    """

    def compare_gradients(self, p: Array, g: Array, there: Array, state: State, h: Hyper) -> State:
        """The new state; g is the gradient at p and `there` that at the probe, both of the loss alone.

        Behind a gradient step that gathers, it is asked at each batch, and `update` at the last.
        """


@runtime_checkable
class Observe(Protocol):
    """A rule that looks, now and then, at a gradient for targets drawn from the model's own predictions."""

    def observes(self, step: Any) -> Any:
        """Whether it looks before the update number `step`, from 1; of the batches of an update, at the last."""

    def observe(self, p: Array, g: Array, state: State, h: Hyper) -> State:
        """The new state; g is the mean gradient over `h.rows` rows whose targets were drawn."""


@runtime_checkable
class EvaluationParams(Protocol):
    """A rule that predicts with other parameters than it trains with, such as their average.

    It averages what constraints allow if its `update` takes h.project(p) of what it averages; p itself without any.
    """

    def evaluation_params(self, p: Array, state: State, h: Hyper) -> Array:
        """The parameters to predict with, shape of p; the engine projects them where constraints hold."""


@runtime_checkable
class Restart(Protocol):
    """A rule whose state holds parameters: an average, slow weights, a base point."""

    def restart(self, p: Array, state: State) -> State:
        """The state once the parameter was set to p: what holds parameters is p, what is known of gradients stays.

        Arrays of p's shape change, each element by that of p alone. Counts start anew, too; they are taken where all
        parameters of a model are set at once, since others may share them.
        """


@runtime_checkable
class Displace(Protocol):
    """A rule whose steps move another point than p, which it keeps in its state: an average is made of that."""

    def displace(self, p: Array, change: Array, state: State, h: Hyper) -> tuple[Array, State]:
        """(p, state) once a gradient step, such as decoupled decay, has moved that point by `change`, shape of p."""


@runtime_checkable
class Adjust(Protocol):
    """A gradient step that changes the parameter itself, before the update rule: decoupled decay."""

    def adjust(self, p: Array, h: Hyper) -> Array:
        """The new p; `h.rule` are the settings of the update rule."""


@runtime_checkable
class Draws(Protocol):
    """A sampler that draws by itself: a function of the epoch's number, asked instead of `order`."""

    def epoch_rows(self, epoch: int, n: int) -> HostArray:
        """Row numbers (integers) out of n for an epoch, as many for each; the same whenever they are asked for."""


@runtime_checkable
class Periodic(Protocol):
    """A gradient step that gathers: what follows it runs at every `period`-th step only.

    Its state starts anew, as `init` makes it, for a parameter that is set.
    """

    @property
    def period(self) -> int:
        """How many steps make one update; the rule, its schedules and `h.step` count updates."""


@runtime_checkable
class Applies(Protocol):
    """A gradient step, regularizer or constraint that leaves some parameters alone.

    Without it regularizers and constraints act on weights, gradient steps on every parameter.
    """

    def applies(self, param: Param) -> bool:
        """Whether it acts on this parameter."""


@runtime_checkable
class After(Protocol):
    """A schedule that depends on how the run went so far."""

    @property
    def monitor(self) -> str:
        """The curve of the history that it depends on: "validation.loss"."""

    def after(self, curve: Sequence[float]) -> Schedule:
        """The schedule that holds after epochs with these values; depends on nothing else.

        A fit's `curve` has an attribute `best`, "min", "max" or None: which of its values are better. It lacks epochs
        that say nothing new: those without an update, and, in validation, with an average that was not renewed.
        """


@runtime_checkable
class RowSums(Protocol):
    """A metric that is a function of sums over rows, which an engine that compiles takes in its steps."""

    def row_values(self, prediction: Array, target: Array) -> Array:
        """(B, K) numbers of each row, or (B,) of one, in the arrays' own namespace; of yes or no: ones and zeros.

        `prediction` and `target` are what `value` is given, in the dtype of training. It depends on nothing else.
        """

    def value_of_sums(self, sums: HostArray, target: HostArray, weight: HostArray) -> float:
        """What `value` gives, from `sums` (K,) of weight times `row_values` over all rows; both others as there."""


@runtime_checkable
class Over(Protocol):
    """A schedule that can be stretched over a whole run."""

    def over(self, steps: int) -> Schedule:
        """This schedule, with a length that was left open set to `steps`."""


@runtime_checkable
class CheckMemory(Protocol):
    """A callback that checks what a checkpoint says that it remembers."""

    def check_memory(self, memory: Mapping[str, Any], parameters: Mapping[str, HostArray]) -> None:
        """ValueError unless it can go on with this memory and a network of such parameters."""


@runtime_checkable
class Measure(Protocol):
    """A callback or metric that measures updates, on whatever engine, without a stop at each step."""

    def measure(self, before: Array, after: Array, g: Array, h: Hyper) -> dict[str, Array]:
        """0-d numbers of one parameter by name, which the engine adds up over those that have the same name.

        `before` and `after`: the parameter around an update; `g`: the gradient that the update was given, before
        penalties and gradient steps. `h.param`: what is known of the parameter; `h.rule`: the h of its optimizer;
        `h.step`, `h.loss`, and the float arguments of the component itself. Names depend on `h.param` alone.
        """


@runtime_checkable
class MeasureCurves(Protocol):
    """One that measures and makes curves of the sums: a norm is the root of a sum of squares."""

    def curves(self, sums: Mapping[str, HostArray]) -> Mapping[str, HostArray]:
        """Curves (k,) by name, a value a step, from the sums (k,) of k steps; without it the sums are the curves."""


@runtime_checkable
class Reference(Protocol):
    """An optimizer that carries an independent form of its formula, for the conformance kit to compare with."""

    def reference(self, p: float, gradients: Iterable[float]) -> Iterator[float]:
        """The values of one number p after each gradient, in plain Python floats."""


@runtime_checkable
class Select(Protocol):
    """A source of text, which reads some columns as numbers and leaves others out."""

    def names(self, file: BinaryIO) -> Sequence[str]:
        """The names of the columns, in order."""

    def select(
        self, file: BinaryIO, numbers: Sequence[str], texts: Sequence[str]
    ) -> tuple[HostArray, Mapping[str, Sequence[str]]]:
        """(float64 (N, n) of the columns `numbers`, the cells of the columns `texts` by name).

        DataError names the line and the column of a cell that is no number, or empty.
        """


@runtime_checkable
class SelectGaps(Protocol):
    """A source of text that can leave cells of a target empty, for a loss whose target may be missing."""

    def select_gaps(
        self, file: BinaryIO, numbers: Sequence[str], texts: Sequence[str], gaps: Collection[str]
    ) -> tuple[HostArray, Mapping[str, Sequence[str]]]:
        """What `select` gives, in which cells of the columns `gaps`, some of `texts`, may be empty: ""."""


@runtime_checkable
class Numbered(Protocol):
    """A source of arrays whose columns have numbers in the file; those that the file leaves out are 0."""

    def numbered(self, file: BinaryIO) -> tuple[Mapping[str, HostArray], int, bool]:
        """(the arrays that `read` gives, the number of x's first column, whether that is set and not a guess)."""


@runtime_checkable
class LineOfRow(Protocol):
    """A source of text."""

    def line_of(self, file: BinaryIO, row: int) -> int:
        """The number of the line, from 1, on which a row, from 0, ends."""


@runtime_checkable
class TargetFile(Protocol):
    """A source whose files hold x, and the file beside them y."""

    def target_file(self, path: Path) -> Path:
        """The file that holds y, for the one that holds x; DataError where the name does not tell."""


@runtime_checkable
class ReadFolder(Protocol):
    """A source of arrays whose rows are files, which may lie together in a folder."""

    def read_folder(self, folder: Path) -> Mapping[str, HostArray]:
        """x and, where the folder tells them, y of all of its files, in an order that no file system decides."""
