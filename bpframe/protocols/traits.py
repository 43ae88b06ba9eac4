"""Traits, the optional attributes of components: a protocol for each, and the one function that reads it.

A component that lacks an attribute is taken to have the default; bpframe reads no other attributes of components than
these, those of their protocols and capabilities, and their constructor's arguments.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from typing_extensions import Protocol, runtime_checkable

from bpframe.errors import IncompatibleComponent
from bpframe.protocols.components import Activation, Layer
from bpframe.protocols.engine import Losses
from bpframe.protocols.number_sets import EVERYWHERE, Interval
from bpframe.types import TuningSpace

FIRST_LEVELS = ("steps", "totals", "snapshot", "minimizers")  # of an engine that does not say
LEVELS = {
    "steps": "trains: groups with penalties, gradient steps, rules and constraints, averages that predict, draws",
    "totals": "sums over the model, and what rules do besides: Totals, Probe, Observe",
    "snapshot": "snapshot and restore: checkpoints, and copies of trainers",
    "minimizers": "rules of scope objective",
    "comparisons": "rules that compare two gradients of a batch (CompareGradients)",
    "schedules": "settings of layers and loss that follow schedules (Group.schedules)",
    "measures": "what is measured of updates (Group.measures)",
    "ties": "parameters that are others (Group.ties)",
    "resting": "groups that are frozen for a time (Group.resting)",
    "keys": "rules and gradient steps that draw (h.key)",
    "augmentations": "rows that are changed before a step (Group.augmentations)",
    "auxiliary": "losses that layers add to the objective (Auxiliary)",
    "positions": "weights by position of a row (Data.weight of more axes)",
}


class WholeBatch(Protocol):
    """An optimizer that compares one step's gradient with the next, and so needs all rows in each batch."""

    @property
    def whole_batch(self) -> bool:
        """Whether a fit warns of smaller batches; False by default."""


class EvaluationPeriod(Protocol):
    """An optimizer that predicts with other parameters than it trains, and renews those at some updates only."""

    @property
    def evaluation_period(self) -> int:
        """How many updates that takes; 1 by default. A fit says so where an epoch has fewer, and a callback waits."""


class Monitoring(Protocol):
    """A callback that waits for a curve of the history to improve."""

    @property
    def monitor(self) -> str:
        """That curve, "validation.loss"; none by default."""


class Rewinds(Protocol):
    """A callback whose `bpframe_epoch_end` only reads parameters, or stops the fit, and may hear of epochs later.

    Where a session keeps the ends of epochs (`SessionEnds`), several are made in one go. It is then told of each, with
    the parameters of that epoch, and its `state.stop` takes back those that are made already.
    """

    @property
    def rewinds(self) -> bool:
        """Whether that is so; False by default."""


class LearningRates(Protocol):
    """An optimizer whose learning rate is more, or less, than its `lr` and those of the optimizers inside it."""

    @property
    def learning_rates(self) -> Sequence[str]:
        """The arguments, numbers or optimizers, that all times f make steps times f; by default "lr" and the latter."""


class LrIsAFactor(Protocol):
    """An optimizer whose steps are not proportional to its `lr`."""

    @property
    def lr_is_a_factor(self) -> bool:
        """Whether they are; True by default. Otherwise no multiplier and no schedule may stand on its `lr`."""


class AmplifiesRounding(Protocol):
    """An optimizer along whose way rounding grows, so that trainings that differ by a last bit part."""

    @property
    def amplifies_rounding(self) -> Sequence[str]:
        """The dtypes in which it does, "float32" or "float64"; none by default. A step that is exported warns of it."""


class DecaySettings(Protocol):
    """An optimizer, gradient step or regularizer that shrinks parameters by other arguments than `weight_decay`."""

    @property
    def decay_settings(self) -> Sequence[str]:
        """The float arguments that all times f shrink f times as much; by default `weight_decay`, where it has that."""


@runtime_checkable
class LrMultipliers(Protocol):
    """A layer some of whose parameters learn at a multiple of the optimizer's rate.

    A layer that holds others has the multipliers of what they hold, too (`inner_multipliers`).
    """

    @property
    def lr_multipliers(self) -> Mapping[str, float]:
        """The factors, by role or by path below the layer ("gate", "dense_1/weight"); 1 by default.

        Not of parameters that a group of the user's gives an optimizer of their own; of a minimizer, none.
        """


@runtime_checkable
class DecayMultipliers(Protocol):
    """A layer some of whose parameters decay more than others, less, or, at 0, not."""

    @property
    def decay_multipliers(self) -> Mapping[str, float]:
        """The factors, as `lr_multipliers`, of all `decay_settings` of what acts on the parameter; 1 by default."""


class MixesTargets(Protocol):
    """An augmentation whose targets are mixtures of those of several rows."""

    @property
    def mixes_targets(self) -> bool:
        """Whether they are; False by default. Mixtures of class numbers, which some losses take, say nothing."""


class Compiles(Protocol):
    """An engine whose first step takes long."""

    @property
    def compiles(self) -> bool:
        """Whether the progress bar says so; False by default."""


class Changeable(Protocol):
    """An engine with arguments that a run which goes on may change."""

    @property
    def changeable(self) -> Mapping[str, str | None]:
        """Those arguments, each with the condition of the machine that it bounds, or None; none by default."""


class Levels(Protocol):
    """An engine that keeps some parts of its protocol, and says which; the conformance kit checks these."""

    @property
    def levels(self) -> Sequence[str]:
        """Names of LEVELS; by default those of FIRST_LEVELS, and "steps" in any case.

        A training that needs another one is refused before its first step.
        """


class BlockLosses(Protocol):
    """A session that keeps the losses of its latest block, so that an exception within it loses none."""

    @property
    def block_losses(self) -> Losses:
        """Those of whole steps; by default a checkpoint cannot be written after such an exception."""


class MeasurePeriod(Protocol):
    """One that measures updates, but not all of them."""

    @property
    def measure_period(self) -> int:
        """It measures the first update and every so many from there on; 1 by default."""


class SharedCurves(Protocol):
    """One that measures updates and makes curves that others may make too."""

    @property
    def shared_curves(self) -> Sequence[str]:
        """Their names up to a "/": each the same quantity, whoever measures it; none by default.

        A curve that several share is one, with the value of the first that measured the step.
        """


class CheckpointFolder(Protocol):
    """A callback that writes checkpoints to a folder."""

    @property
    def checkpoint_folder(self) -> str:
        """The name of that argument; none by default.

        `Trainer.resume` sets it to the folder of the file from which it goes on.
        """


class Pure(Protocol):
    """A component whose methods are functions of their arguments and of its settings alone."""

    @property
    def pure(self) -> Literal[True]:
        """That the class says so, so that engine numpy may record its calls; False by default but for bundled ones."""


class ActsOn(Protocol):
    """A regularizer of what hidden layers give out."""

    @property
    def on(self) -> Literal["weights", "activations"]:
        """What it is given; "weights" by default."""


class Compares(Protocol):
    """A metric that says what it compares."""

    @property
    def of(self) -> Literal["predictions", "log_odds", "labels"]:
        """What it is given; "predictions" by default."""


class Directed(Protocol):
    """A metric that says which values are better."""

    @property
    def best(self) -> Literal["min", "max"]:
        """Which end of the scale is better; not known by default."""


class OwnLabel(Protocol):
    """A layer with an argument `label` of its own."""

    @property
    def label(self) -> str:
        """Its label in a network; by default the component's name with a number."""


@runtime_checkable
class WithActivation(Protocol):
    """A layer that ends in an activation: shown in traces, and not to be applied a second time by the loss."""

    @property
    def activation(self) -> Activation | Layer | None:
        """The activation; None by default."""


class Stochastic(Protocol):
    """A layer that draws in training, or an optimizer or gradient step that does: these have `h.key` then."""

    @property
    def stochastic(self) -> bool:
        """Whether another key gives another result; False by default."""


class Coupled(Protocol):
    """A layer whose rows depend on each other even in evaluation."""

    @property
    def coupled(self) -> bool:
        """Whether they do; False by default."""


class RemovesOffset(Protocol):
    """A layer with `fit` that gives the same for inputs to which a number was added, once it was fitted to them."""

    @property
    def removes_offset(self) -> bool:
        """Whether it does; False by default.

        In front of a network its columns get rid of a large offset before the run's dtype rounds them.
        """


class WithSurrogate(Protocol):
    """An activation, layer, loss or regularizer whose slope is meant not to be the gradient of its value."""

    @property
    def surrogate(self) -> str:
        """Why, in words; by default the checks compare the slope with differences of the value."""


class CountsRows(Protocol):
    """A metric in which a row of weight 2 is not two rows, as one of ranks."""

    @property
    def counts_rows(self) -> bool:
        """Whether it is; True by default."""


class WithEndingActivation(Protocol):
    """A layer that holds others: not to be followed by a loss that applies the activation in which they end."""

    @property
    def ending_activation(self) -> Activation | Layer | None:
        """The activation; None by default."""


class TrainingOnly(Protocol):
    """A layer that hands on its inputs as they are in evaluation."""

    @property
    def training_only(self) -> bool:
        """Whether it does; False by default."""


class HoldsArrays(Protocol):
    """A source of arrays `x` and `y`, rows of any rank, rather than of columns."""

    @property
    def arrays(self) -> bool:
        """Whether `read` gives x and y by these names; False by default."""


class WithDomain(Protocol):
    """A loss that cannot use every score."""

    @property
    def domain(self) -> str:
        """Where its scores have to lie, as `bpframe.protocols.number_sets` writes it; anywhere by default."""


class Ordered(Protocol):
    """A loss of ordered classes."""

    @property
    def order(self) -> Sequence[Any] | None:
        """All labels from the first class to the last; by default, and for None, they are sorted."""


class ReadsNames(Protocol):
    """A layer that takes columns, or inputs, by their names."""

    @property
    def reads_names(self) -> bool:
        """Whether it does; False by default. A network with such a layer takes a table as a mapping of its columns."""


class TakesWeights(Protocol):
    """A loss that couples the rows of a batch and takes their weights: `value_and_delta(scores, target, weight=None)`.

    weight (B,) are those of the rows, up to a factor; None: all alike. A row of weight 0 counts for nothing.
    """

    @property
    def weighted(self) -> bool:
        """Whether it does; False by default: then rows have no weights."""


class TakesMissing(Protocol):
    """A loss that takes NaN in its target: a value that is missing."""

    @property
    def missing(self) -> bool:
        """Whether it does; False by default: then y with NaN is refused."""


class Grouped(Protocol):
    """A loss of fields, one of which tells groups of rows: those of one query, of one person."""

    @property
    def group(self) -> str:
        """The name of that field, of which any labels are taken, as numbers; none by default."""


class ComparedField(Protocol):
    """A loss of fields, one of which is what predictions are compared with."""

    @property
    def compared(self) -> str:
        """The name of that field, for metrics that know no others; none by default."""


class MetricOfFields(Protocol):
    """A metric that needs several fields of a target."""

    @property
    def fields(self) -> Sequence[str]:
        """Their names; its target is then a mapping of names to (B, m). By default it is an array."""


class TakesClassNumbers(Protocol):
    """A loss with the link "softmax" that works on class numbers, too, so that many classes need no column each."""

    @property
    def class_numbers(self) -> bool:
        """Whether its target may be class numbers (B, 1) in the place of (B, C); False by default."""


class FixedSettings(Protocol):
    """A layer, activation or loss with float arguments that no schedule may move.

    What its constructor or `init` makes of them once, and what Python code decides by.
    """

    @property
    def fixed_settings(self) -> Sequence[str]:
        """Their names; none by default."""


class WithRange(Protocol):
    """An activation or layer that says where all numbers lie that it gives out."""

    @property
    def range(self) -> str | None:
        """An interval that holds them, "[0, inf)", or "simplex" for rows of probabilities, "simplices" for several such
        rows side by side; not known by default."""


class WithTuningSpace(Protocol):
    """An optimizer that says where its settings are to be searched, when rules are compared (`bpframe compare`)."""

    @property
    def tuning_space(self) -> TuningSpace:
        """By the name of a setting, or a dotted path such as "others.lr", (low, high) or a list of values.

        Between low and high values are spread evenly in the logarithm. "source" says where the ranges come from;
        "schedule": None that the rate is to stay as it is. Those of a rule that it holds as `inner` come besides. By
        default `lr` over three decades round its own default.
        """


class ExampleConfigs(Protocol):
    """A class of components with arguments for the conformance kit to try."""

    def example_configs(self) -> Sequence[Mapping[str, Any]]:
        """Arguments, a mapping for each example, of the class; by default values are made up from annotations."""


def tuning_space_of(rule: object) -> TuningSpace | None:
    """Where an optimizer, or its class, wants its settings to be searched; None: it does not say."""
    space: TuningSpace | None = getattr(rule, "tuning_space", None)
    return space


def needs_whole_batch(rule: object) -> bool:
    """Whether an optimizer needs all rows in each batch."""
    return bool(getattr(rule, "whole_batch", False))


def amplifies_rounding(rule: object) -> Sequence[str]:
    """See `AmplifiesRounding`."""
    return tuple(getattr(rule, "amplifies_rounding", ()))


def evaluation_period(rule: object) -> int:
    """How many updates it takes until an optimizer renews the parameters to predict with."""
    return int(getattr(rule, "evaluation_period", 1))


def monitor_of(callback: object) -> str | None:
    """The curve that a callback waits for; None: none."""
    monitor = getattr(callback, "monitor", None)
    return monitor if isinstance(monitor, str) else None


def rewinds(callback: object) -> bool:
    """Whether a callback may hear of epochs when later ones are made, which its stop takes back."""
    return bool(getattr(callback, "rewinds", False))


def learning_rates(rule: object) -> tuple[str, ...] | None:
    """The arguments that an optimizer names as its learning rates; None: it names none."""
    names = getattr(rule, "learning_rates", None)
    return None if names is None else tuple(names)


def lr_is_a_factor(rule: object) -> bool:
    """Whether an optimizer's steps are proportional to its `lr`."""
    return bool(getattr(rule, "lr_is_a_factor", True))


def compiles(engine: object) -> bool:
    """Whether an engine's first step takes long."""
    return bool(getattr(engine, "compiles", False))


def levels(engine: object) -> frozenset[str]:
    """The parts of its protocol that an engine keeps."""
    return frozenset(getattr(engine, "levels", FIRST_LEVELS)) | {"steps"}


def changeable(engine: object) -> dict[str, str | None]:
    """The arguments of an engine that a run which goes on may change, with the conditions that they bound."""
    return dict(getattr(engine, "changeable", ()))


def holds_arrays(source: object) -> bool:
    """Whether a source gives arrays x and y rather than columns."""
    return bool(getattr(source, "arrays", False))


def block_losses(session: object) -> Losses | None:
    """The losses of a session's latest block, an exception within it or not; None: the session does not keep them."""
    losses: Losses | None = getattr(session, "block_losses", None)
    return losses


def measure_period(component: object) -> int:
    """At how many steps one is measured."""
    return int(getattr(component, "measure_period", 1))


def shared_curves(component: object) -> tuple[str, ...]:
    """The curves, by name up to a "/", that one who measures may share with others."""
    return tuple(getattr(component, "shared_curves", ()))


def checkpoint_folder(callback: object) -> str | None:
    """The argument of a callback that names the folder of its checkpoints; None: it has none."""
    name: str | None = getattr(callback, "checkpoint_folder", None)
    return name


def is_pure(cls: type) -> bool:
    """Whether a class declares its methods to be functions of arguments and settings alone."""
    return getattr(cls, "pure", False) is True


def fixed_settings(component: object) -> tuple[str, ...]:
    """The arguments of a layer, activation or loss that no schedule may move."""
    return tuple(getattr(component, "fixed_settings", ()))


def acts_on(regularizer: object) -> str:
    """What a regularizer is given: "weights" or "activations"."""
    return str(getattr(regularizer, "on", "weights"))


def compares(metric: object) -> str:
    """What a metric is given: "predictions", "log_odds" or "labels"."""
    return str(getattr(metric, "of", "predictions"))


def better(metric: object) -> str | None:
    """Which end of a metric's scale is better; None: not known."""
    best: str | None = getattr(metric, "best", None)
    return best


def own_label(layer: object) -> Any:
    """The label that a layer brings, which the network checks; None: it brings none."""
    return getattr(layer, "label", None)


def activation_of(layer: object) -> Activation | Layer | None:
    """The activation that a layer ends in; None: in none."""
    activation: Activation | Layer | None = getattr(layer, "activation", None)
    return activation


def ending_activation_of(layer: object) -> Activation | Layer | None:
    """The activation from which what a layer gives out comes, its own or that of one inside it; None: from none."""
    inside: Activation | Layer | None = getattr(layer, "ending_activation", None)
    return activation_of(layer) or inside


def scope_of(component: object) -> str:
    """What a piece of the parameters is to a component: "element" unless it says otherwise."""
    return str(getattr(component, "scope", "element"))


def is_stochastic(part: object) -> bool:
    """Whether a layer draws in training."""
    return bool(getattr(part, "stochastic", False))


def removes_offset(layer: object) -> bool:
    """Whether a fitted layer gives the same for inputs to which a number was added."""
    return bool(getattr(layer, "removes_offset", False))


def decay_settings(component: object) -> tuple[str, ...]:
    """The arguments of a component that shrink parameters."""
    return tuple(getattr(component, "decay_settings", ("weight_decay",)))


def lr_multipliers(layer: object) -> dict[str, float]:
    """See `LrMultipliers`."""
    return dict(getattr(layer, "lr_multipliers", ()))


def decay_multipliers(layer: object) -> dict[str, float]:
    """See `DecayMultipliers`."""
    return dict(getattr(layer, "decay_multipliers", ()))


def mixes_targets(augmentation: object) -> bool:
    """See `MixesTargets`."""
    return bool(getattr(augmentation, "mixes_targets", False))


def is_coupled(layer: object) -> bool:
    """Whether a layer's rows depend on each other in evaluation."""
    return bool(getattr(layer, "coupled", False))


def surrogate_of(component: object) -> object:
    """Why a component's slope is meant not to be the gradient; None: it is."""
    return getattr(component, "surrogate", None)


def counts_rows(metric: object) -> bool:
    """Whether a row of weight 2 is two rows to a metric."""
    return bool(getattr(metric, "counts_rows", True))


def acts_in_training_only(layer: object) -> bool:
    """Whether a layer hands on its inputs as they are in evaluation."""
    return bool(getattr(layer, "training_only", False))


def domain_of(loss: object) -> str | None:
    """Where a loss's scores have to lie; None: anywhere."""
    domain = _number_set(loss, "domain", getattr(loss, "domain", None))
    return None if domain == EVERYWHERE else domain


def order_of(loss: object) -> list[Any] | None:
    """The labels of a loss of classes from the first to the last; None: sorted."""
    order: Sequence[Any] | None = getattr(loss, "order", None)
    return None if order is None else list(order)


def reads_names(layer: object) -> bool:
    """Whether a layer takes columns of a table by their names."""
    return bool(getattr(layer, "reads_names", False))


def is_weighted(loss: object) -> bool:
    """Whether a loss that couples rows takes their weights."""
    return bool(getattr(loss, "weighted", False))


def takes_missing(loss: object) -> bool:
    """Whether a loss takes NaN in its target."""
    return bool(getattr(loss, "missing", False))


def group_of(loss: object) -> str | None:
    """The field of a loss's target that tells groups of rows; None: none."""
    group: str | None = getattr(loss, "group", None)
    return group


def compared_field(loss: object) -> str | None:
    """The field of a loss's target that predictions are compared with; None: none."""
    field: str | None = getattr(loss, "compared", None)
    return field


def metric_fields(metric: object) -> tuple[str, ...] | None:
    """The fields of a target that a metric needs; None: it compares predictions with an array."""
    fields: Sequence[str] | None = getattr(metric, "fields", None)
    return None if fields is None or callable(fields) else tuple(fields)


def takes_class_numbers(loss: object) -> bool:
    """Whether a loss of classes takes targets (B, 1) of class numbers."""
    return bool(getattr(loss, "class_numbers", False))


def range_of(part: object) -> str | None:
    """Where the numbers lie that an activation or layer gives out; None: not known."""
    return _number_set(part, "range", getattr(part, "range", None))


def _number_set(part: object, name: str, text: object) -> str | None:
    """What names a set of numbers; None for what is no text; IncompatibleComponent for a text that names none."""
    if not isinstance(text, str):
        return None
    try:
        Interval.of(text)
    except ValueError as error:
        raise IncompatibleComponent(f"{type(part).__name__}: {name} {error}.") from None
    return text


def example_configs(component: object) -> list[dict[str, Any]] | None:
    """A class's own examples of its arguments; None: it has none."""
    examples = getattr(component, "example_configs", None)
    return None if examples is None else [dict(config) for config in examples()]
