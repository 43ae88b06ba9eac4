"""Traits, the optional attributes of components: a protocol for each, and the one function that reads it.

A component that lacks an attribute is taken to have the default; bpframe reads no other attributes of components than
these, those of their protocols and capabilities, and their constructor's arguments.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from typing_extensions import Protocol, runtime_checkable

from bpframe.protocols.components import Activation, Layer


class WholeBatch(Protocol):
    """An optimizer that compares one step's gradient with the next, and so needs all rows in each batch."""

    @property
    def whole_batch(self) -> bool:
        """Whether a fit warns of smaller batches; False by default."""


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
    """A layer that draws in training."""

    @property
    def stochastic(self) -> bool:
        """Whether another key gives another result; False by default."""


class Coupled(Protocol):
    """A layer whose rows depend on each other even in evaluation."""

    @property
    def coupled(self) -> bool:
        """Whether they do; False by default."""


class ExampleConfigs(Protocol):
    """A class of components with arguments for the conformance kit to try."""

    def example_configs(self) -> Sequence[Mapping[str, Any]]:
        """Arguments, a mapping for each example, of the class; by default values are made up from annotations."""


def needs_whole_batch(rule: object) -> bool:
    """Whether an optimizer needs all rows in each batch."""
    return bool(getattr(rule, "whole_batch", False))


def compiles(engine: object) -> bool:
    """Whether an engine's first step takes long."""
    return bool(getattr(engine, "compiles", False))


def changeable(engine: object) -> dict[str, str | None]:
    """The arguments of an engine that a run which goes on may change, with the conditions that they bound."""
    return dict(getattr(engine, "changeable", ()))


def is_pure(cls: type) -> bool:
    """Whether a class declares its methods to be functions of arguments and settings alone."""
    return getattr(cls, "pure", False) is True


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


def scope_of(component: object) -> str:
    """What a piece of the parameters is to a component: "element" unless it says otherwise."""
    return str(getattr(component, "scope", "element"))


def is_stochastic(layer: object) -> bool:
    """Whether a layer draws in training."""
    return bool(getattr(layer, "stochastic", False))


def is_coupled(layer: object) -> bool:
    """Whether a layer's rows depend on each other in evaluation."""
    return bool(getattr(layer, "coupled", False))


def example_configs(component: object) -> list[dict[str, Any]] | None:
    """A class's own examples of its arguments; None: it has none."""
    examples = getattr(component, "example_configs", None)
    return None if examples is None else [dict(config) for config in examples()]
