"""A config file as a run that is ready to start."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, final

from bpframe.errors import BlockedComponent, ConfigError, Problem
from bpframe.network.network import Network
from bpframe.registry import Policy, registry
from bpframe.registry import build as component
from bpframe.registry.builder import Builder
from bpframe.runs.config import reading, specs
from bpframe.runs.config.locations import Places
from bpframe.runs.config.overrides import Override, apply
from bpframe.runs.config.partition import Parts, check, divide
from bpframe.runs.config.schema import ConfigFile, PluginsTable, build
from bpframe.runs.config.toml_writer import dumps
from bpframe.training.trainer import Trainer

DATA_SOURCE = "data.source"
DEFAULTS = {f.name: f.default for f in fields(ConfigFile) if isinstance(f.default, str)}


@final
@dataclass(frozen=True)
class Config:
    """A checked config: `settings` holds its tables, components built; `places` knows where each was written."""

    file: Path
    settings: ConfigFile
    places: Places

    def trainer(self, *callbacks: object) -> Trainer:
        """A new trainer; `callbacks` come after the config's own."""
        settings = self.settings
        layers: list[Any] = [*settings.model.layers]
        if settings.data.standardize:
            layers.insert(0, component("layer", {"name": "standardize", "label": "standardize"}))
        with self.restricted():
            return Trainer(
                Network(layers),
                settings.loss,
                settings.optimizer,
                seed=settings.train.seed,
                engine=settings.train.engine,
                dtype=settings.train.dtype,
                metrics=settings.metrics,
                callbacks=[*settings.callbacks, *callbacks],
                regularizers=settings.regularizers,
                gradient_steps=settings.gradient_steps,
                constraints=settings.constraints,
                groups=settings.groups,
                sampler=settings.sampler,
            )

    def data(self) -> Parts:
        """The data, read and divided. Raises DataError for data that cannot be used."""
        settings = self.settings.data
        try:
            x, y = settings.source.read(self.folder, settings.target)
        except ConfigError as error:
            raise ConfigError(self.places.say(Problem(DATA_SOURCE, str(error)))) from None
        check(x, y, self.settings.train.dtype)
        return divide(x, y, settings, self.settings.train.seed)

    @property
    def folder(self) -> Path:
        """Where a relative path of the data starts: beside the config, or here for one from the command line."""
        return Path() if DATA_SOURCE in self.places.options else self.file.parent

    def text(self) -> str:
        """The config as TOML with every default filled in; loading it gives the same run."""
        return dumps(specs.tables(self.settings, self.folder))

    def restricted(self) -> AbstractContextManager[None]:
        """A block in which [plugins] holds."""
        return registry.restricted(self.settings.plugins.policy(_origin(self.file)))


def load(path: str | Path, overrides: Sequence[Override] = ()) -> Config:
    """The run of a config file with some settings overridden; one ConfigError names every mistake, each on a line."""
    path = Path(path)
    tables, places = reading.read(path)
    tables = {**DEFAULTS, **tables}  # before overrides, which may change a setting of a component left out
    problems = apply(overrides, tables, places)
    settings, found = _checked(tables, _origin(path))
    problems += found
    if settings is not None and not problems:
        config = Config(path, settings, places)
        problems = _refused(config)
    if problems:
        raise _error(problems, places)
    return config


def _checked(tables: dict[str, Any], origin: str) -> tuple[ConfigFile | None, list[Problem]]:
    """The built settings, or what is wrong; while [plugins] is wrong itself, no plugin is allowed."""
    first, builder = Builder(registry), Builder(registry)
    plugins = build(first, PluginsTable, tables.get("plugins", {}), "plugins")
    with registry.restricted(plugins.policy(origin) if plugins else Policy(frozenset(), origin=origin)):
        try:
            return build(builder, ConfigFile, tables), builder.problems
        except BlockedComponent:
            if plugins:
                raise
            return None, first.problems


def _origin(path: Path) -> str:
    return f"[plugins] of {path}"


def _refused(config: Config) -> list[Problem]:
    """What only the parts together show: two layers of one label, a link applied twice."""
    try:
        config.trainer()
    except ConfigError as error:
        return list(error.problems) or [Problem("model.layers", str(error))]
    return []


def _error(problems: list[Problem], places: Places) -> ConfigError:
    located = sorted(problems, key=lambda problem: places.line(problem.path))
    return ConfigError("\n".join(map(places.say, located)), tuple(located))
