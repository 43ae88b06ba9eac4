"""The architecture of an estimator: layer specifications from its arguments, and scikit-learn's random initial values.

Shapes: weight (n, m) of a layer with n inputs and m outputs, bias (m,).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from bpframe.errors import ConfigError
from bpframe.registry import Spec
from bpframe.types import HostArray

ACTIVATIONS = {"identity": None, "logistic": "sigmoid"}  # scikit-learn's names where they differ


def layer_sizes(hidden: int | Iterable[int]) -> list[int]:
    """hidden_layer_sizes as a list; ValueError in scikit-learn's words for a size below 1."""
    sizes = list(hidden) if isinstance(hidden, Iterable) else [hidden]
    if np.any(np.array(sizes) <= 0):
        raise ValueError(f"hidden_layer_sizes must be > 0, got {sizes}.")
    return [int(size) for size in sizes]


def layer_specs(settings: Mapping[str, Any], outputs: int) -> list[Spec]:
    """The specification of every layer of the network; the last layer has no activation."""
    last: Spec = {"name": "dense", "units": outputs, **_zero_initializer(settings)}
    if settings["hidden_layers"] is not None:
        return [*settings["hidden_layers"], last]
    hidden = layer_sizes(settings["hidden_layer_sizes"])
    activations = _per_layer("activation", settings["activation"], len(hidden))
    rates = _per_layer("dropout", settings["dropout"], len(hidden))
    return [
        layer
        for units, activation, rate in zip(hidden, activations, rates, strict=True)
        for layer in _hidden(
            units, ACTIVATIONS.get(activation, activation) if _is_text(activation) else activation, rate, settings
        )
    ] + [last]


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _hidden(units: int, activation: Spec, rate: float, settings: Mapping[str, Any]) -> list[Spec]:
    """One hidden layer, followed by its batch normalization, activation and dropout."""
    dense = {"name": "dense", "units": units, **_zero_initializer(settings)}
    after: list[Spec] = [{"name": "dropout", "rate": rate}] if rate else []
    if not settings["batch_norm"]:
        return [{**dense, **({"activation": activation} if activation else {})}, *after]
    between: list[Spec] = [{"name": "activation", "activation": activation}] if activation else []
    return [dense, "batch_norm", *between, *after]


def _zero_initializer(settings: Mapping[str, Any]) -> dict[str, Spec]:
    """Zeros unless the user gives `hidden_layers`: scikit-learn's initial values are assigned later."""
    return {} if settings["hidden_layers"] is not None else {"weight_initializer": "zeros"}


def _per_layer(name: str, value: object, count: int) -> list[Any]:
    """A list with one value for each hidden layer, from a single value or a list."""
    if isinstance(value, str | Mapping | int | float) or not isinstance(value, Sequence | np.ndarray):
        return [value] * count
    if len(value) != count:
        raise ConfigError(f"{name} needs one entry for all hidden layers or {count}, one for each, got {len(value)}.")
    return list(value)


def initial_values(
    shapes: Iterable[tuple[int, ...]], settings: Mapping[str, Any], random: np.random.RandomState
) -> tuple[list[HostArray], list[HostArray]]:
    """(weights, biases) for weights of these shapes, both uniform on +-sqrt(f / (n + m)).

    f is 6, and 2 for logistic activations; the last layer has the f of the layer before it.
    Source: `_init_coef` of scikit-learn; Glorot and Bengio (2010), equation 16.
    """
    shapes = list(shapes)
    activations = _per_layer("activation", settings["activation"], max(1, len(shapes) - 1))
    weights, biases = [], []
    for k, (n, m) in enumerate(shapes):
        logistic = activations[min(k, len(activations) - 1)] == "logistic"
        bound = math.sqrt((2.0 if logistic else 6.0) / (n + m))
        weights.append(random.uniform(-bound, bound, (n, m)))
        biases.append(random.uniform(-bound, bound, m))
    return weights, biases
