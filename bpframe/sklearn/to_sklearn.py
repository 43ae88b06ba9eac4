"""To scikit-learn: a network of dense layers as a fitted MLP of scikit-learn itself, with the same predictions."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn import neural_network
from sklearn.preprocessing import LabelBinarizer

from bpframe.data import labels
from bpframe.errors import ConfigError
from bpframe.registry import registry
from bpframe.registry.describe import describe, short_name
from bpframe.registry.labelled import unlabelled
from bpframe.training.trainer import Trainer
from bpframe.types import HostArray

ACTIVATIONS = {"relu": "relu", "tanh": "tanh", "sigmoid": "logistic", "identity": "identity"}
OUTPUTS = {"softmax": "softmax", "sigmoid": "logistic", "identity": "identity"}


def to_sklearn(trainer: Trainer) -> Any:
    """A fitted `sklearn.neural_network.MLPClassifier` or `MLPRegressor` that predicts what the trainer does.

    ConfigError names what scikit-learn's MLP has not: layers other than dense ones behind standardize, several
    activations, activations or links that it lacks.
    """
    coefs, intercepts, activations = _layers(trainer)
    link = trainer.task.loss.link
    output = OUTPUTS.get(link) if isinstance(link, str) else None
    if output is None or trainer.task.heads:
        raise ConfigError(f"scikit-learn's MLP has no link {link!r}. Export the model instead: bp.export.")
    if trainer.standardize_target:
        scale = trainer.task.learned["target_scale"]
        coefs[-1] = coefs[-1] * np.array(scale["deviation"])
        intercepts[-1] = intercepts[-1] * np.array(scale["deviation"]) + np.array(scale["mean"])
    hidden = tuple(w.shape[1] for w in coefs[:-1])
    settings = {"hidden_layer_sizes": hidden, "activation": activations.pop() if activations else "identity"}
    model = _classifier(trainer, settings) if output != "identity" else neural_network.MLPRegressor(**settings)
    vars(model).update(coefs_=coefs, intercepts_=intercepts, n_layers_=len(coefs) + 1, out_activation_=output)
    vars(model).update(n_outputs_=coefs[-1].shape[1], n_features_in_=coefs[0].shape[0], n_iter_=1, t_=0, loss_=0.0)
    return model


def _classifier(trainer: Trainer, settings: dict[str, Any]) -> Any:
    """A classifier that knows the labels."""
    learned = trainer.task.learned
    if "classes" not in learned:
        raise ConfigError("to_sklearn needs one label a row; several labels a row are kept by bp.export.")
    model = neural_network.MLPClassifier(**settings)
    known = labels.decode(np.arange(len(learned["classes"])), learned)
    model.classes_, model._label_binarizer = known, LabelBinarizer().fit(known)
    return model


def _layers(trainer: Trainer) -> tuple[list[HostArray], list[HostArray], set[str]]:
    """(weights, biases, activations of the hidden layers); what standardize does is part of the first ones."""
    values = trainer.parameters.copy()
    coefs: list[HostArray] = []
    intercepts: list[HostArray] = []
    activations: list[str] = []
    scale: tuple[Any, Any] | None = None
    for label, layer in trainer.network.layers:
        name = short_name(registry, "layer", layer)
        if name == "standardize" and not coefs and scale is None:
            scale = values[f"{label}/buffers/mean"], values[f"{label}/buffers/scale"]
        elif name == "dense":
            weight = values[f"{label}/weight"].astype(np.float64)
            bias = values.get(f"{label}/bias", np.zeros(weight.shape[1])).astype(np.float64)
            if scale is not None:
                mean, factor = (np.asarray(each, np.float64) for each in scale)
                weight, bias, scale = weight * factor[:, None], bias - (mean * factor) @ weight, None
            coefs, intercepts = [*coefs, weight], [*intercepts, bias]
            activations.append(_activation(unlabelled(layer), label))
        else:
            raise ConfigError(f"scikit-learn's MLP has no layer {name} ('{label}'). Export the model: bp.export.")
    *hidden, last = activations or [""]
    if last != "identity" or len(set(hidden)) > 1:
        raise ConfigError(
            f"scikit-learn's MLP has one activation for all hidden layers and none behind the last, got {activations}. "
            "Export the model: bp.export."
        )
    return coefs, intercepts, set(hidden)


def _activation(layer: Any, label: str) -> str:
    """The activation of a dense layer as scikit-learn calls it."""
    spec = describe(registry, "layer", layer).get("activation", {"name": "identity"})
    name = spec["name"] if isinstance(spec, dict) else spec
    if name not in ACTIVATIONS:
        known = ", ".join(ACTIVATIONS)
        raise ConfigError(f"scikit-learn's MLP has the activations {known}, got {name} in '{label}'. Use bp.export.")
    return ACTIVATIONS[name]
