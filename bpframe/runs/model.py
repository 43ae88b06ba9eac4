"""Load the model of a finished run."""

from __future__ import annotations

from bpframe.registry import registry
from bpframe.runs.config.run_config import Config
from bpframe.runs.config.specs import components_by_path
from bpframe.runs.folder import RunFolder
from bpframe.training.trainer import Trainer


def load_model(folder: RunFolder, config: Config) -> Trainer:
    """A trainer with the saved model of a run.

    A config is trusted like code: plugins that it names may be loaded, others that the model file names may not.
    """
    providers = (registry.provider_of(kind, component) for _, kind, component in components_by_path(config.settings))
    trusted = sorted({provider.dist for provider in providers if provider})
    with config.restricted():
        return Trainer.load(folder.model, plugins=trusted, engine=config.settings.train.engine)
