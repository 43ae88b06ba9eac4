"""What a component of each kind must offer.  Structural: no base class, no import of bpframe is needed.

Shapes: B rows of a batch, C scores a row, n inputs and m outputs of a layer, p any parameter.
Components are pure: new arrays out, nothing kept on `self`, arguments read-only, no Python branch on array values;
settings are constructor arguments. They speak the Array API standard (`xp = x.__array_namespace__()`), so one
definition serves every engine. Every result has the dtype of the arrays that came in.

Capabilities are protocols of one method, implemented only by who needs it:
`Refresh` and `Fit` (layers), `EncodeTarget` and `PredictLabels` (losses), `Over` (schedules).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np

from bpframe.types import Array, Cache, HostArray, Hyper, Params, Scope, Shape, State

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
    def link(self) -> str:
        """Name of the activation that turns scores into predictions."""

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
    """A penalty on weights, added to the mean loss."""

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
    """An object with `@hookimpl` methods; `bpframe.hooks` names the hooks. It needs none in particular."""


# ---------------------------------------------------------------------------------------------------- capabilities


@runtime_checkable
class Refresh(Protocol):
    """A layer whose buffers follow the data (running statistics)."""

    def refresh(self, params: Params, cache: Cache) -> Params:
        """New contents of "buffers", from the cache of a committed training step."""


@runtime_checkable
class Fit(Protocol):
    """A layer whose buffers are learned from the training inputs before the first step."""

    def fit(self, params: Params, x: HostArray) -> Params:
        """New parameters, from all training rows as they reach this layer, (N, *in_shape)."""


@runtime_checkable
class EncodeTarget(Protocol):
    """A loss that says itself how labels become targets."""

    def encode_target(self, y: HostArray, learned: dict[str, Any]) -> HostArray:
        """Targets for y; `learned` is empty at the first fit, is filled here, and is saved with the model."""


@runtime_checkable
class PredictLabels(Protocol):
    """A loss whose labels do not follow from its link."""

    def predict(self, scores: HostArray) -> HostArray:
        """Class numbers (B,) of scores (B, C)."""


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
class Group:
    """Parameters that share an update rule and its settings; `rule` None: frozen."""

    paths: tuple[tuple[str, ...], ...]
    rule: Optimizer | None
    gradient_steps: tuple[GradientStep, ...] = ()
    regularizers: tuple[Regularizer, ...] = ()
    constraints: tuple[Constraint, ...] = ()


@dataclass(frozen=True)
class Batches:
    """One epoch's rows, cut into batches: batch i holds rows order[i * size : (i + 1) * size]."""

    epoch: int  # from 0; with the seed it fixes every draw of the epoch
    order: HostArray  # row numbers
    size: int

    def __len__(self) -> int:
        return -(-len(self.order) // self.size)

    def rows(self, i: int) -> HostArray:
        """The row numbers of batch i."""
        return self.order[i * self.size : (i + 1) * self.size]


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
    def parameters(self) -> dict[str, HostArray]:
        """A copy of every parameter and buffer, by "layer/name"."""

    def assign(self, values: Mapping[str, HostArray]) -> None:
        """Replace some parameters, by "layer/name"."""

    def use(self, groups: Sequence[Group]) -> None:
        """Take over groups whose settings may have changed; their paths must not."""

    def load(self, data: Data, collect: bool) -> None:
        """Train on these arrays from now on; `collect`: keep each step's training scores for metrics."""

    def run(self, batches: Batches, start: int, stop: int) -> Losses:
        """Make the steps of batches start .. stop - 1; may return after any whole step, but tries at least one.

        A loss that is not finite is the last one reported. Then, or when parameters are found not to be finite,
        `step` has grown by less than the number of losses: the session went back to the last finite step.
        """

    def commit(self) -> bool:
        """Whether all parameters are finite: then a point to return to; otherwise back to the last finite step."""

    def collected(self) -> HostArray:
        """The training scores of the latest epoch, in the order of its rows, (len(order), C)."""

    def scores(self, x: HostArray) -> HostArray:
        """Scores of rows in evaluation mode."""

    def setting(self, name: str) -> float | None:
        """A setting of the first group's rule at its latest step ("lr"), None where it has none."""


class Engine(Protocol):
    """Runs programs: `numpy` eagerly, others as they like."""

    def session(
        self, network: Any, cost: Any, groups: Sequence[Group], parameters: Params, dtype: str, seed: int
    ) -> Session:
        """Bring parameters onto the engine."""
