"""The schema of a config file: its tables as dataclasses, whose fields are the settings.

Checked like the arguments of a component, by the registry's own builder: an annotation that names a protocol wants
a specification of that kind.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, Field, dataclass, field, fields
from itertools import combinations
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Literal

from bpframe.data.sources.selection import Selection, column_list
from bpframe.errors import ConfigError
from bpframe.protocols import Engine, Layer
from bpframe.registry.builder import Builder
from bpframe.registry.policy import Policy
from bpframe.runs.config.data_sources import FileSource, NamedSource, ProgramSource, build_file, build_source
from bpframe.training.parameter_groups import ParameterGroup
from bpframe.training.spec import PARTS, SpecPart, TrainerSpec

PLACES = {
    "network": "model.layers",
    "engine": "train.engine",
    "seed": "train.seed",
    "dtype": "train.dtype",
    "standardize_target": "data.standardize_target",
    "weights_by_batch": "train.weights_by_batch",
}


def table_field(cls: type, **default: Any) -> dict[str, Any]:
    """Metadata of a field that is a table of its own; `default` stands for a table that is left out."""
    return {"table": cls, "make": lambda builder, given, path: build_table(builder, cls, given, path), **default}


def table_list_field(cls: type, **default: Any) -> dict[str, Any]:
    """Metadata of a field that is a list of such tables."""

    def make(builder: Builder, given: object, path: str) -> Any:
        if not isinstance(given, Sequence) or isinstance(given, str):
            return builder.report(path, f"wants a list of tables, got {given!r}.")
        return tuple(build_table(builder, cls, item, f"{path}[{i}]") for i, item in enumerate(given))

    return {"table": cls, "make": make, **default}


def minimum(number: int) -> dict[str, Any]:
    """Metadata of a field that is a whole number of at least so much."""
    return {"wanted": f"of at least {number}", "holds": lambda value: value >= number}


ABOVE_ZERO = {"wanted": "above 0 that is finite", "holds": lambda value: 0 < value < math.inf}
FRACTION = {"wanted": "between 0 and 1", "holds": lambda value: 0 < value < 1}


@dataclass(frozen=True, kw_only=True)
class SplitTable:
    """Rows that are not trained on: a part of the data, held out, or all rows of another file.

    fraction  the share of all rows of data.source that is held out
    kind      how they are chosen: at random, at random in each class alike, or the last ones
    source    a file instead, as in data.source; its target and columns have the same names
    seed      fixes which rows are held out, so that they stay the same for any seed of training; left out, train.seed
    """

    fraction: float | None = field(default=None, metadata=FRACTION)
    kind: Literal["random", "stratified", "tail"] = "random"
    source: FileSource | None = field(default=None, metadata={"make": build_file})
    seed: int | None = field(default=None, metadata=minimum(0))

    def __post_init__(self) -> None:
        if (self.fraction is None) == (self.source is None):
            got = "neither" if self.source is None else "both"
            raise ConfigError(f"wants either the fraction of rows to hold out, or the source of others; got {got}.")
        if self.seed is not None and self.source is not None:
            raise ConfigError("wants a seed for rows that are held out alone; all rows of the source are taken.")


@dataclass(frozen=True, kw_only=True)
class DataTable:
    """Where rows come from, which of their columns are taken, and which rows are held out.

    source       the name of a data set ("digits"), a file ("rows.csv"), or a table: { name = "moons", points = 400 } of
                 a data set, { path = "rows.csv", separator = ";" } of a file, whose `name` is the source that reads it,
                 by default that of the suffix; a relative path starts at the folder of the config; "program" in the
                 config of a run whose rows a program handed to `fit`, which cannot be read again
    target       the column of a table that is predicted; a list of several for fields, heads, or more outputs
    columns      the columns that it is predicted from, by default all others
    exclude      columns to leave out
    id           a column that names the rows; it is kept beside predictions, and nothing is learned from it
    weight       a column that says how much each row counts, in losses and metrics: the sample weights; of arrays the
                 one of that name, (N,) or of positions, (N, *S)
    standardize  whether inputs are scaled to mean 0 and deviation 1, measured on the rows of training
    standardize_target  the same for the target, with predictions in its own units (the Trainer's argument)
    validation   rows that are measured after each epoch
    test         rows that are measured once, at the end
    """

    source: NamedSource | FileSource | ProgramSource = field(metadata={"make": build_source})
    target: str | Sequence[str] | None = None
    columns: Sequence[str] | None = None
    exclude: Sequence[str] | None = None
    id: str | None = None
    weight: str | None = None
    standardize: bool = False
    standardize_target: bool = False
    validation: SplitTable | None = field(default=None, metadata=table_field(SplitTable))
    test: SplitTable | None = field(default=None, metadata=table_field(SplitTable))

    def __post_init__(self) -> None:
        if isinstance(self.source, FileSource) and self.source.table and self.target is None:
            raise ConfigError(f"the file {self.source.path} needs the name of its target column. Set data.target.")
        if isinstance(self.source, NamedSource | FileSource):  # None where the builder has found it wrong
            self._refuse_contradictions()
        held = sum(part.fraction or 0 for part in (self.validation, self.test) if part)
        if held >= 1:
            raise ConfigError(
                f"validation and test need to leave rows for training, got fractions that add to {held:g}."
            )

    def _refuse_contradictions(self) -> None:
        """ConfigError for columns that are both taken and left out, or that no source has."""
        arrays = isinstance(self.source, NamedSource) or not self.source.table
        if arrays and (self.columns is not None or self.exclude is not None or self.id is not None):
            raise ConfigError("columns, exclude and id need a table, whose columns have names. Leave them out.")
        if isinstance(self.source, NamedSource) and self.weight is not None:
            raise ConfigError(f"weight needs a table, whose columns have names, got '{self.weight}'. Leave it out.")
        if self.columns is not None and not self.columns:
            raise ConfigError("columns needs a name at least, got none. Leave it out to take all.")
        named = {"id": column_list(self.id), "weight": column_list(self.weight), "target": column_list(self.target)}
        for one, other in combinations(named, 2):
            if both := {*named[one]} & {*named[other]}:
                raise ConfigError(f"{one} and {other} need to be different columns, got '{min(both)}' for both.")
        if self.target is not None and len({*named["target"]}) != max(1, len(named["target"])):
            raise ConfigError(f"target needs different columns, got {list(named['target'])}.")
        taken = set(self.columns or ()) & {*named["target"], self.id, self.weight, *(self.exclude or ())}
        if taken:
            raise ConfigError(f"columns needs inputs alone, got '{min(map(str, taken))}', which another setting names.")
        if aside := {*named["target"]} & {*(self.exclude or ())}:
            raise ConfigError(f"exclude needs columns besides the target, got '{min(aside)}'.")

    def selection(self, **others: Any) -> Selection:
        """What is taken of a file; nothing can be chosen of arrays."""
        return Selection(self.target, self.columns, self.exclude or (), self.id, weight=self.weight, **others)


@dataclass(frozen=True, kw_only=True)
class ModelTable:
    """The network.

    layers  its layers in order, each a table [[model.layers]] or an item of the list
    tie     parameters that are another one: { "decoder/weight" = "encoder/weight.T" }
    """

    layers: Sequence[Layer]
    tie: Mapping[str, str] | None = None


@dataclass(frozen=True, kw_only=True)
class CheckpointTable:
    """How often the whole state of the run is written: the arguments of the callback checkpoint, but its folder.

    every_steps          batches from one file to the next
    every_seconds        seconds from one file to the next
    keep                 how many of the latest files stay
    best                 a curve, such as "validation.loss": the model of its best epoch is kept as best.safetensors
    on_checkpoint_error  whether a file that cannot be written ends the run or is a warning
    """

    every_steps: int | None = field(default=None, metadata=minimum(1))
    every_seconds: float | None = field(default=60.0, metadata=ABOVE_ZERO)
    keep: int = field(default=3, metadata=minimum(1))
    best: str | None = None
    on_checkpoint_error: Literal["raise", "warn"] = "raise"


@dataclass(frozen=True, kw_only=True)
class TrainTable:
    """How long and how to train.

    epochs            passes over the rows of training, at most
    batch_size        rows of a step; the last batch of an epoch may be smaller
    seed              fixes first weights, parts that are held out, order of rows, and every draw
    engine            what runs the recursion
    dtype             the precision of all numbers
    shuffle           whether each epoch has an order of its own
    class_weight      a weight by label, or "balanced" for N / (C n_c), which multiplies the loss of its rows
    weights_by_batch  whether a batch's weighted losses are divided by the sum of its own weights, not by its rows
    checkpoint        how often the state of the run is written, so that it can go on; left out, with --resume as by
                      default, otherwise only where a run is stopped
    start             a model file, or the folder of a run, whose parameters training starts from instead of drawn ones
    """

    epochs: int = field(default=10, metadata=minimum(1))
    batch_size: int = field(default=32, metadata=minimum(1))
    seed: int = field(default=0, metadata=minimum(0))
    engine: Engine | str = "numpy"
    dtype: Literal["float32", "float64"] = "float32"
    shuffle: bool = True
    class_weight: Literal["balanced"] | Mapping[str, float] | None = None
    weights_by_batch: bool = False
    start: str | None = None
    checkpoint: CheckpointTable | None = field(default=None, metadata=table_field(CheckpointTable))


@dataclass(frozen=True, kw_only=True)
class PluginsTable:
    """Which distributions may supply components, besides bpframe itself; for all of them leave the table out.

    allow  the only distributions whose components are imported; an empty list allows none
    deny   distributions whose components are never imported
    local  Python files with components, below the folder of the config; for a config that you train yourself
    """

    allow: Sequence[str] | None = None
    deny: Sequence[str] = ()
    local: Sequence[str] = ()

    def policy(self, origin: str) -> Policy:
        """The policy for the registry; `origin` says in errors where it was written."""
        return Policy(None if self.allow is None else frozenset(self.allow), frozenset(self.deny), origin)


def place_of(part: SpecPart) -> str:
    """The dotted path of a trainer's part in a config."""
    return PLACES.get(part.name, part.name)


def with_trainer_parts(cls: type) -> type:
    """The class with a field for every part of a trainer that stands at the top of a config, among its own tables."""
    own, annotations = dict(cls.__annotations__), dict[str, Any]()
    for f in fields(TrainerSpec):
        part = next(part for part in PARTS if part.name == f.name)
        top = place_of(part).partition(".")[0]
        if top in own or top in annotations:
            annotations.setdefault(top, own.pop(top, None))
            continue
        annotations[top] = f.type
        groups = table_list_field(ParameterGroup, default=()) if part.name == "groups" else None
        default = {"default": part.default} if part.default else {}
        setattr(cls, top, field(default=f.default, metadata=groups or default))
    cls.__annotations__ = {"data": annotations.pop("data"), **annotations, **own}
    return cls


@dataclass(frozen=True, kw_only=True)
@with_trainer_parts
class ConfigFile:
    """The whole file: its tables, and every part of a trainer (`TrainerSpec`) that is not in one of them.

    extends  another config, whose settings hold where this one has none: "base.toml"; its path starts at this config
    data     where rows come from
    model    the network
    train    how long and how to train
    plugins  whose components may be used
    """

    extends: str | None = None  # its tables are below these once a config is read (`base_config`)

    data: DataTable = field(metadata=table_field(DataTable))
    model: ModelTable = field(metadata=table_field(ModelTable))
    train: TrainTable = field(metadata=table_field(TrainTable, default={}))
    plugins: PluginsTable = field(metadata=table_field(PluginsTable, default={}))

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            """A part of the trainer."""

    def part(self, part: SpecPart) -> Any:
        """The value of a trainer's part; of the network, its layers."""
        return attrgetter(place_of(part))(self)


def build_table(builder: Builder, cls: Callable[..., Any], given: object, path: str = "") -> Any:
    """The table as an object of its class, what is left out filled in; None where a problem was noted."""
    if not isinstance(given, Mapping):
        return builder.report(path, f"wants a table, got {given!r}.")
    own = fields(cls)  # type: ignore[arg-type]  # a dataclass: typed as what the builder calls
    values = {**_defaults(own), **given}
    before = len(builder.problems)
    for f in own:
        if "make" in f.metadata and values.get(f.name) is not None:
            values[f.name] = f.metadata["make"](builder, values[f.name], f"{path}.{f.name}" if path else f.name)
    table = builder.call(cls, values, path)
    for f in own:
        _in_range(builder, f.metadata, values.get(f.name), f"{path}.{f.name}")
    return table if len(builder.problems) == before else None


def _defaults(own: Sequence[Field[Any]]) -> dict[str, Any]:
    """The fields' defaults; given as if they were written, so that names among them are built too."""
    plain = {f.name: f.default for f in own if f.default is not MISSING}
    return plain | {f.name: f.metadata["default"] for f in own if "default" in f.metadata}


def _in_range(builder: Builder, limits: Mapping[str, Any], value: Any, path: str) -> None:
    known = any(problem.path == path for problem in builder.problems)  # no number at all, say
    if "holds" in limits and value is not None and not known and not limits["holds"](value):
        builder.report(path, f"wants a number {limits['wanted']}, got {value!r}.")
