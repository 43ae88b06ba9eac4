"""The lock of a run: which code every component of it came from."""

from __future__ import annotations

import platform
from typing import Any

import numpy as np

from bpframe.config.run import Config
from bpframe.config.specs import Located, components
from bpframe.config.writer import dumps
from bpframe.registry import registry
from bpframe.registry.describe import describe
from bpframe.runs.provenance import source
from bpframe.version import VERSION


def text(config: Config) -> str:
    """The lock as TOML: versions, then path, kind, dist/name, version, target, hash and arguments of each component."""
    versions = {"bpframe": VERSION, "python": platform.python_version(), "numpy": np.__version__}
    return dumps({"versions": versions, "components": [_entry(located) for located in components(config.settings)]})


def _entry(located: Located) -> dict[str, Any]:
    path, kind, component = located
    provider = registry.provider_of(kind, component)
    assert provider is not None  # whatever a config names has a provider
    found = source(provider.target)
    return {
        "path": path,
        "kind": kind,
        "name": provider.ref,
        "version": provider.version,
        "target": provider.target,
        "hash": found and found.hash,
        "arguments": {key: value for key, value in describe(registry, kind, component).items() if key != "name"},
    }
