"""The protocol of each kind of component, and what the engine hands to a component.

Shapes as in `bpframe.protocols`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO, Literal

import numpy as np
from typing_extensions import Protocol

from bpframe.types import Array, Cache, HostArray, Hyper, Objective, Params, Scope, Shape, State


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

    @property
    def mask(self) -> Array | None:
        """(B,) False for rows that do not count, of sample weight 0; None where all count, and in evaluation.

        A layer that joins rows in training, as by their mean, leaves those out: the outputs of rows that count are
        what they would be without them. Other weights are of the loss alone.
        """

    @property
    def counts(self) -> Array | None:
        """(B, *S) False for positions of a row that do not count, padding, where sample weights are by position.

        Otherwise the mask. `ops.mask_of(context, x)` gives what fits the rows x.
        """

    def child(self, name: str, need_dx: bool = True) -> Context:
        """The context of the layer of that label that this layer holds.

        Labels are those of its branch of the parameters: by them the inner layer is known to train, or not.
        """


@dataclass(frozen=True)
class Param:
    """What a component may know about a parameter: `h.param` in scope "array", and what groups are made by.

    `role` is the last part of the name: weight, bias, scale, shift, slope. `depth` counts layers with trained
    parameters, from 0, `depths` is how many there are. A weight (n, m) has n and m as fan_in and fan_out.
    The multipliers are those that its layer declares, of the learning rate and of decay.
    """

    name: str  # "dense_1/weight"
    role: str
    layer: str
    shape: Shape
    fan_in: int
    fan_out: int
    depth: int
    depths: int
    lr_multiplier: float = 1.0
    decay_multiplier: float = 1.0


class Activation(Protocol):
    """An elementwise v = phi(u) whose derivative follows from the value v alone."""

    def value(self, u: Array) -> Array:
        """v = phi(u), shape of u."""

    def derivative(self, v: Array) -> Array:
        """phi'(u) computed from v = phi(u), shape of v."""


class Layer(Protocol):
    """Any differentiable step; a layer that holds layers is a layer.

    The law of the recursion: a gradient uses only the layer's own cache, the gradient handed back to it and its
    own weights. `backward` is linear in `dy`. Of a network whose x has several inputs, the first layer, and branches
    that it holds, is given mappings: `in_shape` of names to shapes, x of names to arrays (B, *in_shape[name]); its dx
    is a mapping of slopes by name, from which inputs that it does not use may be missing.
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
    """A penalty on weights, added to the mean loss, whatever weights rows have.

    One that declares `on = "activations"` is given the outputs (B, ...) of hidden layers instead; its penalty is then
    divided by B. Rows that do not count (`Context.mask`) are 0 there, and what rows of 0 cost is taken off.
    """

    def value_and_gradient(self, p: Array, h: Hyper) -> tuple[Array, Array]:
        """(0-d penalty of this piece, its gradient, shape of p); penalties of pieces add up."""


class Constraint(Protocol):
    """A set that a parameter is kept in, by projection after each update.

    Initial values and values that are set are projected, too, and so is what a rule predicts with in the place of p.
    """

    def project(self, p: Array, h: Hyper) -> Array:
        """The nearest allowed p; a projection: twice is the same as once."""


class Sampler(Protocol):
    """Which rows an epoch visits, and in which order."""

    def order(self, rng: np.random.Generator, target: HostArray, weight: HostArray) -> HostArray:
        """Row numbers (integers), drawn from `rng` alone; rows may repeat or be left out."""


class Augmentation(Protocol):
    """Other rows in the place of a batch's, in training alone: a step is made on what it gives.

    Rows of weight 0 keep it, and what they hold is in no other row. Draws come from the key, which is the step's own.
    One that mixes targets of several rows says so, `mixes_targets = True`: no loss of class numbers takes them.
    """

    def augment(
        self, x: Array, target: Array, weight: Array | None, key: Key, h: Hyper
    ) -> tuple[Array, Array, Array | None]:
        """(x (B, ...), target (B, ...), weight (B,)) of as many rows, each of the shape and dtype that came in.

        `weight` is each row's weight in the loss, as a multiple of the mean, or that of each position (B, *S); None
        where all are 1.
        """


class BatchSampler(Protocol):
    """A sampler that makes the batches of an epoch itself: by group, by class, by query, harder as epochs go by.

    Batches of fewer rows than others are filled up with rows that do not count: of weight 0, and outside of what
    layers gather over rows (`Context.mask`). A loss that couples rows has to take weights then.
    """

    def batches(
        self,
        rng: np.random.Generator,
        target: HostArray | Mapping[str, HostArray],
        weight: HostArray,
        size: int,
        epoch: int,
    ) -> Sequence[HostArray]:
        """Row numbers of each batch of epoch number `epoch`, from 0: 1 to `size` a batch, drawn from `rng` alone.

        target is (N, C), a column a class, or, of a loss of fields, a mapping of names to (N, m); weight (N,).
        """


class Metric(Protocol):
    """A number that says how good predictions are; host code. One name, one formula.

    `of` chooses what it is given: "predictions" (after the link) and encoded targets; "log_odds", the same with
    log(p / (1 - p)) of each class in the place of probabilities, which tells apart what rounds to 1; or "labels": class
    numbers (B,), or 0/1 (B, k) under a sigmoid link, for both. `best` says which direction is better.
    """

    @property
    def of(self) -> Literal["predictions", "log_odds", "labels"]:
        """What `value` compares."""

    @property
    def best(self) -> Literal["min", "max"]:
        """Which end of the scale is better."""

    def value(self, prediction: HostArray, target: HostArray, weight: HostArray) -> float:
        """The metric, weighted by `weight` (B,): sample weights, all above 0."""


class Source(Protocol):
    """A reader of files of one format; host code.

    The core opens the file, unpacks one whose name ends in .gz besides, chooses target and inputs, and splits rows.
    """

    @property
    def suffixes(self) -> tuple[str, ...]:
        """The ends of names of such files, in lower case: (".csv",)."""

    def read(self, file: BinaryIO) -> Mapping[str, HostArray]:
        """The columns (N,) of the file by name, in order, as numbers, booleans or text; those used are looked up once.

        `file` can seek, and stays open until they are. A mapping may read a column when it is looked up. DataError
        says what is wrong with a file ("line 3 needs ..."); the core adds its path.
        """


class Exporter(Protocol):
    """A writer of trained models in one form; host code.

    The core chooses it by the suffix of the file that is asked for, and writes the file.
    """

    @property
    def suffixes(self) -> tuple[str, ...]:
        """The ends of names of such files, in lower case: (".onnx",)."""

    def content(self, trainer: Any, metadata: Mapping[str, str]) -> bytes:
        """The file of what a `bpframe.Trainer` predicts; the same model gives the same bytes.

        `metadata`: texts to go with it, such as a run's lock, where the form has a place for them.
        """


class Callback(Protocol):
    """An object with `@hookimpl` methods; `bpframe.training.hooks` names the hooks. It needs none in particular."""
