"""The check of `bpframe train --frozen`: a training that is about to start must be what a lock holds."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bpframe.cli.no_plugins import core_only
from bpframe.errors import ConfigError
from bpframe.registry import registry
from bpframe.runs.config import Override, load, parse_override, toml_reader
from bpframe.runs.config.overrides import apply_overrides
from bpframe.runs.folder import RunFolder
from bpframe.runs.lock import lock
from bpframe.runs.lock.compare import compare_locks, refuse_differences
from bpframe.runs.lock.resolve import resolve_components

BESIDE = ""  # the value of --frozen that stands alone
SHORTCUTS = ("epochs", "engine")


def admit(config: Path, given: str, options: Mapping[str, Any]) -> None:
    """PluginError or ConfigError, which names each difference, unless the training is what the lock holds.

    Twice: before a plugin is imported, so that other code than that of the lock never runs, and once more with the
    components built, which shows the arguments that no source file shows. `options` are those of `bpframe train`.
    """
    file = _lock(config, given, options)
    if file is None:
        return
    wanted = lock.read_lock(file)
    overrides = [parse_override(setting) for setting in options["settings"]]
    shortcuts = {name: options[name] for name in SHORTCUTS if options[name] is not None}
    overrides += [Override(("train", name), value, f"--{name}") for name, value in shortcuts.items()]
    with core_only(options["no_plugins"]):
        tables, locations = toml_reader.read_toml(config)
        if not apply_overrides(overrides, tables, locations):  # else the check of the config reports it
            sources = resolve_components(registry, tables, f"[plugins] of {config}")
            refuse_differences(file, compare_locks(wanted, lock.build_lock(sources.entries), sources.partial))
        refuse_differences(file, compare_locks(wanted, lock.lock_tables(load(config, overrides))))


def _lock(config: Path, given: str, options: Mapping[str, Any]) -> Path | None:
    """The lock that --frozen means; None when --resume auto finds no run to resume.

    One that is named; else that of the run to go on with; else the one beside the config.
    """
    if given != BESIDE:
        return RunFolder(Path(given)).lock if Path(given).is_dir() else Path(given)
    earlier = RunFolder(options["runs"] / (options["name"] or config.stem)).lock if options.get("resume") else None
    if earlier is not None and earlier.is_file():
        return earlier
    beside = lock.find_lock(config)
    if beside is None and earlier is None:
        name = config.with_suffix(".lock.toml")
        raise ConfigError(
            f"--frozen needs a lock, but there is no {name}. Copy one from a run there, or name a run: --frozen "
            f"{options['runs'] / config.stem}."
        )
    return beside
