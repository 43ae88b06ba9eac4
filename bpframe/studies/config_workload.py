"""A config as a workload: its network, its rows, its epochs, and the first metric that it is measured by."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bpframe.data.task import Task
from bpframe.errors import ConfigError
from bpframe.registry import registry
from bpframe.registry.describe import describe
from bpframe.studies.config_sweep import SweptConfig
from bpframe.studies.workload import Workload
from bpframe.training.evaluation import named_metrics
from bpframe.training.spec import PARTS

ASIDE = ("network", "loss", "optimizer", "engine", "metrics", "seed", "callbacks")  # not taken over as they are


def config_workload(name: str, swept: SweptConfig) -> Workload:
    """The workload of a config; ConfigError for one without validation rows.

    Its callbacks are left out: rules that stop early would be compared over other horizons. A rate, and parameter
    groups with rules of their own, are the contestants'.
    """
    config = swept.load()
    settings, spec = config.settings, config.spec
    if settings.data.validation is None:
        raise ConfigError(
            f"{config.file} needs validation rows, by which rules are compared. Add to its [data]: "
            "validation = { fraction = 0.2 }."
        )
    if any(group.optimizer is not None for group in spec.groups):
        raise ConfigError(f"{config.file} needs parameter groups without rules of their own, to be compared on.")
    parts = {part.name: getattr(spec, part.name) for part in PARTS if part.name not in ASIDE}
    return Workload(
        name,
        config.data,
        lambda: spec.network,
        spec.loss,
        _metric(spec),
        settings.train.epochs,
        settings.train.batch_size,
        parts=parts,
    )


def config_name(path: str | Path) -> str:
    """The name of the workload of a config."""
    return Path(path).stem


def _metric(spec: Any) -> str:
    """The first metric whose better values are known; the loss where a config has none."""
    if spec.metrics:
        return str(describe(registry, "metric", spec.metrics[0])["name"])
    task = Task(spec.loss, spec.check(), spec.dtype, spec.network.inputs, layers=spec.network.layers)
    found = named_metrics(task, None)
    return found[0][0] if found else "loss"
