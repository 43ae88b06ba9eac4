"""An estimator as a model file: bpframe's format, with the estimator's arguments and attributes in the manifest.

`bpframe.Trainer.load` and `bpframe predict` read the same file. No pickle: what JSON cannot say (a RandomState, a
function, an object that nobody registered) is left out, and the argument has its default after loading.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import numpy as np
from sklearn.preprocessing import LabelBinarizer

from bpframe.errors import CheckpointError, ConfigError, UnknownComponent
from bpframe.registry import build, registry
from bpframe.registry.describe import describe
from bpframe.saving import model_file, tensor_file
from bpframe.sklearn import estimator_trainer, losses, solvers
from bpframe.sklearn.picklable_engine import Lasting
from bpframe.training.history import History
from bpframe.training.manifest import manifest, trainer_arguments
from bpframe.training.spec import TrainerSpec
from bpframe.training.trainer import Trainer

Path = str | os.PathLike[str]
KINDS = {
    "activation": "activation",
    "callbacks": "callback",
    "engine": "engine",
    "hidden_layers": "layer",
    "learning_rate": "schedule",
    "loss": "loss",
    "monitor": "metric",
    "solver": "optimizer",
}
FITTED = (
    *("n_iter_", "t_", "loss_", "loss_curve_", "best_loss_", "validation_scores_", "best_validation_score_"),
    *("n_layers_", "n_outputs_", "out_activation_", "n_features_in_", "feature_names_in_", "classes_"),
    *("stopped_", "_no_improvement_count"),
)


class Unsayable(Exception):
    """JSON has no words for a value."""


def write(model: Any, path: Path) -> None:
    """Put the fitted model in a file; CheckpointError if that cannot be."""
    settings, left_out = {}, []
    for name, value in model.get_params(deep=False).items():
        try:
            settings[name] = said(value, KINDS.get(name))
        except (Unsayable, ConfigError):
            left_out.append(name)
    attributes = {name: said(getattr(model, name)) for name in FITTED if hasattr(model, name)}
    estimator = {
        "class": type(model).__name__,
        "settings": settings,
        "left_out": left_out,
        "fitted": attributes,
        "history": said(vars(model.history_)),
        "labels": model._label_binarizer.y_type_ if hasattr(model, "_label_binarizer") else None,
    }
    tensor_file.write(path, model._named(), {**_manifest(model), "estimator": estimator})


def read(cls: type, path: Path, plugins: Sequence[str]) -> Any:
    """The model of a file; CheckpointError for a file of something else."""
    with model_file.open_untrusted(path, plugins) as (tensors, found):
        kept = found.get("estimator", {})
        if kept.get("class") != cls.__name__:
            raise CheckpointError(f"{path} holds {kept.get('class', 'no estimator')}, not {cls.__name__}. Load that.")
        trainer = Trainer(**trainer_arguments(found), engine=Lasting(build("engine", "numpy")))
        trainer.parameters.replace(tensors)
        trainer.history = History(**meant(kept["history"]))
        settings = {name: meant(value) for name, value in kept["settings"].items()}
        _refuse_blocked(settings)
        model = cls(**settings)
        vars(model).update({name: meant(kept["fitted"][name]) for name in FITTED if name in kept["fitted"]})
        model._trainer, model._best, model._reopen = trainer, {}, True
        if kept["labels"] is not None:
            model._label_binarizer = _binarizer(model.classes_, kept["labels"])
        estimator_trainer.pull(model)
    return model


def _refuse_blocked(settings: Mapping[str, Any]) -> None:
    """BlockedComponent for a plugin that the caller does not allow: a later fit would take it from the arguments."""
    for name, kind in KINDS.items():
        given = settings.get(name)
        for spec in given if isinstance(given, list | tuple) else [given]:
            if isinstance(spec, Mapping):
                build(kind, spec)
            elif isinstance(spec, str):
                with suppress(UnknownComponent):  # one of scikit-learn's own words
                    registry.find(kind, spec)


def _binarizer(classes: Any, kind: str) -> Any:
    several = kind.startswith("multilabel")
    return LabelBinarizer().fit(np.eye(len(classes), dtype=np.int64) if several else classes)


def _manifest(model: Any) -> dict[str, Any]:
    """The manifest of the trainer with what predicts and nothing else, all of it registered."""
    trainer, learned = model._trainer, dict(model._trainer.task.learned)
    if "classes" in learned and model.classes_.dtype.kind in "biuUO":
        learned |= {"classes": model.classes_.tolist(), "dtype": _dtype(model.classes_)}
    bare = TrainerSpec(
        network=trainer.network,
        loss=losses.plain(trainer.loss),
        optimizer=build("optimizer", "lbfgs") if model.solver == "lbfgs" else solvers.plain(trainer.optimizer),
        engine=trainer.engine,
        gradient_steps=trainer.gradient_steps,
        seed=trainer.seed,
        dtype=trainer.dtype,
    )
    return manifest(bare, trainer.task.shape, learned)


def said(value: Any, kind: str | None = None) -> Any:
    """A value in JSON's words; Unsayable where there are none. `kind`: what components among it are."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return {"number": repr(value)}
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, np.ndarray):
        return {"array": [said(item, kind) for item in value.tolist()], "dtype": _dtype(value)}
    if isinstance(value, list | tuple):
        return {type(value).__name__: [said(item, kind) for item in value]}
    if isinstance(value, Mapping):
        return {"mapping": [[said(key), said(item, kind)] for key, item in value.items()]}
    if kind is None or isinstance(value, type) or not registry.provider_of(kind, value):
        raise Unsayable(f"{value!r}")
    return said(describe(registry, kind, value), kind)


def meant(value: Any) -> Any:
    """The inverse of `said`; components come back as the mappings that describe them."""
    if not isinstance(value, Mapping):
        return value
    if "array" in value:
        if not re.fullmatch("bool|str|object|u?int[0-9]+|float[0-9]+", value["dtype"]):  # others may be of any size
            raise CheckpointError(f"an array of {value['dtype']!r} is none that an estimator keeps")
        return np.array([meant(item) for item in value["array"]], dtype=value["dtype"])
    ((word, content),) = value.items()
    if word == "number":
        return float(content)
    if word == "mapping":
        return {meant(key): meant(item) for key, item in content}
    return {"list": list, "tuple": tuple}[word](meant(item) for item in content)


def _dtype(array: Any) -> str:
    return "str" if array.dtype.kind == "U" else str(array.dtype.name)
