"""A sweep of a config: trained with every combination of some settings, on several seeds."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, final

from bpframe import checks
from bpframe.errors import ConfigError, NumericalError
from bpframe.protocols import Engine
from bpframe.protocols.traits import better
from bpframe.registry import Policy, registry
from bpframe.registry.code_digest import digest
from bpframe.registry.plugin_files import declare, declared_files
from bpframe.runs.config import Config, Override, Partition, load
from bpframe.runs.config.data_sources import FileSource
from bpframe.runs.model import start_from_model
from bpframe.studies.grid import Grid, Point, grid_points, point_overrides
from bpframe.studies.parallel import Task, run_trials
from bpframe.studies.trial_file import Record, TrialFile
from bpframe.training.evaluation import named_metrics
from bpframe.training.trainer import Trainer

SEED = "train.seed"


@final
@dataclass(frozen=True)
class SweptConfig:
    """A config, as a process needs to be told of it: its file, what overrides it, and plugin files.

    `core_only`: whether components of bpframe alone are used.
    """

    path: str
    overrides: tuple[Override, ...] = ()
    files: tuple[str, ...] = ()
    core_only: bool = False

    def load(self, point: Point | None = None) -> Config:
        """The config at a point of the grid; ConfigError names every mistake."""
        with self._allowed():
            for file in self.files:
                declare(registry, file)
            return load(self.path, [*self.overrides, *point_overrides(point or {})], files=True)

    def absolute(self) -> SweptConfig:
        """The same for a process in any folder."""
        path, *files = (str(Path(file).absolute()) for file in (self.path, *self.files))
        return replace(self, path=path, files=tuple(files))

    def _allowed(self) -> AbstractContextManager[None]:
        return registry.restricted(Policy(frozenset(), origin="--no-plugins")) if self.core_only else nullcontext()


def run_sweep(
    config: str | Path,
    over: Grid,
    *,
    seeds: int = 1,
    jobs: int | None = 1,
    out: str | Path | None = None,
    overrides: Sequence[Override] = (),
    core_only: bool = False,
    show: Callable[[int, int, Record], None] | None = None,
) -> TrialFile:
    """Train a config at every point of the grid `over`, {"optimizer.lr": [1e-3, 1e-2]}, on so many seeds each.

    The seeds are that of the config and those that follow it. Each training is a line of the file `out`, by default
    CONFIG.sweep.jsonl in the present folder; the same sweep, and one of more seeds or values, goes on with what the
    file lacks. `jobs` trainings run at a time; None: as `joblib.parallel_config` says. `show` is called with (trials
    that are done, all, the latest record).
    Errors: ConfigError for a wrong config, at any point, before the first training, and where another process writes
    the file; DataError for unusable data.
    """
    seeds = checks.whole("run_sweep", 1, seeds=seeds)
    swept = SweptConfig(str(config), tuple(overrides), tuple(str(file.path) for file in declared_files()), core_only)
    points = grid_points(over)
    first = _checked(swept, points)
    file = TrialFile(out or f"{Path(config).stem}.sweep.jsonl")
    plugins = {file.path.name: file.digest for file in declared_files()}
    start = first.settings.train.seed
    keys = [{"settings": point, "seed": start + i} for i in range(seeds) for point in points]
    there = swept.absolute()
    tasks: list[Task] = [
        (sweep_record, {"swept": there, "point": key["settings"], "seed": key["seed"]}) for key in keys
    ]
    with file.lock():
        file.open({"study": "sweep", "config": swept.load().text(), "data": _data_digests(first), "plugins": plugins})
        run_trials(file, keys, tasks, jobs, show)
    return file


def sweep_record(swept: SweptConfig, point: Mapping[str, Any], seed: int) -> Record:
    """Train once; what came out, measured on the validation rows. One that diverges says so in "failed"."""
    start = time.perf_counter()
    config = swept.load({**point, SEED: seed})
    config = replace(config, spec=replace(config.spec, engine=one_thread(config.spec.engine)))
    parts = _data(config)
    trainer = config.trainer() if config.start is None else start_from_model(config)
    failed, began = None, time.perf_counter()
    with config.restricted():
        try:
            config.fit(trainer, parts if _reads_curves(config) else replace(parts, validation=None))
        except NumericalError as error:
            failed = str(error)
        took = time.perf_counter() - began
        values, best = ({}, {}) if failed else _measured(trainer, parts)
    history = trainer.history
    return {
        "values": values,
        "best": best,
        "epochs": len(history),
        "steps": history.step[-1] if len(history) else 0,
        "failed": failed,
        "seconds": {"training": took, "all": time.perf_counter() - start},
    }


def _reads_curves(config: Config) -> bool:
    """Whether a callback or a schedule may read the validation curve; where none does, it is measured at the end."""
    spec = config.spec
    return bool(config.start or spec.callbacks or spec.monitoring() or spec.check().monitoring())


def _checked(swept: SweptConfig, points: Sequence[Point]) -> Config:
    """The config at the first point; ConfigError for what is wrong at any of them."""
    if any(SEED in point for point in points):
        raise ConfigError(f"A sweep needs other settings than {SEED}, which its seeds set. Give --seeds.")
    configs = [swept.load(point) for point in points]
    for config in configs:
        if config.settings.data.validation is None:
            raise ConfigError(
                f"{config.file} needs validation rows, by which a sweep compares. Add to its [data]: "
                "validation = { fraction = 0.2 }."
            )
    return configs[0]


def _data(config: Config) -> Partition:
    """The rows of a config, kept for the trials that follow in this process."""
    table, train = config.settings.data, config.settings.train
    stats = tuple(file.stat() for file in _files(config))
    state = tuple((stat.st_mtime_ns, stat.st_size) for stat in stats)
    return _partition(_Rows(config, (repr(table), str(config.folder), train.seed, train.dtype, state)))


@final
class _Rows:
    """The rows of a config, which is equal to another of the same key."""

    def __init__(self, config: Config, key: object) -> None:
        self.config, self._key = config, key

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Rows) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)


@functools.lru_cache(maxsize=1)
def _partition(rows: _Rows) -> Partition:
    return rows.config.data()


def one_thread(engine: Engine) -> Engine:
    """The engine on one thread, where it has such a setting that is left open: bits depend on it, and jobs share."""
    known = getattr(engine, "threads", 0) is None
    return replace(engine, threads=1) if known else engine  # type: ignore[type-var]  # a dataclass that has threads


def _measured(trainer: Trainer, parts: Partition) -> tuple[dict[str, float], dict[str, str | None]]:
    """Loss and metrics on the validation rows, and which values of each are better."""
    assert parts.validation is not None
    values = trainer.evaluate(*parts.validation)
    ways = {name: better(metric) for name, metric in named_metrics(trainer.task, trainer.metrics)}
    return values, {"loss": "min"} | ways


def _files(config: Config) -> list[Path]:
    """The files that the rows of a config come from."""
    data = config.settings.data
    sources = [data.source, *(part.source for part in (data.validation, data.test) if part is not None)]
    return [config.folder / source.path for source in sources if isinstance(source, FileSource)]


def _data_digests(config: Config) -> dict[str, str]:
    """The digest of each file of rows; DataError from reading it comes with the first trial."""
    return {str(file): digest(file.read_bytes()) for file in _files(config) if file.is_file()}
