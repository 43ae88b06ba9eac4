"""What a plugin may import from bpframe: this module, and `bpframe.testing` for its tests.

A component needs none of it, since protocols are structural; what stands here is for plugins that want types, errors
like those of bpframe, or its helpers. Names stay here whatever moves inside.

    from bpframe.plugin import Array, checks, ops

Types            `Array`, `Params`, `State`, `Shape`, `Hyper`, ...: see `bpframe.types`.
Errors           `ConfigError`, `DataError`, `ShapeError`, ...: see `bpframe.errors`.
Protocols        of each kind of component, and capabilities that it may have: see `bpframe.protocols`.
ops, checks      functions of arrays for every engine; checks of constructor arguments.
Layers           `as_layer` makes an activation a layer; `draw_parameter` draws initial values by an initializer.
Layers inside    `label_layers`, `init_layers`, `fit_buffers`, `own_statistics`, `chain_auxiliary`, `check_inputs` and
                 `StepContext` for a layer that holds others, whose labels come as `Labelled`; `LabelledLayers` is what
                 it then has: (label, layer) in order.
Number sets      `number_sets` names where scores and outputs lie, `output_range` where those of layers in a row do;
                 `ending_activation` is the activation from which these come.
Losses           `one_hot`, `binary`, `ordinal` and `continuous` encode labels as targets; `CostLayer` is a loss with
                 its link.
Optimizers       `rule_for` chooses an inner rule by parameter; `ScaledSchedule` multiplies a schedule;
                 `monitored_curves` are the curves of the history on which a component's schedules depend.
Samplers         `permutation` is a random order that is the same on every platform.
Sources          `parse_number` reads a cell as a number, `parse_cells` a column of them; `listing` names columns.
Callbacks        `hookimpl` marks a method as a hook, whose argument is a `RunState`; `keep_latest` and `sweep` tidy a
                 folder of files; `monitor_direction` says which values of a monitored curve are better, `lower`
                 whether one is below the best so far, which a number that is not finite never is.

What is seldom needed, from `as_layer` on, is imported when it is first touched.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bpframe import checks, ops
from bpframe.errors import (
    AmbiguousComponent,
    BlockedComponent,
    BpframeError,
    BrokenComponent,
    CheckFailed,
    CheckpointError,
    ConfigError,
    DataError,
    IncompatibleComponent,
    NumericalError,
    PluginError,
    RangeError,
    ShapeError,
    UnknownComponent,
)
from bpframe.lazy_names import lazy_names
from bpframe.protocols import (
    Activation,
    ActsOn,
    Adjust,
    After,
    Applies,
    Augmentation,
    Auxiliary,
    Batches,
    BatchSampler,
    BlockLosses,
    Callback,
    Changeable,
    CheckInputs,
    CheckMemory,
    CheckpointFolder,
    ClassTargets,
    ComparedField,
    Compares,
    Compiles,
    Constraint,
    Context,
    CountsRows,
    Coupled,
    Data,
    Directed,
    Displace,
    Draws,
    EncodeTarget,
    Engine,
    EvaluationParams,
    EvaluationPeriod,
    ExampleConfigs,
    Exporter,
    Fields,
    Fit,
    GradientStep,
    Group,
    Grouped,
    HoldsArrays,
    Initializer,
    Key,
    Layer,
    LearningRates,
    LineOfRow,
    Loss,
    Losses,
    LrIsAFactor,
    Metric,
    MetricOfFields,
    Minimizer,
    MixesTargets,
    Monitoring,
    Numbered,
    Observe,
    Optimizer,
    Ordered,
    Over,
    OwnLabel,
    Param,
    Periodic,
    Point,
    PredictLabels,
    Probe,
    Pure,
    RangeAfter,
    ReadsNames,
    Reference,
    Refresh,
    Regularizer,
    RemovesOffset,
    Restart,
    RowSums,
    RuleFor,
    Sampler,
    SampleTarget,
    Schedule,
    Select,
    Session,
    SessionStatistics,
    SessionSums,
    SeveralHeads,
    Source,
    Statistics,
    StepSums,
    Stochastic,
    TakesClassNumbers,
    TakesMissing,
    TakesWeights,
    TargetFile,
    TargetWidth,
    Totals,
    TrainingOnly,
    WeightedFit,
    WholeBatch,
    WithActivation,
    WithDomain,
    WithEndingActivation,
    WithRange,
    WithSurrogate,
    number_sets,
)
from bpframe.types import Array, Arrays, Cache, HostArray, Hyper, Namespace, Objective, Params, Scope, Shape, State

if TYPE_CHECKING:
    from bpframe.data.labels import binary, continuous, one_hot, ordinal
    from bpframe.data.sources.cells import listing, parse_cells, parse_number
    from bpframe.engine.hyperparameters import ScaledSchedule, monitored_curves
    from bpframe.engine.optimizer_chain import rule_for
    from bpframe.network.auxiliary import chain_auxiliary
    from bpframe.network.backprop import CostLayer, as_layer
    from bpframe.network.batch_statistics import own_statistics
    from bpframe.network.context import StepContext
    from bpframe.network.fit_buffers import fit_buffers
    from bpframe.network.input_checks import check_inputs
    from bpframe.network.network import LabelledLayers, draw_parameter, init_layers, label_layers
    from bpframe.network.output_range import ending_activation, output_range
    from bpframe.random import permutation
    from bpframe.registry.labelled import Labelled
    from bpframe.saving.atomic import keep_latest, sweep
    from bpframe.training.hooks import hookimpl
    from bpframe.training.monitor import lower, monitor_direction
    from bpframe.training.run_state import RunState

_HOME = {
    "CostLayer": "network.backprop",
    "Labelled": "registry.labelled",
    "LabelledLayers": "network.network",
    "RunState": "training.run_state",
    "ScaledSchedule": "engine.hyperparameters",
    "StepContext": "network.context",
    "as_layer": "network.backprop",
    "binary": "data.labels",
    "chain_auxiliary": "network.auxiliary",
    "check_inputs": "network.input_checks",
    "continuous": "data.labels",
    "draw_parameter": "network.network",
    "fit_buffers": "network.fit_buffers",
    "hookimpl": "training.hooks",
    "init_layers": "network.network",
    "keep_latest": "saving.atomic",
    "label_layers": "network.network",
    "listing": "data.sources.cells",
    "lower": "training.monitor",
    "monitor_direction": "training.monitor",
    "monitored_curves": "engine.hyperparameters",
    "one_hot": "data.labels",
    "parse_cells": "data.sources.cells",
    "parse_number": "data.sources.cells",
    "ordinal": "data.labels",
    "ending_activation": "network.output_range",
    "output_range": "network.output_range",
    "own_statistics": "network.batch_statistics",
    "permutation": "random",
    "rule_for": "engine.optimizer_chain",
    "sweep": "saving.atomic",
}

__all__ = [
    "Activation",
    "ActsOn",
    "Adjust",
    "After",
    "AmbiguousComponent",
    "Applies",
    "Array",
    "Arrays",
    "Augmentation",
    "Auxiliary",
    "BatchSampler",
    "Batches",
    "BlockLosses",
    "BlockedComponent",
    "BpframeError",
    "BrokenComponent",
    "Cache",
    "Callback",
    "Changeable",
    "CheckFailed",
    "CheckInputs",
    "CheckMemory",
    "CheckpointError",
    "CheckpointFolder",
    "ClassTargets",
    "ComparedField",
    "Compares",
    "Compiles",
    "ConfigError",
    "Constraint",
    "Context",
    "CostLayer",
    "CountsRows",
    "Coupled",
    "Data",
    "DataError",
    "Directed",
    "Displace",
    "Draws",
    "EncodeTarget",
    "Engine",
    "EvaluationParams",
    "EvaluationPeriod",
    "ExampleConfigs",
    "Exporter",
    "Fields",
    "Fit",
    "GradientStep",
    "Group",
    "Grouped",
    "HoldsArrays",
    "HostArray",
    "Hyper",
    "IncompatibleComponent",
    "Initializer",
    "Key",
    "Labelled",
    "LabelledLayers",
    "Layer",
    "LearningRates",
    "LineOfRow",
    "Loss",
    "Losses",
    "LrIsAFactor",
    "Metric",
    "MetricOfFields",
    "Minimizer",
    "MixesTargets",
    "Monitoring",
    "Namespace",
    "Numbered",
    "NumericalError",
    "Objective",
    "Observe",
    "Optimizer",
    "Ordered",
    "Over",
    "OwnLabel",
    "Param",
    "Params",
    "Periodic",
    "PluginError",
    "Point",
    "PredictLabels",
    "Probe",
    "Pure",
    "RangeAfter",
    "RangeError",
    "ReadsNames",
    "Reference",
    "Refresh",
    "Regularizer",
    "RemovesOffset",
    "Restart",
    "RowSums",
    "RuleFor",
    "RunState",
    "SampleTarget",
    "Sampler",
    "ScaledSchedule",
    "Schedule",
    "Scope",
    "Select",
    "Session",
    "SessionStatistics",
    "SessionSums",
    "SeveralHeads",
    "Shape",
    "ShapeError",
    "Source",
    "State",
    "Statistics",
    "StepContext",
    "StepSums",
    "Stochastic",
    "TakesClassNumbers",
    "TakesMissing",
    "TakesWeights",
    "TargetFile",
    "TargetWidth",
    "Totals",
    "TrainingOnly",
    "UnknownComponent",
    "WeightedFit",
    "WholeBatch",
    "WithActivation",
    "WithDomain",
    "WithEndingActivation",
    "WithRange",
    "WithSurrogate",
    "as_layer",
    "binary",
    "chain_auxiliary",
    "check_inputs",
    "checks",
    "continuous",
    "draw_parameter",
    "ending_activation",
    "fit_buffers",
    "hookimpl",
    "init_layers",
    "keep_latest",
    "label_layers",
    "listing",
    "lower",
    "monitor_direction",
    "monitored_curves",
    "number_sets",
    "one_hot",
    "ops",
    "ordinal",
    "output_range",
    "own_statistics",
    "parse_cells",
    "parse_number",
    "permutation",
    "rule_for",
    "sweep",
]


if not TYPE_CHECKING:  # type checkers know the names from above, and refuse others
    __getattr__ = lazy_names(__name__, globals(), _HOME, "bpframe")


def __dir__() -> list[str]:
    return sorted(__all__)
