"""bpframe: neural networks by backpropagation, in which every part is a plugin.

    import bpframe as bp

    network = bp.Network([bp.layers.dense(64, activation="tanh"), bp.layers.dense(10)])
    trainer = bp.Trainer(network, loss="softmax_cross_entropy", optimizer=bp.optimizers.adam(lr=1e-3))
    history = trainer.fit(x, y, epochs=20, validation=(xv, yv))

`bp.layers`, `bp.losses`, `bp.optimizers`, ... list the installed components; importing bpframe imports none of them.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, NoReturn

from bpframe.version import VERSION as __version__

if TYPE_CHECKING:
    from bpframe import _namespaces, datasets, errors, plot, testing
    from bpframe._namespaces import build, load
    from bpframe.export.front import export
    from bpframe.network.network import Network
    from bpframe.network.trace import Trace
    from bpframe.registry import names, providers, refresh, register
    from bpframe.runs.run import Run
    from bpframe.testing import Report as CheckReport
    from bpframe.training.history import History
    from bpframe.training.hook_marker import hookimpl
    from bpframe.training.lr_range import LrRange, lr_range_test
    from bpframe.training.network_recorder import NetworkRecorder
    from bpframe.training.parameter_groups import ParameterGroup
    from bpframe.training.parameters import Parameters
    from bpframe.training.run_state import RunState
    from bpframe.training.trainer import Trainer

    activations: _namespaces.Activations
    augmentations: _namespaces.Augmentations
    callbacks: _namespaces.Callbacks
    constraints: _namespaces.Constraints
    engines: _namespaces.Engines
    exporters: _namespaces.Exporters
    gradient_steps: _namespaces.GradientSteps
    initializers: _namespaces.Initializers
    layers: _namespaces.Layers
    losses: _namespaces.Losses
    metrics: _namespaces.Metrics
    optimizers: _namespaces.Optimizers
    regularizers: _namespaces.Regularizers
    samplers: _namespaces.Samplers
    schedules: _namespaces.Schedules
    sources: _namespaces.Sources

_MODULES = ("datasets", "errors", "export", "plot", "testing")
_HOME = {
    "CheckReport": "testing.Report",
    "History": "training.history.History",
    "LrRange": "training.lr_range.LrRange",
    "Network": "network.network.Network",
    "NetworkRecorder": "training.network_recorder.NetworkRecorder",
    "ParameterGroup": "training.parameter_groups.ParameterGroup",
    "Parameters": "training.parameters.Parameters",
    "Run": "runs.run.Run",
    "RunState": "training.run_state.RunState",
    "Trace": "network.trace.Trace",
    "Trainer": "training.trainer.Trainer",
    "hookimpl": "training.hook_marker.hookimpl",
    "lr_range_test": "training.lr_range.lr_range_test",
}
_REGISTRY = ("build", "load", "names", "providers", "refresh", "register")

__all__ = [
    "CheckReport",
    "History",
    "LrRange",
    "Network",
    "NetworkRecorder",
    "ParameterGroup",
    "Parameters",
    "Run",
    "RunState",
    "Trace",
    "Trainer",
    "__version__",
    "activations",
    "augmentations",
    "build",
    "callbacks",
    "constraints",
    "datasets",
    "engines",
    "errors",
    "export",
    "exporters",
    "gradient_steps",
    "hookimpl",
    "initializers",
    "layers",
    "load",
    "losses",
    "lr_range_test",
    "metrics",
    "names",
    "optimizers",
    "plot",
    "providers",
    "refresh",
    "register",
    "regularizers",
    "samplers",
    "schedules",
    "sources",
    "testing",
]


def _touched(name: str) -> Any:
    """Public names come from their modules when first touched, so that importing bpframe costs little."""
    if name in _HOME:
        module, _, attribute = _HOME[name].rpartition(".")
        found = getattr(importlib.import_module(f"bpframe.{module}"), attribute)
    elif name in _MODULES:
        found = importlib.import_module(f"bpframe.{name}")
    elif name in __all__:
        registry = importlib.import_module("bpframe.registry")
        found = getattr(registry, name) if name in _REGISTRY else registry.namespaces[name]
    else:
        found = _refuse(name)
    return globals().setdefault(name, found)


def _refuse(name: str) -> NoReturn:
    words = importlib.import_module("bpframe.registry.other_words")
    hint = words.did_you_mean(name, __all__, words.PUBLIC)
    raise AttributeError(f"module 'bpframe' has no attribute {name!r}{hint and f'.{hint}'}")


if not TYPE_CHECKING:  # type checkers know the names from above, and refuse others
    __getattr__ = _touched


def __dir__() -> list[str]:
    return sorted(__all__)
