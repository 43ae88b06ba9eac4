"""The model of a finished run."""

from __future__ import annotations

from bpframe.registry import registry
from bpframe.runs.config.run_config import Config
from bpframe.runs.config.specs import components_by_path
from bpframe.runs.folder import Folder
from bpframe.training.trainer import Trainer


def trained(folder: Folder, config: Config) -> Trainer:
    """The run's trainer as it was saved.

    A config is trusted like code: the plugins that it names may be loaded, and no others that the model file names.
    """
    found = (registry.provider_of(kind, component) for _, kind, component in components_by_path(config.settings))
    trusted = sorted({provider.dist for provider in found if provider})
    with config.restricted():
        return Trainer.load(folder.model, plugins=trusted, engine=config.settings.train.engine)
