"""Decay rates: the settings of optimizers, gradient steps and regularizers that shrink parameters, and others of them.

By default that is `weight_decay`, where there is such an argument, and those of components inside; a component may name
its own (`DecaySettings`).
"""

from __future__ import annotations

from typing import Any

from bpframe.engine.hyperparameters import ScaledSchedule
from bpframe.protocols.traits import decay_settings
from bpframe.registry import arguments
from bpframe.registry.nested import is_schedule, parts

SHRINKING = ("optimizer", "gradient_step", "regularizer")  # kinds that may


def scaled_decay(component: Any, factor: float) -> Any:
    """The component with every decay rate times a number; itself where it has none."""
    given = arguments(component)
    changed = {name: _scaled(given[name], factor) for name in decay_settings(component) if name in given}
    for path, kind, inner in parts(component):
        if kind in SHRINKING and "[" not in path and (scaled := scaled_decay(inner, factor)) is not inner:
            changed[path] = scaled
    return type(component)(**{**given, **changed}) if changed else component


def _scaled(rate: Any, factor: float) -> Any:
    return ScaledSchedule(rate, factor) if is_schedule(rate) else rate * factor
