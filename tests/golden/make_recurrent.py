"""Writes recurrent.npz: recurrent layers of PyTorch and Keras, outputs and gradients, with the libraries' own weights.

usage: KERAS_BACKEND=jax python tests/golden/make_recurrent.py
needs: torch 2.13, keras 3.15.1, jax 0.10

On JAX Keras's tanh gives float32 of float64: its GRU and LSTM are right to the digits of that, its SimpleRNN fails.

Arrays: x (B, T, n) and dy (B, T, m), for all; CASE/y (B, T, m) of all steps, CASE/dx of sum(dy y), CASE/NAME a weight
as the library has it, CASE/dNAME its gradient.
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
HOME = Path(__file__).with_name("recurrent.npz")
B, T, N, M = 3, 5, 2, 4
RNG = np.random.default_rng(0)
X, DY = RNG.normal(size=(B, T, N)), RNG.normal(size=(B, T, M))
Arrays = dict[str, np.ndarray]


def of_torch(layer: torch.nn.Module) -> Arrays:
    """Of a layer with batch_first."""
    layer = layer.double()
    with torch.no_grad():
        for weight in layer.parameters():
            weight.copy_(torch.tensor(RNG.normal(size=tuple(weight.shape))))
    x = torch.tensor(X, requires_grad=True)
    y = layer(x)[0]
    (y * torch.tensor(DY)).sum().backward()
    weights = {name.removesuffix("_l0"): weight for name, weight in layer.named_parameters()}
    return {
        "y": y.detach().numpy(),
        "dx": x.grad.numpy(),
        **{name: weight.detach().numpy() for name, weight in weights.items()},
        **{f"d{name}": weight.grad.numpy() for name, weight in weights.items()},
    }


def of_keras(layer: keras.layers.Layer) -> Arrays:
    """Of a layer with return_sequences, in float64 but for tanh, which Keras computes in float32."""
    layer.build(X.shape)
    names = [variable.name for variable in layer.trainable_variables]
    weights = [RNG.normal(size=variable.shape) for variable in layer.trainable_variables]

    others = [variable.value for variable in layer.non_trainable_variables]

    def value(x: Any, weights: Any) -> tuple[Any, Any]:
        y, _ = layer.stateless_call(weights, others, x)
        return (y * DY).sum(), y

    (_, y), (dx, gradients) = jax.value_and_grad(value, (0, 1), has_aux=True)(X, weights)
    return {
        "y": np.asarray(y),
        "dx": np.asarray(dx),
        **dict(zip(names, weights, strict=True)),
        **{f"d{name}": np.asarray(gradient) for name, gradient in zip(names, gradients, strict=True)},
    }


def main() -> None:
    """Compute and write all cases."""
    torch_settings: Any = {"batch_first": True}
    keras_settings: Any = {"return_sequences": True, "dtype": "float64"}
    cases = {
        "torch_gru": of_torch(torch.nn.GRU(N, M, **torch_settings)),
        "torch_lstm": of_torch(torch.nn.LSTM(N, M, **torch_settings)),
        "torch_rnn": of_torch(torch.nn.RNN(N, M, **torch_settings)),
        "keras_gru": of_keras(keras.layers.GRU(M, **keras_settings)),
        "keras_gru_before": of_keras(keras.layers.GRU(M, reset_after=False, **keras_settings)),
        "keras_lstm": of_keras(keras.layers.LSTM(M, **keras_settings)),
    }
    arrays = {f"{case}/{name}": array for case, found in cases.items() for name, array in found.items()}
    np.savez_compressed(HOME, x=X, dy=DY, **arrays)


if __name__ == "__main__":
    main()
