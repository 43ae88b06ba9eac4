"""What a component of each kind must offer.  Structural: no base class, no import of bpframe is needed.

Shapes: B rows of a batch, C scores a row, n inputs and m outputs of a layer, p any parameter.
Components are pure: new arrays out, nothing kept on `self`, arguments read-only, no Python branch on array values;
settings are constructor arguments. They speak the Array API standard (`xp = x.__array_namespace__()`, or
`bpframe.ops.namespace(x)`, which costs less on small arrays), so one definition serves every engine. Every result has
the dtype of the arrays that came in.

Capabilities are small protocols of their own, implemented only by who needs one:
`Refresh` and `Fit` (layers); `EncodeTarget`, `PredictLabels`, `TargetWidth`, `Point`, `SeveralHeads` and `SampleTarget`
(losses);
`Totals`, `RuleFor`, `Probe`, `Observe` and `EvaluationParams` (optimizers); `Totals`, `Adjust` and `Periodic` (gradient
steps); `Applies` (gradient steps, regularizers, constraints); `Over` and `After` (schedules); `Draws` (samplers).

A rule that holds another (`inner: Optimizer`) keeps its state under the argument's name and hands it `h.inner`; the
engine finds the capabilities of either.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from typing_extensions import Protocol, runtime_checkable  # isinstance is faster with these

from bpframe.types import Array, Cache, HostArray, Hyper, Objective, Params, Scope, Shape, State

# ------------------------------------------------------------------------------------------ what a step hands around


class Key(Protocol):
    """Randomness by name: the same key gives the same bits in every engine, and using one changes no state."""

    def child(self, name: str | int) -> Key:
        """An independent key; equal names give equal keys."""

    def uniform(self, like: Array) -> Array:
        """Uniform on [0, 1), with the shape and dtype of `like`."""

    def normal(self, like: Array) -> Array:
        """Standard normal, with the shape and dtype of `like`."""


class Context(Protocol):
    """What a layer may know about the step it is in."""

    @property
    def training(self) -> bool:
        """False in evaluation: no dropout, stored statistics."""

    @property
    def need_dx(self) -> bool:
        """False where nobody below wants `dx`: return None and save the product."""

    @property
    def key(self) -> Key:
        """This layer's own randomness, this step's."""

    def child(self, name: str) -> Context:
        """The context of a layer that this layer holds; it does need `dx`."""


# ------------------------------------------------------------------------------------------------ the kinds of plugin


class Activation(Protocol):
    """An elementwise v = phi(u) whose derivative follows from the value v alone."""

    def value(self, u: Array) -> Array:
        """v = phi(u), shape of u."""

    def derivative(self, v: Array) -> Array:
        """phi'(u) computed from v = phi(u), shape of v."""


class Layer(Protocol):
    """Any differentiable step; a layer that holds layers is a layer.

    The law of the recursion: a gradient uses only the layer's own cache, the gradient handed back to it and its
    own weights. `backward` is linear in `dy`.
    """

    def init(self, rng: np.random.Generator, in_shape: Shape) -> tuple[Params, Shape]:
        """(initial parameters, shape of one output row) for rows of `in_shape`; draws from `rng` alone."""

    def forward(self, params: Params, x: Array, context: Context) -> tuple[Array, Cache]:
        """(y, what backward will need) for x of shape (B, *in_shape)."""

    def backward(self, params: Params, cache: Cache, dy: Array, context: Context) -> tuple[Array | None, Params]:
        """(dloss/dx or None, dloss/dparams as the same tree without "buffers") from dy = dloss/dy, shape of y."""


class Loss(Protocol):
    """A value per row, and its slope in the scores."""

    @property
    def link(self) -> str | Layer:
        """The activation that turns scores into predictions, by name, or a ready layer without parameters."""

    def value_and_delta(self, scores: Array, target: Array) -> tuple[Array, Array]:
        """(values (B,), or one 0-d value when the rows are coupled; unscaled dvalue/dscores, shape of scores)."""


class Optimizer(Protocol):
    """One step of one piece of the parameters: any slice of a flat vector ("element") or one parameter ("array")."""

    @property
    def scope(self) -> Scope:
        """What a piece is. "element": every state leaf has p's shape or is 0-d, and results do not depend on cuts."""

    def init(self, p: Array) -> State:
        """What the rule remembers before its first step."""

    def update(self, p: Array, g: Array, state: State, h: Hyper) -> tuple[Array, State]:
        """(new p, new state) after one step down the gradient g; `h` has the settings' current values and `step`."""


class Minimizer(Protocol):
    """An optimizer that needs the objective itself, as a line search does: host code on one flat vector p (n,)."""

    @property
    def scope(self) -> Literal["objective"]:
        """What sets it apart from an `Optimizer`."""

    def init(self, p: HostArray) -> State:
        """What it remembers before its first step."""

    def update(self, p: HostArray, f: Objective, state: State, h: Hyper) -> tuple[HostArray, State]:
        """(new p, new state) after one step; f(p) gives (objective, its gradient (n,)) of the present batch."""


class GradientStep(Protocol):
    """Changes a gradient before the update rule sees it: clipping, noise, coupled decay."""

    @property
    def scope(self) -> Scope:
        """As `Optimizer.scope`."""

    def init(self, p: Array) -> State:
        """What it remembers before the first step."""

    def transform(self, p: Array, g: Array, state: State, h: Hyper) -> tuple[Array, State]:
        """(new g, new state)."""


class Schedule(Protocol):
    """The value of a setting over time; host code in float64."""

    def value(self, step: int) -> float:
        """The value for the update that follows `step` updates (0 for the first)."""


class Initializer(Protocol):
    """Initial values of a parameter."""

    def sample(self, rng: np.random.Generator, shape: Shape, fan_in: int, fan_out: int) -> HostArray:
        """float64 array of `shape`, drawn from `rng` alone."""


class Regularizer(Protocol):
    """A penalty on weights, added to the mean loss.

    One that declares `on = "activations"` is given the outputs (B, ...) of hidden layers instead; its penalty is then
    divided by B.
    """

    def value_and_gradient(self, p: Array, h: Hyper) -> tuple[Array, Array]:
        """(0-d penalty of this piece, its gradient, shape of p); penalties of pieces add up."""


class Constraint(Protocol):
    """A set that a parameter is kept in, by projection after each update."""

    def project(self, p: Array, h: Hyper) -> Array:
        """The nearest allowed p; a projection: twice is the same as once."""


class Sampler(Protocol):
    """Which rows an epoch visits, and in which order."""

    def order(self, rng: np.random.Generator, target: HostArray, weight: HostArray) -> HostArray:
        """Row numbers (integers), drawn from `rng` alone; rows may repeat or be left out."""


class Metric(Protocol):
    """A number that says how good predictions are; host code. One name, one formula.

    `of` chooses what it is given: "predictions" (after the link) and encoded targets, or "labels": class numbers
    (B,), or 0/1 (B, k) under a sigmoid link, for both. `best` says which direction is better.
    """

    @property
    def of(self) -> Literal["predictions", "labels"]:
        """What `value` compares."""

    @property
    def best(self) -> Literal["min", "max"]:
        """Which end of the scale is better."""

    def value(self, prediction: HostArray, target: HostArray, weight: HostArray) -> float:
        """The metric, weighted by `weight` (B,)."""


class Callback(Protocol):
    """An object with `@hookimpl` methods; `bpframe.training.hooks` names the hooks. It needs none in particular."""


# ---------------------------------------------------------------------------------------------------- capabilities


@runtime_checkable
class Refresh(Protocol):
    """A layer whose buffers follow the data (running statistics)."""

    def refresh(self, params: Params, cache: Cache) -> Params:
        """The same parameters with new "buffers", from the cache of a committed training step."""


@runtime_checkable
class Fit(Protocol):
    """A layer whose buffers are learned from the training inputs before the first step."""

    def fit(self, params: Params, x: HostArray) -> Params:
        """New parameters, from all training rows as they reach this layer, (N, *in_shape)."""


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
class TargetWidth(Protocol):
    """A loss whose targets are not as wide as its scores: several scores may describe one target."""

    def target_width(self, outputs: int) -> int:
        """Columns of the target for so many scores; ShapeError where that number of scores makes no sense."""


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
    """A rule or gradient step that needs sums over the whole model, such as the norm of the gradient."""

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

    def probe(self, p: Array, g: Array, state: State, h: Hyper) -> Array:
        """Where the gradient that `update` is given is taken, shape of p; g is the gradient at p."""


@runtime_checkable
class Observe(Protocol):
    """A rule that looks, now and then, at a gradient for targets drawn from the model's own predictions."""

    def observes(self, step: Any) -> Any:
        """Whether it looks before the update number `step`, from 1."""

    def observe(self, p: Array, g: Array, state: State, h: Hyper) -> State:
        """The new state; g is the mean gradient over `h.rows` rows whose targets were drawn."""


@runtime_checkable
class EvaluationParams(Protocol):
    """A rule that predicts with other parameters than it trains with, such as their average."""

    def evaluation_params(self, p: Array, state: State, h: Hyper) -> Array:
        """The parameters to predict with, shape of p."""


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
    """A gradient step that gathers: what follows it runs at every `period`-th step only."""

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
        """The schedule that holds after epochs with these values; depends on nothing else."""


@runtime_checkable
class Over(Protocol):
    """A schedule that can be stretched over a whole run."""

    def over(self, steps: int) -> Schedule:
        """This schedule, with a length that was left open set to `steps`."""


@runtime_checkable
class Reference(Protocol):
    """An optimizer that carries an independent form of its formula, for the conformance kit to compare with."""

    def reference(self, p: float, gradients: Iterable[float]) -> Iterator[float]:
        """The values of one number p after each gradient, in plain Python floats."""


# --------------------------------------------------------------------------------------------------------- engines


@dataclass(frozen=True)
class Param:
    """What a component may know about a parameter: `h.param` in scope "array", and what groups are made by.

    `role` is the last part of the name: weight, bias, scale, shift, slope. `depth` counts layers with trained
    parameters, from 0, `depths` is how many there are. A weight (n, m) has n and m as fan_in and fan_out.
    """

    name: str  # "dense_1/weight"
    role: str
    layer: str
    shape: Shape
    fan_in: int
    fan_out: int
    depth: int
    depths: int


@dataclass(frozen=True)
class Group:
    """Parameters that share an update rule and its settings; `rule` None: frozen.

    Groups of one `origin`, an optimizer that a user gave, add up the totals of their rules. The regularizers act on the
    first `penalised` of the paths.
    """

    paths: tuple[tuple[str, ...], ...]
    rule: Optimizer | Minimizer | None
    gradient_steps: tuple[GradientStep, ...] = ()
    regularizers: tuple[Regularizer, ...] = ()
    constraints: tuple[Constraint, ...] = ()
    origin: int = 0
    params: tuple[Param, ...] = ()  # what is known of each path
    penalised: int = 0


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
    """Training arrays as the engine gets them: checked, encoded, in the dtype of the run; weight None: all 1."""

    x: HostArray
    target: HostArray
    weight: HostArray | None = None


@dataclass(frozen=True)
class Losses:
    """What a block of steps reports, a value a step: mean loss, penalty, and the weight of the batch."""

    loss: Sequence[float]
    penalty: Sequence[float]
    weight: Sequence[float]

    def __len__(self) -> int:
        return len(self.loss)


class Session(Protocol):
    """Parameters and optimizer state on an engine. What it shows is always "after step k", never in between."""

    @property
    def step(self) -> int:
        """Updates made so far."""

    @property
    def device(self) -> str:
        """Where it computes, as "cpu" or "gpu:0"."""

    @property
    def parameters(self) -> dict[str, HostArray]:
        """A copy of every parameter and buffer, by "layer/name"."""

    def assign(self, values: Mapping[str, HostArray]) -> None:
        """Replace some parameters, by "layer/name"; before the first step what rules remember starts anew from them."""

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


class Engine(Protocol):
    """Runs programs: `numpy` eagerly, others as they like.

    It may have `changeable`: which of its arguments a run that goes on may change (`bpframe.training.checkpoint`).
    """

    def session(
        self, network: Any, cost: Any, groups: Sequence[Group], parameters: Params, dtype: str, seed: int
    ) -> Session:
        """Bring parameters onto the engine."""
