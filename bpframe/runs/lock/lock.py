"""The lock of a run: the code of every component, library versions and machine.

[versions]         bpframe, python, numpy; jax and jaxlib for engine jax
[machine]          platform, CPU, BLAS and threads (`bpframe.saving.environment`)
[[distributions]]  name, version, digest of all the code, and origin (`bpframe.runs.lock.distributions`)
[settings]         what else of the config may change bits, by path (`bpframe.runs.lock.settings`)
[data]             rows and digests of the parts that are trained on, validated and tested with, once they are read
[[components]]     path in the config, kind, dist/name, version, target, digest of its file, arguments, multipliers
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bpframe.data.fingerprint import Fingerprint
from bpframe.errors import ConfigError
from bpframe.protocols.traits import decay_multipliers, lr_multipliers
from bpframe.registry import build, registry
from bpframe.registry.describe import describe
from bpframe.registry.nested import Nested
from bpframe.registry.policy import CORE
from bpframe.registry.source_code import find_source
from bpframe.runs.config import specs, toml_reader
from bpframe.runs.config.run_config import Config
from bpframe.runs.config.specs import components_by_path
from bpframe.runs.config.toml_writer import dumps
from bpframe.runs.folder import RunFolder
from bpframe.runs.lock import distributions
from bpframe.runs.lock.resolve import STANDARDIZE, Entry
from bpframe.runs.lock.settings import lock_settings
from bpframe.saving.environment import machine, versions

Lock = dict[str, Any]
JAX = "bpframe/jax"
REMEDY = "Take run.lock.toml of a run's folder."


def lock_text(config: Config, data: Fingerprint | None = None) -> str:
    """The lock of a run that is about to start, on these data, as a TOML text."""
    return dumps(lock_tables(config, data))


def lock_tables(config: Config, data: Fingerprint | None = None) -> Lock:
    """The lock of a run that is about to start, on these data, as tables."""
    located = list(components_by_path(config.settings))
    if config.settings.data.standardize:
        located.append(Nested("data.standardize", "layer", build("layer", STANDARDIZE)))
    with config.restricted():
        settings = lock_settings(specs.to_tables(config.settings, config.folder), config.start_folder)
        return build_lock([_entry(one) for one in located], settings, data)


def build_lock(
    entries: Sequence[Entry], settings: Mapping[str, Any] | None = None, data: Fingerprint | None = None
) -> Lock:
    """The lock of these components on this machine, as tables; with settings and data where those are known."""
    engine: Entry = next((entry for entry in entries if entry["path"] == "train.engine"), {"name": ""})
    dists = dict.fromkeys([CORE, *(entry["name"].partition("/")[0] for entry in entries if "version" in entry)])
    computing, bounded = machine(), "cpus" if engine["name"] == JAX else "threads"
    if bound := engine.get("arguments", {}).get("threads"):
        computing[bounded] = min(bound, computing[bounded])
    tables = {
        "versions": versions(*(("jax", "jaxlib") if engine["name"] == JAX else ())),
        "machine": computing,
        "distributions": [
            *(one for dist in dists if (one := distributions.describe_distribution(registry, dist))),
            *distributions.describe_plugin_files(entries),
        ],
        **({} if settings is None else {"settings": dict(settings)}),
        **({} if data is None else {"data": data.tables()}),
        "components": list(entries),
    }
    return tomllib.loads(dumps(tables))


def read_lock(path: Path) -> Lock:
    """The lock in a file, or of a run's folder; ConfigError if there is none."""
    file = RunFolder(path).lock if path.is_dir() else path
    found, _ = toml_reader.read_toml(file)
    arrays = {"components": "path", "distributions": "name"}
    tables = [found.get(name, {}) for name in ("versions", "machine", "settings", "data")]
    if "components" not in found or not all(isinstance(table, dict) for table in tables):
        raise ConfigError(f"{file}: a lock needs [[components]], [versions] and [machine], got others. {REMEDY}")
    if not all(isinstance(value, dict | list) for value in tables[-1].values()):
        raise ConfigError(f"{file}: a lock needs tables of rows and digests in [data], got others. {REMEDY}")
    for name, key in arrays.items():
        entries = found.get(name, [])
        if not isinstance(entries, list) or not all(_is_entry(entry, key) for entry in entries):
            raise ConfigError(f"{file}: a lock needs [[{name}]], each with a {key}, got others. {REMEDY}")
    return found


def _is_entry(entry: Any, key: str) -> bool:
    return isinstance(entry, dict) and isinstance(entry.get(key), str) and isinstance(entry.get("arguments", {}), dict)


def find_lock(config: Path) -> Path | None:
    """The lock file that belongs to a config: NAME.lock.toml beside NAME.toml, or that of its run folder."""
    run = RunFolder(config.parent)
    candidates = [config.with_suffix(".lock.toml")] + ([run.lock] if config.name == run.config.name else [])
    return next((file for file in candidates if file.is_file()), None)


def _entry(located: Nested) -> Entry:
    path, kind, component = located
    provider = registry.provider_of(kind, component)
    assert provider is not None  # whatever a config names has a provider
    found = find_source(provider.target)
    return {
        "path": path,
        "kind": kind,
        "name": provider.ref,
        "version": provider.version,
        "target": provider.target,
        "hash": found and found.hash,
        "arguments": {key: value for key, value in describe(registry, kind, component).items() if key != "name"},
        **_multipliers(component),
    }


def _multipliers(component: object) -> dict[str, dict[str, float]]:
    """What a layer declares for its own parameters, where it does."""
    declared = {"lr_multipliers": lr_multipliers(component), "decay_multipliers": decay_multipliers(component)}
    return {name: factors for name, factors in declared.items() if factors}
