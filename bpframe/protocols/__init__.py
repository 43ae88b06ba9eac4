"""Protocols: the methods and attributes of each kind of component.  Structural: no base class or import is needed.

Shapes: B rows of a batch, C scores a row, n inputs and m outputs of a layer, p any parameter.
Components are pure: new arrays out, nothing kept on `self`, arguments read-only, no Python branch on array values;
settings are constructor arguments. They speak the Array API standard (`xp = x.__array_namespace__()`, or
`bpframe.ops.namespace(x)`, which costs less on small arrays), so one definition serves every engine. Every result has
the dtype of the arrays that came in.

Capabilities are small protocols of their own, for the components that need one:
`Refresh` and `Fit` (layers); `EncodeTarget`, `PredictLabels`, `TargetWidth`, `Point`, `SeveralHeads` and `SampleTarget`
(losses); `Totals`, `RuleFor`, `Probe`, `Observe`, `EvaluationParams` and `Restart` (optimizers); `Totals`, `Adjust` and
`Periodic` (gradient steps); `Applies` (gradient steps, regularizers, constraints); `Over` and `After` (schedules);
`Draws` (samplers).

Attributes that a component may have besides, each with a default (`bpframe.protocols.traits`): `WholeBatch`
(optimizers), `Compiles` and `Changeable` (engines), `ActsOn` (regularizers), `Compares` and `Directed` (metrics),
`OwnLabel`, `WithActivation`, `Stochastic` and `Coupled` (layers), `Pure` and `ExampleConfigs` (any).

A rule that holds another (`inner: Optimizer`) keeps its state under the argument's name and hands it `h.inner`; the
engine finds the capabilities of either.
"""

from __future__ import annotations

from bpframe.protocols.capabilities import (
    Adjust,
    After,
    Applies,
    Draws,
    EncodeTarget,
    EvaluationParams,
    Fit,
    Observe,
    Over,
    Periodic,
    Point,
    PredictLabels,
    Probe,
    Reference,
    Refresh,
    Restart,
    RuleFor,
    SampleTarget,
    SeveralHeads,
    TargetWidth,
    Totals,
)
from bpframe.protocols.components import (
    Activation,
    Callback,
    Constraint,
    Context,
    GradientStep,
    Initializer,
    Key,
    Layer,
    Loss,
    Metric,
    Minimizer,
    Optimizer,
    Param,
    Regularizer,
    Sampler,
    Schedule,
)
from bpframe.protocols.engine import Batches, Data, Engine, Group, Losses, Session
from bpframe.protocols.traits import (
    ActsOn,
    Changeable,
    Compares,
    Compiles,
    Coupled,
    Directed,
    ExampleConfigs,
    OwnLabel,
    Pure,
    Stochastic,
    WholeBatch,
    WithActivation,
)

__all__ = [
    "Activation",
    "ActsOn",
    "Adjust",
    "After",
    "Applies",
    "Batches",
    "Callback",
    "Changeable",
    "Compares",
    "Compiles",
    "Constraint",
    "Context",
    "Coupled",
    "Data",
    "Directed",
    "Draws",
    "EncodeTarget",
    "Engine",
    "EvaluationParams",
    "ExampleConfigs",
    "Fit",
    "GradientStep",
    "Group",
    "Initializer",
    "Key",
    "Layer",
    "Loss",
    "Losses",
    "Metric",
    "Minimizer",
    "Observe",
    "Optimizer",
    "Over",
    "OwnLabel",
    "Param",
    "Periodic",
    "Point",
    "PredictLabels",
    "Probe",
    "Pure",
    "Reference",
    "Refresh",
    "Regularizer",
    "Restart",
    "RuleFor",
    "SampleTarget",
    "Sampler",
    "Schedule",
    "Session",
    "SeveralHeads",
    "Stochastic",
    "TargetWidth",
    "Totals",
    "WholeBatch",
    "WithActivation",
]
