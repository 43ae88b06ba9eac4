"""Checks of components against the laws of their kind, for bundled plugins and yours alike.

    from bpframe.testing import check, check_loss

    check("loss", "bpframe-focal/focal")      # an installed component by name
    check_loss(Focal(gamma=2.0))              # an object of your own

Each check has a name; a report lists those that ran, passed, failed, or were skipped and why, and the engines that the
component was seen to train on. A failure raises `bpframe.errors.CheckFailed`, an AssertionError, so these functions
serve as tests.
"""

from __future__ import annotations

from bpframe.testing.laws.finite_differences import check_gradient
from bpframe.testing.object_checks import (
    check_activation,
    check_constraint,
    check_gradient_step,
    check_initializer,
    check_layer,
    check_loss,
    check_metric,
    check_optimizer,
    check_regularizer,
    check_sampler,
    check_schedule,
)
from bpframe.testing.report import Report
from bpframe.testing.suite import check, check_distribution

__all__ = [
    "Report",
    "check",
    "check_activation",
    "check_constraint",
    "check_distribution",
    "check_gradient",
    "check_gradient_step",
    "check_initializer",
    "check_layer",
    "check_loss",
    "check_metric",
    "check_optimizer",
    "check_regularizer",
    "check_sampler",
    "check_schedule",
]
