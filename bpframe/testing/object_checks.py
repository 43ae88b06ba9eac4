"""A check for each kind, of an object of one's own: a report, or CheckFailed."""

from __future__ import annotations

from typing import Any

from bpframe.testing.laws.references import Reference
from bpframe.testing.report import Report
from bpframe.testing.suite import check_object
from bpframe.types import Shape


def check_activation(activation: Any) -> Report:
    """derivative(value(u)) is the slope at u, and nothing else goes wrong; or the laws of a layer, if it is one."""
    return check_object("activation", activation)


def check_layer(layer: Any, in_shape: Shape = (5,)) -> Report:
    """Gradients are those of forward, backward is linear, nothing is changed or kept."""
    return check_object("layer", layer, in_shape=in_shape)


def check_loss(loss: Any) -> Report:
    """delta is the slope of the value, row by row, and nothing else goes wrong."""
    return check_object("loss", loss)


def check_optimizer(optimizer: Any, reference: Reference | None = None) -> Report:
    """The rule follows its reference, gets down, keeps dtypes and its scope, and can be saved.

    `reference(p, gradients)` yields one number's values in plain Python floats; by default the rule's own.
    """
    return check_object("optimizer", optimizer, reference=reference)


def check_gradient_step(step: Any) -> Report:
    """Gradients keep shape and dtype, pieces their independence, and what it remembers can be saved."""
    return check_object("gradient_step", step)


def check_schedule(schedule: Any) -> Report:
    """A finite float at every step, without a memory."""
    return check_object("schedule", schedule)


def check_initializer(initializer: Any) -> Report:
    """float64 of the shape asked for, from the generator that is given."""
    return check_object("initializer", initializer)


def check_regularizer(regularizer: Any) -> Report:
    """The gradient is that of the penalty; penalties of pieces add up."""
    return check_object("regularizer", regularizer)


def check_constraint(constraint: Any) -> Report:
    """A projection: twice is once, and nothing allowed is nearer."""
    return check_object("constraint", constraint)


def check_sampler(sampler: Any) -> Report:
    """Row numbers that exist, from the generator that is given."""
    return check_object("sampler", sampler)


def check_metric(metric: Any) -> Report:
    """A finite float; ratios of weights count, the order of rows does not, nor does a row of weight 0."""
    return check_object("metric", metric)
