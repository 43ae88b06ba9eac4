"""The model of a run, loaded to measure it, or to start another run from it."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import numpy as np

from bpframe.errors import BpframeError, ConfigError
from bpframe.registry import registry
from bpframe.runs.config.run_config import Config
from bpframe.runs.config.specs import components_by_path
from bpframe.runs.folder import RunFolder, model_file
from bpframe.runs.resume import PATTERN
from bpframe.training.manifest import trainer_definition
from bpframe.training.trainer import Trainer
from bpframe.types import HostArray


def load_model(folder: RunFolder, config: Config) -> Trainer:
    """A trainer with the saved model of a run.

    A config is trusted like code: plugins that it names may be loaded, others that the model file names may not.
    """
    with config.restricted():
        return Trainer.load(folder.model, plugins=_trusted(config), engine=config.settings.train.engine)


def load_with_memory(folder: RunFolder, config: Config) -> Trainer:
    """The same with what its rule remembers, where a checkpoint of these parameters is there."""
    trainer = load_model(folder, config)
    latest = max(folder.checkpoints.glob(PATTERN), default=None)
    with suppress(BpframeError), config.restricted():  # a damaged checkpoint is no matter here
        if latest is not None:
            last = Trainer.resume(latest, plugins=_trusted(config))
            if _same(last.session.parameters, trainer.session.parameters):
                return last
    return trainer


def _same(one: Mapping[str, HostArray], other: Mapping[str, HostArray]) -> bool:
    return one.keys() == other.keys() and all(np.array_equal(one[name], other[name]) for name in one)


def start_from_model(config: Config, *callbacks: object) -> Trainer:
    """A trainer of the config that starts from the parameters, and the labels, of the model that this names.

    Everything but the network is the config's: rate, rule, schedules, seed. ConfigError where the networks differ.
    """
    assert config.start is not None
    path = model_file(config.start)
    own = vars(config.spec) | {"callbacks": [*config.spec.callbacks, *callbacks]}
    with config.restricted():
        parts = {name: part for name, part in own.items() if name not in ("network", "loss", "engine")}
        trainer = Trainer.load(path, plugins=_trusted(config), engine=config.spec.engine, **parts)
    now, then = trainer_definition(config.spec), trainer_definition(trainer.spec)
    for name in ("network", "tie", "loss"):
        if now.get(name) != then.get(name):
            wanted, got = _first_difference(then.get(name), now.get(name))
            raise ConfigError(
                f"--from needs the {name} of {path}: there {wanted}, in the config {got}. Make them equal."
            )
    return trainer


def _first_difference(then: Any, now: Any) -> tuple[Any, Any]:
    """Two unequal specifications, or the first unequal ones of two lists."""
    if not isinstance(then, list) or not isinstance(now, list):
        return then, now
    return next((a, b) for a, b in itertools.zip_longest(then, now, fillvalue="nothing") if a != b)


def _trusted(config: Config) -> list[str]:
    """The distributions of the components that a config names."""
    providers = (registry.provider_of(kind, component) for _, kind, component in components_by_path(config.settings))
    return sorted({provider.dist for provider in providers if provider})
