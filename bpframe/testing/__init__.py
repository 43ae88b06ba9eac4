"""Testing of components: checks against the laws of their kind, for bundled and for third-party plugins.

    from bpframe.testing import check, check_loss

    check("loss", "bpframe-focal/focal")      # an installed component by name
    check_loss(Focal(gamma=2.0))              # any object
    test_conformance = suite("bpframe-focal") # in a test file: every component of a distribution

Each check has a name; a `CheckReport` lists the checks that ran, passed, failed, or were skipped and why, and the
engines on which a short training with the component ran. A failure raises `bpframe.errors.CheckFailed`, an
AssertionError, so these functions serve as tests.
"""

from __future__ import annotations

from bpframe.testing.distribution_suite import suite
from bpframe.testing.laws.finite_differences import check_gradient
from bpframe.testing.object_checks import (
    check_activation,
    check_augmentation,
    check_constraint,
    check_engine,
    check_exporter,
    check_gradient_step,
    check_initializer,
    check_layer,
    check_loss,
    check_metric,
    check_optimizer,
    check_regularizer,
    check_sampler,
    check_schedule,
    check_source,
)
from bpframe.testing.pairs.table import Pair, check_pairs
from bpframe.testing.report import CheckReport
from bpframe.testing.suite import check, check_distribution

Report = CheckReport  # the name in bpframe 0.1

__all__ = [
    "CheckReport",
    "Pair",
    "Report",
    "check",
    "check_activation",
    "check_augmentation",
    "check_constraint",
    "check_distribution",
    "check_engine",
    "check_exporter",
    "check_gradient",
    "check_gradient_step",
    "check_initializer",
    "check_layer",
    "check_loss",
    "check_metric",
    "check_optimizer",
    "check_pairs",
    "check_regularizer",
    "check_sampler",
    "check_schedule",
    "check_source",
    "suite",
]
