"""The layers that an estimator's arguments mean, and how scikit-learn draws their first values.

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


def sizes(given: Any) -> list[int]:
    """hidden_layer_sizes as a list; ValueError in scikit-learn's words for a size below 1."""
    found = list(given) if hasattr(given, "__iter__") else [given]
    if np.any(np.array(found) <= 0):
        raise ValueError(f"hidden_layer_sizes must be > 0, got {found}.")
    return [int(size) for size in found]


def specifications(given: Mapping[str, Any], outputs: int) -> list[Spec]:
    """Every layer of the network, the last one without an activation."""
    last: Spec = {"name": "dense", "units": outputs, **_unset(given)}
    if given["hidden_layers"] is not None:
        return [*given["hidden_layers"], last]
    hidden = sizes(given["hidden_layer_sizes"])
    activations = _each("activation", given["activation"], len(hidden))
    rates = _each("dropout", given["dropout"], len(hidden))
    return [
        layer
        for units, activation, rate in zip(hidden, activations, rates, strict=True)
        for layer in _hidden(
            units, ACTIVATIONS.get(activation, activation) if _text(activation) else activation, rate, given
        )
    ] + [last]


def _text(value: Any) -> bool:
    return isinstance(value, str)


def _hidden(units: int, activation: Spec, rate: float, given: Mapping[str, Any]) -> list[Spec]:
    """One hidden layer with what stands around it."""
    dense = {"name": "dense", "units": units, **_unset(given)}
    after: list[Spec] = [{"name": "dropout", "rate": rate}] if rate else []
    if not given["batch_norm"]:
        return [{**dense, **({"activation": activation} if activation else {})}, *after]
    between: list[Spec] = [{"name": "activation", "activation": activation}] if activation else []
    return [dense, "batch_norm", *between, *after]


def _unset(given: Mapping[str, Any]) -> dict[str, Spec]:
    """Without layers of the user's own the first values are scikit-learn's, assigned later: nothing need be drawn."""
    return {} if given["hidden_layers"] is not None else {"weight_initializer": "zeros"}


def _each(name: str, given: Any, count: int) -> list[Any]:
    """One value for each hidden layer, from one for all or a list."""
    if isinstance(given, str | Mapping | int | float) or not isinstance(given, Sequence | np.ndarray):
        return [given] * count
    if len(given) != count:
        raise ConfigError(f"{name} needs one entry for all hidden layers or {count}, one for each, got {len(given)}.")
    return list(given)


def first_values(
    shapes: Iterable[tuple[int, ...]], given: Mapping[str, Any], random: np.random.RandomState
) -> tuple[list[HostArray], list[HostArray]]:
    """(weights, biases) for weights of these shapes: uniform on +-sqrt(f / (n + m)), biases too.

    f is 6, and 2 for logistic activations; the last layer has that of the one before it.
    Source: `_init_coef` of scikit-learn; Glorot and Bengio (2010), equation 16.
    """
    shapes = list(shapes)
    activations = _each("activation", given["activation"], max(1, len(shapes) - 1))
    weights, biases = [], []
    for k, (n, m) in enumerate(shapes):
        logistic = activations[min(k, len(activations) - 1)] == "logistic"
        bound = math.sqrt((2.0 if logistic else 6.0) / (n + m))
        weights.append(random.uniform(-bound, bound, (n, m)))
        biases.append(random.uniform(-bound, bound, m))
    return weights, biases
