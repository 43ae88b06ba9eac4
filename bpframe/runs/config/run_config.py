"""The config of a run: its checked settings, its data, and the trainer that it describes."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

from bpframe.data.sources.selection import column_list
from bpframe.data.target_gaps import columns_with_gaps
from bpframe.errors import BlockedComponent, ConfigError, Problem
from bpframe.network.network import Network
from bpframe.registry import Policy, registry
from bpframe.registry import build as component
from bpframe.registry.builder import Builder
from bpframe.runs.config import specs
from bpframe.runs.config.base_config import read_tables
from bpframe.runs.config.local_plugins import declare_local_plugins
from bpframe.runs.config.locations import Locations
from bpframe.runs.config.overrides import Override, apply_overrides
from bpframe.runs.config.partition import Partition, read_partition
from bpframe.runs.config.schema import ConfigFile, PluginsTable, build_table, place_of
from bpframe.runs.config.toml_writer import dumps
from bpframe.training.spec import PARTS, TrainerSpec
from bpframe.training.trainer import Trainer
from bpframe.training.verbose import Verbose

DATA_SOURCE, START = "data.source", "train.start"
DEFAULTS = {part.name: part.default for part in PARTS if part.default and place_of(part) == part.name}


@final
@dataclass(frozen=True)
class Config:
    """A checked config: `settings` holds its tables, components built; `locations` knows where each was written.

    `spec`: what its trainer is made of.
    """

    file: Path
    settings: ConfigFile
    locations: Locations
    spec: TrainerSpec

    def trainer(self, *callbacks: object) -> Trainer:
        """A trainer; `callbacks` come after the config's own."""
        with self.restricted():
            return Trainer(**{**vars(self.spec), "callbacks": [*self.spec.callbacks, *callbacks]})

    def fit(self, trainer: Trainer, parts: Partition, verbose: Verbose = 0) -> None:
        """Fit a trainer to the rows of training as the config says."""
        settings, (x, y, *weight) = self.settings.train, parts.train
        trainer.fit(
            x,
            y,
            sample_weight=weight[0] if weight else None,
            epochs=settings.epochs,
            batch_size=settings.batch_size,
            validation=parts.validation,
            class_weight=settings.class_weight,
            shuffle=settings.shuffle,
            verbose=verbose,
        )

    def data(self, *, ready: bool = False) -> Partition:
        """The data, read and divided; made `ready` for a run that writes, they are not to be changed.

        Raises DataError for data that cannot be used.
        """
        train = self.settings.train
        try:
            gaps = columns_with_gaps(self.spec.loss, column_list(self.settings.data.target))
            return read_partition(self.settings.data, self.folder, train.seed, train.dtype, ready, gaps)
        except ConfigError as error:
            raise ConfigError(self.locations.message(Problem(DATA_SOURCE, str(error)))) from None

    @property
    def folder(self) -> Path:
        """Where a relative path of the data starts: beside the config, or here for one from the command line."""
        return Path() if DATA_SOURCE in self.locations.options else self.file.parent

    @property
    def start_folder(self) -> Path:
        """Where a relative path of the model that the run starts from does, by the same rule."""
        return start_folder(self.file, self.locations)

    @property
    def start(self) -> Path | None:
        """The model file from whose parameters the run starts; None: from drawn ones."""
        start = self.settings.train.start
        return None if start is None else self.start_folder / start

    def text(self) -> str:
        """The config as TOML with every default filled in; loading it gives the same run."""
        tables = specs.to_tables(self.settings, self.folder)
        if self.start is not None:
            tables["train"]["start"] = str(self.start.absolute())
        return dumps(tables)

    def restricted(self) -> AbstractContextManager[None]:
        """A block in which [plugins] holds."""
        return registry.restricted(self.settings.plugins.policy(_origin(self.file)))


def load(path: str | Path, overrides: Sequence[Override] = (), *, files: bool = False) -> Config:
    """The run of a config file with some settings overridden; one ConfigError names every mistake, each on a line.

    `files`: whether the config is one's own and about to be trained, so that it may name files of plugins; that of a
    run, which anybody may have made, may not.
    """
    path = Path(path)
    tables, locations = read_tables(path)
    tables = {**DEFAULTS, **tables}  # before overrides, which may change a setting of a component left out
    problems = apply_overrides(overrides, tables, locations)
    settings, mistakes = _build_settings(tables, _origin(path), path.parent if files else None)
    problems += mistakes
    if settings is None or problems:
        raise _error(problems, locations)
    try:
        return Config(path, settings, locations, _spec(settings, _origin(path)))
    except ConfigError as error:  # what only the parts together show: two layers of one label, a link applied twice
        raise _error(list(error.problems) or [Problem("model.layers", str(error))], locations) from None


def start_folder(file: Path, locations: Locations) -> Path:
    """Where a relative path in train.start starts: beside the config, or here for one from the command line."""
    return Path() if START in locations.options else file.parent


def _build_settings(
    tables: dict[str, Any], origin: str, folder: Path | None
) -> tuple[ConfigFile | None, list[Problem]]:
    """The built settings, or what is wrong; while [plugins] is wrong itself, no plugin is allowed.

    `folder`: where files of plugins may be; None: nowhere.
    """
    first, builder = Builder(registry), Builder(registry)
    plugins = build_table(first, PluginsTable, tables.get("plugins", {}), "plugins")
    if plugins and (wrong := declare_local_plugins(registry, plugins.local, folder)):
        return None, wrong
    with registry.restricted(plugins.policy(origin) if plugins else Policy(frozenset(), origin=origin)):
        try:
            return build_table(builder, ConfigFile, tables), builder.problems
        except BlockedComponent:
            if plugins:
                raise
            return None, first.problems


def _origin(path: Path) -> str:
    return f"[plugins] of {path}"


def _spec(settings: ConfigFile, origin: str) -> TrainerSpec:
    """What the trainer is made of, all parts checked together."""
    given = {part.name: settings.part(part) for part in PARTS}
    layers: list[Any] = [*given["network"]]
    if settings.data.standardize:
        layers.insert(0, component("layer", {"name": "standardize", "label": "standardize"}))
    with registry.restricted(settings.plugins.policy(origin)):
        spec = TrainerSpec.build(**given | {"network": Network(layers, tie=settings.model.tie)})
        spec.check()
    return spec


def _error(problems: list[Problem], locations: Locations) -> ConfigError:
    located = sorted(problems, key=lambda problem: locations.line(problem.path))
    return ConfigError("\n".join(map(locations.message, located)), tuple(located))
