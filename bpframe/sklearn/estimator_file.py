"""The file of an estimator: a bpframe model file with the estimator's arguments and attributes in its manifest.

`bpframe.Trainer.load` and `bpframe predict` read the same file. No pickle: what JSON cannot represent (a RandomState,
a function, an object that is not registered) is left out, and the argument has its default after loading.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.preprocessing import LabelBinarizer

from bpframe.data import input_offset
from bpframe.errors import CheckpointError, ConfigError
from bpframe.registry import build, registry
from bpframe.registry.describe import describe
from bpframe.saving import model_file, tensor_file
from bpframe.sklearn import estimator_losses, estimator_trainer, solvers
from bpframe.sklearn.saved_settings import KINDS, check_fitted, screen_settings
from bpframe.training import checkpoint_checks
from bpframe.training.history import History
from bpframe.training.manifest import manifest, trainer_arguments
from bpframe.training.spec import TrainerSpec
from bpframe.training.trainer import Trainer

Path = str | os.PathLike[str]
FITTED_ATTRIBUTES = (
    *("n_iter_", "t_", "loss_", "loss_curve_", "best_loss_", "validation_scores_", "best_validation_score_"),
    *("n_layers_", "n_outputs_", "out_activation_", "n_features_in_", "feature_names_in_", "classes_"),
    *("stopped_", "_no_improvement_count"),
)


class NotSerializable(Exception):
    """A value has no representation in JSON."""


def write_estimator(model: BaseEstimator, path: Path) -> None:
    """Write the fitted model to a file; CheckpointError if that fails."""
    settings, left_out = {}, []
    for name, value in model.get_params(deep=False).items():
        try:
            settings[name] = encode_argument(value, KINDS.get(name))
        except (NotSerializable, ConfigError):
            left_out.append(name)
    attributes = {name: encode_argument(getattr(model, name)) for name in FITTED_ATTRIBUTES if hasattr(model, name)}
    estimator = {
        "class": type(model).__name__,
        "settings": settings,
        "left_out": left_out,
        "fitted": attributes,
        "history": encode_argument(model.history_.saved()),
        "labels": model._label_binarizer.y_type_ if hasattr(model, "_label_binarizer") else None,
    }
    tensor_file.write_tensors(path, model._parameters_by_name(), {**_manifest(model), "estimator": estimator})


def read_estimator(cls: type, path: Path, plugins: Sequence[str]) -> Any:
    """The model in a file; CheckpointError for a file of something else."""
    with model_file.open_untrusted(path, plugins) as (tensors, content, network):
        saved = content.get("estimator", {})
        if saved.get("class") != cls.__name__:
            raise CheckpointError(f"{path} holds {saved.get('class', 'no estimator')}, not {cls.__name__}. Load that.")
        trainer = Trainer(**trainer_arguments(content, network), engine=build("engine", "numpy"))
        trainer._present.restore(content.get("settings", {}))
        trainer.parameters.replace(tensors)
        learned = content["learned"]
        needed = learned if trainer.standardize_target else {k: v for k, v in learned.items() if k == input_offset.KEY}
        trainer.task = replace(trainer.task, learned=needed)
        trainer.history = History(**decode_argument(saved["history"]))
        checkpoint_checks.check_history(trainer.history)
        settings = screen_settings({name: decode_argument(value) for name, value in saved["settings"].items()}, path)
        model = cls(**settings)
        model._validate_params()  # scikit-learn looks at arguments in `fit` alone, and what is loaded may never see one
        fitted = {name: decode_argument(saved["fitted"][name]) for name in FITTED_ATTRIBUTES if name in saved["fitted"]}
        check_fitted(fitted)
        vars(model).update(fitted)
        model._trainer, model._best, model._reopen = trainer, {}, True
        if saved["labels"] is not None:
            model._label_binarizer = _binarizer(model.classes_, saved["labels"])
        estimator_trainer.pull_parameters(model)
    return model


def _binarizer(classes: Any, kind: str) -> Any:
    multilabel = kind.startswith("multilabel")
    return LabelBinarizer().fit(np.eye(len(classes), dtype=np.int64) if multilabel else classes)


def _manifest(model: BaseEstimator) -> dict[str, Any]:
    """The manifest of the trainer with what predicts and nothing else, all of it registered."""
    trainer, learned = model._trainer, dict(model._trainer.task.learned)
    if "classes" in learned and model.classes_.dtype.kind in "biuUO":
        learned |= {"classes": model.classes_.tolist(), "dtype": _dtype(model.classes_)}
    rule = solvers.registered_optimizer(trainer.optimizer, model._rate)
    bare = TrainerSpec(
        network=trainer.network,
        loss=estimator_losses.registered_loss(trainer.loss),
        optimizer=build("optimizer", "lbfgs") if model.solver == "lbfgs" else rule,
        engine=trainer.engine,
        gradient_steps=trainer.gradient_steps,
        seed=trainer.seed,
        dtype=trainer.dtype,
        standardize_target=trainer.standardize_target,
    )
    names = getattr(model, "feature_names_in_", None)
    columns = None if names is None else tuple(names.tolist())
    return manifest(bare, replace(trainer.task, learned=learned, columns=columns), settings=trainer.settings)


def encode_argument(value: object, kind: str | None = None) -> Any:
    """An argument or attribute as JSON; NotSerializable if there is none. `kind`: the kind of components in it."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return {"number": repr(value)}
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, np.ndarray):
        return {"array": [encode_argument(item, kind) for item in value.tolist()], "dtype": _dtype(value)}
    if isinstance(value, list | tuple):
        return {type(value).__name__: [encode_argument(item, kind) for item in value]}
    if isinstance(value, Mapping):
        return {"mapping": [[encode_argument(key), encode_argument(item, kind)] for key, item in value.items()]}
    if kind is None or isinstance(value, type) or not registry.provider_of(kind, value):
        raise NotSerializable(f"{value!r}")
    return encode_argument(describe(registry, kind, value), kind)


def decode_argument(value: object) -> Any:
    """The inverse of `encode_argument`; components come back as the mappings that describe them."""
    if not isinstance(value, Mapping):
        return value
    if "array" in value:
        if not re.fullmatch("bool|str|object|u?int[0-9]+|float[0-9]+", value["dtype"]):  # others may be of any size
            raise CheckpointError(f"an array of {value['dtype']!r} is none that an estimator keeps")
        return np.array([decode_argument(item) for item in value["array"]], dtype=value["dtype"])
    ((word, content),) = value.items()
    if word == "number":
        return float(content)
    if word == "mapping":
        return {decode_argument(key): decode_argument(item) for key, item in content}
    return {"list": list, "tuple": tuple}[word](decode_argument(item) for item in content)


def _dtype(array: Any) -> str:
    return "str" if array.dtype.kind == "U" else str(array.dtype.name)
