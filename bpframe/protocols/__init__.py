"""What a component of each kind must offer.  Structural: no base class, no import of bpframe is needed.

Shapes: B rows of a batch, C scores a row, n inputs and m outputs of a layer, p any parameter.
Components are pure: new arrays out, nothing kept on `self`, arguments read-only, no Python branch on array values;
settings are constructor arguments. They speak the Array API standard (`xp = x.__array_namespace__()`, or
`bpframe.ops.namespace(x)`, which costs less on small arrays), so one definition serves every engine. Every result has
the dtype of the arrays that came in.

Capabilities are small protocols of their own, implemented only by who needs one:
`Refresh` and `Fit` (layers); `EncodeTarget`, `PredictLabels`, `TargetWidth`, `Point`, `SeveralHeads` and `SampleTarget`
(losses);
`Totals`, `RuleFor`, `Probe`, `Observe` and `EvaluationParams` (optimizers); `Totals`, `Adjust` and `Periodic` (gradient
steps); `Applies` (gradient steps, regularizers, constraints); `Over` and `After` (schedules); `Draws` (samplers).

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

__all__ = [
    "Activation",
    "Adjust",
    "After",
    "Applies",
    "Batches",
    "Callback",
    "Constraint",
    "Context",
    "Data",
    "Draws",
    "EncodeTarget",
    "Engine",
    "EvaluationParams",
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
    "Param",
    "Periodic",
    "Point",
    "PredictLabels",
    "Probe",
    "Reference",
    "Refresh",
    "Regularizer",
    "RuleFor",
    "SampleTarget",
    "Sampler",
    "Schedule",
    "Session",
    "SeveralHeads",
    "TargetWidth",
    "Totals",
]
