"""The check of `bpframe train --frozen`: a training that is about to start must be what a lock holds."""

from __future__ import annotations

from pathlib import Path

from bpframe.cli.machine_table import with_default_table
from bpframe.cli.train_options import TrainOptions
from bpframe.errors import ConfigError
from bpframe.registry import registry
from bpframe.runs.config import load
from bpframe.runs.config.base_config import read_tables
from bpframe.runs.config.overrides import apply_overrides
from bpframe.runs.config.run_config import start_folder
from bpframe.runs.folder import RunFolder
from bpframe.runs.lock import lock
from bpframe.runs.lock.compare import compare_locks, refuse_differences
from bpframe.runs.lock.resolve import resolve_components
from bpframe.runs.lock.settings import lock_settings

BESIDE = ""  # the value of --frozen that stands alone


def admit(config: Path, given: str, options: TrainOptions) -> Path | None:
    """PluginError or ConfigError, which names each difference, unless the training is what the lock holds.

    Twice: before a plugin is imported, so that other code than that of the lock never runs, and once more with the
    components built, which shows the arguments that no source file shows. The file of the lock, for a third time: with
    the data, once they are read.
    """
    file = _lock(config, given, options)
    if file is None:
        return None
    wanted = lock.read_lock(file)
    with options.allowed(), options.threads(config, file):
        tables, locations = read_tables(config)
        if not apply_overrides(options.overrides, tables, locations):  # else the check of the config reports it
            sources = resolve_components(registry, tables, f"[plugins] of {config}", config.parent)
            entries = with_default_table(sources.entries)
            now = lock.build_lock(entries, lock_settings(tables, start_folder(config, locations)))
            refuse_differences(file, compare_locks(wanted, now, sources.partial))
        refuse_differences(file, compare_locks(wanted, lock.lock_tables(load(config, options.overrides, files=True))))
    return file


def _lock(config: Path, given: str, options: TrainOptions) -> Path | None:
    """The lock that --frozen means; None when --resume auto finds no run to resume.

    One that is named; else that of the run to go on with; else the one beside the config.
    """
    if given != BESIDE:
        return RunFolder(Path(given)).lock if Path(given).is_dir() else Path(given)
    earlier = RunFolder(options.runs / (options.name or config.stem)).lock if options.resume else None
    if earlier is not None and earlier.is_file():
        return earlier
    beside = lock.find_lock(config)
    if beside is None and earlier is None:
        name = config.with_suffix(".lock.toml")
        raise ConfigError(
            f"--frozen needs a lock, but there is no {name}. Copy one from a run there, or name a run: --frozen "
            f"{options.runs / config.stem}."
        )
    return beside
