"""Protocols: the methods and attributes of each kind of component.  Structural: no base class or import is needed.

Shapes: B rows of a batch, C scores a row, n inputs and m outputs of a layer, p any parameter.
Components are pure: new arrays out, nothing kept on `self`, arguments read-only, no Python branch on array values;
settings are constructor arguments. They speak the Array API standard (`xp = x.__array_namespace__()`, or
`bpframe.ops.namespace(x)`, which costs less on small arrays), so one definition serves every engine. Every result has
the dtype of the arrays that came in.

Capabilities are small protocols of their own, for the components that need one:
`Refresh`, `Statistics`, `Fit`, `WeightedFit`, `CheckInputs` and `RangeAfter` (layers);
`EncodeTarget`, `PredictLabels`, `ClassTargets`, `TargetWidth`, `Point`, `SeveralHeads` and `SampleTarget` (losses);
`Totals`, `RuleFor`, `Probe`, `Observe`, `EvaluationParams` and `Restart` (optimizers);
`Totals`, `Adjust` and `Periodic` (gradient steps); `Applies` (gradient steps, regularizers, constraints);
`Over` and `After` (schedules); `Draws` (samplers); `Select`, `Numbered` and `TargetFile` (sources);
`CheckMemory` (callbacks); `SessionStatistics` (sessions of engines).

Attributes that a component may have besides, each with a default (`bpframe.protocols.traits`): `WholeBatch`,
`LearningRates`, `LrIsAFactor` and `EvaluationPeriod` (optimizers), `Compiles` and `Changeable` (engines), `BlockLosses`
(sessions), `CheckpointFolder` and `Monitoring` (callbacks), `ActsOn` (regularizers), `Compares`, `Directed` and
`CountsRows` (metrics), `HoldsArrays` (sources), `WithDomain` and `Ordered` (losses), `WithRange` (activations, layers),
`WithSurrogate` (all with slopes), `OwnLabel`, `WithActivation`, `Stochastic`, `TrainingOnly`, `RemovesOffset` and
`Coupled` (layers), `Pure` and `ExampleConfigs` (any). What a component tells the conformance kit besides stands in
[the kit's members](kit-members.md).

A rule that holds another (`inner: Optimizer`) keeps its state under the argument's name and hands it `h.inner`; the
engine finds the capabilities of either.
"""

from __future__ import annotations

from bpframe.protocols.capabilities import (
    Adjust,
    After,
    Applies,
    CheckInputs,
    CheckMemory,
    ClassTargets,
    Draws,
    EncodeTarget,
    EvaluationParams,
    Fit,
    Numbered,
    Observe,
    Over,
    Periodic,
    Point,
    PredictLabels,
    Probe,
    RangeAfter,
    Reference,
    Refresh,
    Restart,
    RuleFor,
    SampleTarget,
    Select,
    SeveralHeads,
    Statistics,
    TargetFile,
    TargetWidth,
    Totals,
    WeightedFit,
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
    Source,
)
from bpframe.protocols.engine import Batches, Data, Engine, Group, Losses, Session, SessionStatistics
from bpframe.protocols.traits import (
    ActsOn,
    BlockLosses,
    Changeable,
    CheckpointFolder,
    Compares,
    Compiles,
    CountsRows,
    Coupled,
    Directed,
    EvaluationPeriod,
    ExampleConfigs,
    HoldsArrays,
    LearningRates,
    LrIsAFactor,
    Monitoring,
    Ordered,
    OwnLabel,
    Pure,
    RemovesOffset,
    Stochastic,
    TrainingOnly,
    WholeBatch,
    WithActivation,
    WithDomain,
    WithRange,
    WithSurrogate,
)

__all__ = [
    "Activation",
    "ActsOn",
    "Adjust",
    "After",
    "Applies",
    "Batches",
    "BlockLosses",
    "Callback",
    "Changeable",
    "CheckInputs",
    "CheckMemory",
    "CheckpointFolder",
    "ClassTargets",
    "Compares",
    "Compiles",
    "Constraint",
    "Context",
    "CountsRows",
    "Coupled",
    "Data",
    "Directed",
    "Draws",
    "EncodeTarget",
    "Engine",
    "EvaluationParams",
    "EvaluationPeriod",
    "ExampleConfigs",
    "Fit",
    "GradientStep",
    "Group",
    "HoldsArrays",
    "Initializer",
    "Key",
    "Layer",
    "LearningRates",
    "Loss",
    "Losses",
    "LrIsAFactor",
    "Metric",
    "Minimizer",
    "Monitoring",
    "Numbered",
    "Observe",
    "Optimizer",
    "Ordered",
    "Over",
    "OwnLabel",
    "Param",
    "Periodic",
    "Point",
    "PredictLabels",
    "Probe",
    "Pure",
    "RangeAfter",
    "Reference",
    "Refresh",
    "Regularizer",
    "RemovesOffset",
    "Restart",
    "RuleFor",
    "SampleTarget",
    "Sampler",
    "Schedule",
    "Select",
    "Session",
    "SessionStatistics",
    "SeveralHeads",
    "Source",
    "Statistics",
    "Stochastic",
    "TargetFile",
    "TargetWidth",
    "Totals",
    "TrainingOnly",
    "WeightedFit",
    "WholeBatch",
    "WithActivation",
    "WithDomain",
    "WithRange",
    "WithSurrogate",
]
