"""The config of a program's run: what a trainer is made of and what `fit` was called with, as a config file has it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from bpframe.data.class_weight import ByLabel
from bpframe.data.task import Task
from bpframe.errors import ConfigError
from bpframe.registry import registry
from bpframe.registry.describe import describe
from bpframe.registry.labelled import Labelled, unlabelled
from bpframe.runs.config.data_sources import ProgramSource
from bpframe.runs.config.locations import Locations
from bpframe.runs.config.run_config import Config
from bpframe.runs.config.schema import ConfigFile, DataTable, ModelTable, PluginsTable, TrainTable, place_of
from bpframe.training.spec import PARTS, TrainerSpec


def program_config(file: Path, spec: TrainerSpec, task: Task, call: Mapping[str, Any], epochs: int) -> Config:
    """The config, to be written to `file`, of a fit of a trainer; ConfigError for a component that has no name.

    `call`: the arguments of `fit`; `epochs`: those of all its fits. Callbacks without a name are left out, since they
    say nothing of what is learned; so is the one that writes the run.
    """
    spec = replace(spec, callbacks=[one for one in spec.callbacks if _has_name(one)])
    parts = {part.name: getattr(spec, part.name) for part in PARTS if place_of(part) == part.name}
    settings = ConfigFile(
        data=DataTable(source=ProgramSource(), standardize_target=spec.standardize_target),
        model=ModelTable(layers=[Labelled(label, unlabelled(layer)) for label, layer in spec.network.layers]),
        train=TrainTable(
            epochs=epochs,
            batch_size=call["batch_size"],
            seed=spec.seed,
            engine=spec.engine,
            dtype=spec.dtype,  # type: ignore[arg-type]  # checked by the trainer
            shuffle=call["shuffle"],
            class_weight=_by_text(call["class_weight"], task),
            weights_by_batch=spec.weights_by_batch,
        ),
        plugins=PluginsTable(),
        **parts,
    )
    return Config(file, settings, Locations(str(file)), spec)


def _has_name(callback: Any) -> bool:
    try:
        return bool(describe(registry, "callback", callback)["name"] != "run_folder")
    except ConfigError:
        return False


def _by_text(class_weight: Any, task: Task) -> Any:
    """Class weights as a config says them: by the text of each label."""
    if class_weight is None or isinstance(class_weight, str):
        return class_weight
    if isinstance(class_weight, Mapping | ByLabel):
        return {str(label): float(weight) for label, weight in class_weight.items()}
    labels: Sequence[Any] = task.learned.get("classes", range(len(class_weight)))
    return {str(label): float(weight) for label, weight in zip(labels, class_weight, strict=True)}
