"""Writes norms.npz: norms and embeddings of PyTorch and Keras with their defaults, outputs and running statistics.

usage: KERAS_BACKEND=jax python tests/golden/make_norms.py
needs: torch 2.13, keras 3.15.1, jax 0.10

Arrays: x (2, 6, 3, 4) two batches, channels last; CASE/y (2, 6, 3, 4) what training makes of each, CASE/evaluated of
the first afterwards, CASE/mean and CASE/variance (2, 4) the running ones after each batch. embedding/NAME: weight,
x, y, dy, dweight with padding.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

os.environ.setdefault("KERAS_BACKEND", "jax")

import jax
import keras
import numpy as np
import torch

jax.config.update("jax_enable_x64", True)
keras.config.set_floatx("float64")
HOME = Path(__file__).with_name("norms.npz")
RNG = np.random.default_rng(24)
X = 2 * RNG.normal(size=(2, 6, 3, 4)) + 1
PADDING = 2
Arrays = dict[str, np.ndarray]


def first(x: np.ndarray) -> torch.Tensor:
    """Channels behind the batch."""
    return torch.tensor(np.moveaxis(x, -1, 1))


def last(x: torch.Tensor) -> np.ndarray:
    """Channels last."""
    return np.moveaxis(x.detach().numpy(), 1, -1)


def torch_batch() -> Arrays:
    """Of BatchNorm1d."""
    layer = torch.nn.BatchNorm1d(4).double()
    y, running = [], []
    for x in X:
        y.append(last(layer(first(x))))
        running.append((layer.running_mean.numpy().copy(), layer.running_var.numpy().copy()))
    mean, variance = map(np.stack, zip(*running, strict=True))
    return {"y": np.stack(y), "evaluated": last(layer.eval()(first(X[0]))), "mean": mean, "variance": variance}


def keras_batch() -> Arrays:
    """Of BatchNormalization."""
    layer = keras.layers.BatchNormalization()
    y, running = [], []
    for x in X:
        y.append(numbers(layer(x, training=True)))
        running.append((numbers(layer.moving_mean), numbers(layer.moving_variance)))
    mean, variance = map(np.stack, zip(*running, strict=True))
    return {"y": np.stack(y), "evaluated": numbers(layer(X[0])), "mean": mean, "variance": variance}


def numbers(x: Any) -> np.ndarray:
    """An array of its own."""
    return np.array(keras.ops.convert_to_numpy(x))


def embedding() -> Arrays:
    """Of Embedding with padding."""
    layer = torch.nn.Embedding(5, 3, padding_idx=PADDING).double()
    x = np.array([[0, 2, 1], [2, 4, 0]])
    y = layer(torch.tensor(x))
    dy = RNG.normal(size=tuple(y.shape))
    y.backward(torch.tensor(dy))
    weight, slope = layer.weight.detach().numpy(), layer.weight.grad.numpy()
    return {"weight": weight, "x": x.astype(float), "y": y.detach().numpy(), "dy": dy, "dweight": slope}


def main() -> None:
    """Writes the file."""
    rows = X[0]
    one = {
        "torch_layer": {"y": torch.nn.LayerNorm(4).double()(torch.tensor(rows)).detach().numpy()},
        "keras_layer": {"y": numbers(keras.layers.LayerNormalization()(rows))},
        "torch_group": {"y": last(torch.nn.GroupNorm(2, 4).double()(first(rows)))},
        "keras_group": {"y": numbers(keras.layers.GroupNormalization(2)(rows))},
    }
    cases = {"torch_batch": torch_batch(), "keras_batch": keras_batch(), "embedding": embedding(), **one}
    named = {f"{case}/{name}": array for case, arrays in cases.items() for name, array in arrays.items()}
    np.savez_compressed(HOME, x=X, **named)


if __name__ == "__main__":
    main()
