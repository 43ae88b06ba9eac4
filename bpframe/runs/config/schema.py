"""The tables of a config file as dataclasses: their fields are the settings, their annotations what is wanted.

Checked like the arguments of a component, by the registry's own builder: an annotation that names a protocol wants
a specification of that kind.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, Field, dataclass, field, fields
from typing import Any, Literal

from bpframe.errors import ConfigError
from bpframe.protocols import (
    Callback,
    Constraint,
    Engine,
    GradientStep,
    Layer,
    Loss,
    Metric,
    Optimizer,
    Regularizer,
    Sampler,
)
from bpframe.registry.builder import Builder
from bpframe.registry.policy import Policy
from bpframe.runs.config.sources import File, Named, source
from bpframe.training.parameter_groups import ParameterGroup


def table(cls: type, **default: Any) -> dict[str, Any]:
    """What to note of a field that is a table of its own; `default` stands for a table that is left out."""
    return {"make": lambda builder, given, path: build(builder, cls, given, path), **default}


def tables(cls: type, **default: Any) -> dict[str, Any]:
    """What to note of a field that is a list of such tables."""

    def make(builder: Builder, given: Any, path: str) -> Any:
        if not isinstance(given, Sequence) or isinstance(given, str):
            return builder.report(path, f"wants a list of tables, got {given!r}.")
        return tuple(build(builder, cls, item, f"{path}[{i}]") for i, item in enumerate(given))

    return {"make": make, **default}


def least(number: int) -> dict[str, Any]:
    """What to note of a field that is a whole number of at least so much."""
    return {"wanted": f"of at least {number}", "holds": lambda value: value >= number}


SHARE = {"wanted": "between 0 and 1", "holds": lambda value: 0 < value < 1}


@dataclass(frozen=True, kw_only=True)
class SplitTable:
    """A part to hold out: its share of all rows, and how they are chosen."""

    fraction: float = field(metadata=SHARE)
    kind: Literal["random", "stratified", "tail"] = "random"


@dataclass(frozen=True, kw_only=True)
class DataTable:
    """Where rows come from, and which are held out; `target` names a column of a .csv."""

    source: Named | File = field(metadata={"make": source})
    target: str | None = None
    standardize: bool = False
    validation: SplitTable | None = field(default=None, metadata=table(SplitTable))
    test: SplitTable | None = field(default=None, metadata=table(SplitTable))

    def __post_init__(self) -> None:
        if isinstance(self.source, File) and self.source.table and self.target is None:
            raise ConfigError(f"the file {self.source.path} needs the name of its target column. Set data.target.")
        held = sum(part.fraction for part in (self.validation, self.test) if part)
        if held >= 1:
            raise ConfigError(
                f"validation and test need to leave rows for training, got fractions that add to {held:g}."
            )


@dataclass(frozen=True, kw_only=True)
class ModelTable:
    """The network: its layers in order."""

    layers: Sequence[Layer]


@dataclass(frozen=True, kw_only=True)
class CheckpointTable:
    """How often the whole state of the run is written: the arguments of the callback checkpoint, but its folder."""

    every_steps: int | None = field(default=None, metadata=least(1))
    every_seconds: float | None = 60.0
    keep: int = field(default=3, metadata=least(1))
    best: str | None = None
    on_checkpoint_error: Literal["raise", "warn"] = "raise"


@dataclass(frozen=True, kw_only=True)
class TrainTable:
    """How long and how to train."""

    epochs: int = field(default=10, metadata=least(1))
    batch_size: int = field(default=32, metadata=least(1))
    seed: int = field(default=0, metadata=least(0))
    engine: Engine | str = "numpy"
    dtype: Literal["float32", "float64"] = "float32"
    shuffle: bool = True
    class_weight: Literal["balanced"] | Mapping[str, float] | None = None
    checkpoint: CheckpointTable | None = field(default=None, metadata=table(CheckpointTable))


@dataclass(frozen=True, kw_only=True)
class PluginsTable:
    """Which distributions may supply components."""

    allow: Sequence[str] | None = None
    deny: Sequence[str] = ()

    def policy(self, origin: str) -> Policy:
        """The policy for the registry; `origin` says in errors where it was written."""
        return Policy(None if self.allow is None else frozenset(self.allow), frozenset(self.deny), origin)


@dataclass(frozen=True, kw_only=True)
class ConfigFile:
    """The whole file."""

    data: DataTable = field(metadata=table(DataTable))
    model: ModelTable = field(metadata=table(ModelTable))
    loss: Loss
    optimizer: Optimizer | str = "sgd"
    train: TrainTable = field(metadata=table(TrainTable, default={}))
    callbacks: Sequence[Callback] = ()
    metrics: Sequence[Metric] | None = None
    regularizers: Sequence[Regularizer] = ()
    gradient_steps: Sequence[GradientStep] = ()
    constraints: Sequence[Constraint] = ()
    groups: Sequence[ParameterGroup] = field(metadata=tables(ParameterGroup, default=()))
    sampler: Sampler | None = None
    plugins: PluginsTable = field(metadata=table(PluginsTable, default={}))


def build(builder: Builder, cls: Callable[..., Any], given: Any, path: str = "") -> Any:
    """The table as an object of its class, what is left out filled in; None where a problem was noted."""
    if not isinstance(given, Mapping):
        return builder.report(path, f"wants a table, got {given!r}.")
    own = fields(cls)  # type: ignore[arg-type]  # a dataclass: typed as what the builder calls
    values = {**_defaults(own), **given}
    before = len(builder.problems)
    for f in own:
        if "make" in f.metadata and values.get(f.name) is not None:
            values[f.name] = f.metadata["make"](builder, values[f.name], f"{path}.{f.name}" if path else f.name)
    made = builder.call(cls, values, path)
    for f in own:
        _in_range(builder, f.metadata, values.get(f.name), f"{path}.{f.name}")
    return made if len(builder.problems) == before else None


def _defaults(own: Sequence[Field[Any]]) -> dict[str, Any]:
    """The fields' defaults; given as if they were written, so that names among them are built too."""
    plain = {f.name: f.default for f in own if f.default is not MISSING}
    return plain | {f.name: f.metadata["default"] for f in own if "default" in f.metadata}


def _in_range(builder: Builder, limits: Mapping[str, Any], value: Any, path: str) -> None:
    known = any(problem.path == path for problem in builder.problems)  # no number at all, say
    if "holds" in limits and value is not None and not known and not limits["holds"](value):
        builder.report(path, f"wants a number {limits['wanted']}, got {value!r}.")
