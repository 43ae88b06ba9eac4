"""Checks of an object, one function for each kind: they return a report or raise CheckFailed."""

from __future__ import annotations

from collections.abc import Mapping

from bpframe.protocols import (
    Activation,
    Augmentation,
    Constraint,
    Engine,
    Exporter,
    GradientStep,
    Initializer,
    Layer,
    Loss,
    Metric,
    Minimizer,
    Optimizer,
    Regularizer,
    Sampler,
    Schedule,
    Source,
)
from bpframe.testing.laws.references import Reference
from bpframe.testing.report import CheckReport
from bpframe.testing.suite import check_object
from bpframe.types import Shape


def check_activation(activation: Activation) -> CheckReport:
    """Check that derivative(value(u)) is the slope at u, and the other laws; of a layer, if it has forward."""
    return check_object("activation", activation)


def check_layer(layer: Layer, in_shape: Shape | Mapping[str, Shape] = (5,)) -> CheckReport:
    """Check that gradients are those of forward, backward is linear, no argument is changed, nothing is kept.

    `in_shape`: of a row, or of a row of each of several inputs by name.
    """
    return check_object("layer", layer, in_shape=in_shape)


def check_loss(loss: Loss) -> CheckReport:
    """Check that delta is the slope of the value, row by row, and the other laws."""
    return check_object("loss", loss)


def check_optimizer(optimizer: Optimizer | Minimizer, reference: Reference | None = None) -> CheckReport:
    """Check that an optimizer follows its reference, descends, keeps dtypes and its scope, and can be saved.

    `reference(p, gradients)` yields the values of one number in Python floats; by default the optimizer's own.
    """
    return check_object("optimizer", optimizer, reference=reference)


def check_gradient_step(step: GradientStep) -> CheckReport:
    """Check that gradients keep shape and dtype, slices stay independent, and the state can be saved."""
    return check_object("gradient_step", step)


def check_schedule(schedule: Schedule) -> CheckReport:
    """Check for a finite float at every step that depends on the step alone."""
    return check_object("schedule", schedule)


def check_initializer(initializer: Initializer) -> CheckReport:
    """Check for float64 samples of the requested shape, drawn from the generator in the argument."""
    return check_object("initializer", initializer)


def check_regularizer(regularizer: Regularizer) -> CheckReport:
    """Check that the gradient is that of the penalty, and that penalties of slices add up."""
    return check_object("regularizer", regularizer)


def check_constraint(constraint: Constraint) -> CheckReport:
    """Check for a projection: idempotent, and to the nearest allowed point."""
    return check_object("constraint", constraint)


def check_augmentation(augmentation: Augmentation) -> CheckReport:
    """Check that rows keep shapes and dtypes, follow from the key, and that rows of weight 0 stay out."""
    return check_object("augmentation", augmentation)


def check_sampler(sampler: Sampler) -> CheckReport:
    """Check for valid row numbers, drawn from the generator in the argument."""
    return check_object("sampler", sampler)


def check_source(source: Source) -> CheckReport:
    """Check for suffixes, and that its example file gives the columns that it says, whichever way it is read."""
    return check_object("source", source)


def check_engine(engine: Engine) -> CheckReport:
    """Check that trainings agree with engine numpy, and that a session shows states after whole steps alone."""
    return check_object("engine", engine)


def check_exporter(exporter: Exporter) -> CheckReport:
    """Check for suffixes, and for bytes that the model decides and that repeat."""
    return check_object("exporter", exporter)


def check_metric(metric: Metric) -> CheckReport:
    """Check for a finite float that depends on ratios of weights, not on the order of rows or rows of weight 0."""
    return check_object("metric", metric)
