"""Checks of components against the laws of their kind, for bundled plugins and yours alike.

    from bpframe.testing import check, check_loss

    check("loss", "bpframe-focal/focal")      # an installed component by name
    check_loss(Focal(gamma=2.0))              # an object of your own

Each check has a name; a report lists those that ran, passed, failed, or were skipped and why. A failure raises
`bpframe.errors.CheckFailed`, an AssertionError, so these functions serve as tests.
"""

from __future__ import annotations

from bpframe.testing.activations import check_activation
from bpframe.testing.gradients import check_gradient
from bpframe.testing.layers import check_layer
from bpframe.testing.losses import check_loss
from bpframe.testing.optimizers import check_optimizer
from bpframe.testing.report import Report
from bpframe.testing.suite import check, check_distribution

__all__ = [
    "Report",
    "check",
    "check_activation",
    "check_distribution",
    "check_gradient",
    "check_layer",
    "check_loss",
    "check_optimizer",
]
