"""A TrainerSpec for tests of what reads the spec's lists alone."""

from __future__ import annotations

from typing import Any

import bpframe as bp
from bpframe.training.spec import TrainerSpec


def spec_of(optimizer: Any, **parts: Any) -> TrainerSpec:
    """The spec of a small trainer with this optimizer, a ready component, and other parts."""
    network = bp.Network([bp.layers.dense(1)])
    return TrainerSpec(
        network=network, loss=bp.losses.mse(), engine=bp.build("engine", "numpy"), optimizer=optimizer, **parts
    )
