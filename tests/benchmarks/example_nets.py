"""The nets of docs/examples/*.toml here and in Keras, on drawn rows: what first_steps.py measures.

Shapes: rows x (B, *S) as the sources of the configs give them, labels (B,) or (B, T), as many numbers as outputs.
"""

from __future__ import annotations

import os
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

HOME = Path(__file__).resolve().parents[2] / "docs" / "examples"
STEPS = 4
Table = dict[str, Any]


@dataclass(frozen=True)
class Example:
    """The shape of a row; `ids`: from 0 up to which numbers rows hold, 0 for real numbers; `labels`: a row's shape."""

    row: tuple[int, ...]
    ids: int = 0
    labels: tuple[int, ...] = ()


EXAMPLES = {
    "digits-conv": Example((64,)),
    "mnist-1d": Example((40,)),
    "characters": Example((128,), 98, (128,)),
    "tagger": Example((24,), 43, (24,)),
    "addition": Example((7,), 12, (7,)),
    "shapes": Example((32, 32, 3)),
}


def config(name: str) -> tuple[list[Table], int, Any]:
    """(its layers, its batch size, its rows and labels)."""
    read = tomllib.loads((HOME / f"{name}.toml").read_text(encoding="utf-8"))
    layers, batch, example = read["model"]["layers"], read["train"]["batch_size"], EXAMPLES[name]
    rng, count = np.random.default_rng(0), STEPS * batch
    shape = (count, *example.row)
    x = rng.integers(0, example.ids, shape) if example.ids else rng.normal(size=shape)
    y = rng.integers(0, layers[-1]["units"], (count, *example.labels))
    y.flat[: layers[-1]["units"]] = range(layers[-1]["units"])  # each class stands somewhere
    return layers, batch, (x.astype(np.float32), y)


def bpframe(name: str) -> None:
    """Builds a net and fits it for an epoch of STEPS batches."""
    import bpframe as bp

    layers, batch, (x, y) = config(name)
    network = bp.Network([bp.layers[layer.pop("name")](**layer) for layer in map(dict, layers)])
    trainer = bp.Trainer(network, "softmax_cross_entropy", "adam", engine="jax", metrics=[])
    trainer.fit(x, y, epochs=1, batch_size=batch, verbose=0)


def keras(name: str) -> None:
    """The same in Keras on JAX."""
    os.environ["KERAS_BACKEND"] = "jax"
    import keras

    layers, batch, (x, y) = config(name)
    inputs = out = keras.Input(x.shape[1:])
    for layer in layers:
        out = keras_layer(keras, dict(layer), out)
    network = keras.Model(inputs, out)
    network.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    network.fit(x, y, batch_size=batch, epochs=1, verbose=0)


def keras_layer(keras: Any, layer: Table, x: Any) -> Any:
    """The output of the layer of a table on x."""
    made, kind = keras.layers, layer["name"]
    convolution = {"filters": layer.get("filters"), "kernel_size": layer.get("kernel_size")}
    convolution |= {
        "strides": layer.get("stride", 1),
        "padding": layer.get("padding"),
        "use_bias": layer.get("bias", True),
    }
    convolution |= {"dilation_rate": layer.get("dilation", 1), "activation": layer.get("activation")}
    if kind == "residual":
        inner = x
        for each in layer["layers"]:
            inner = keras_layer(keras, each, inner)
        return x + inner
    if kind == "transformer_block":
        return keras_block(keras, layer, x)
    if kind == "positional":
        return made.Add()([x, made.Embedding(x.shape[1], x.shape[2])(keras.ops.arange(x.shape[1])[None])])
    forms = {
        "standardize": lambda: made.Normalization(mean=0.0, variance=1.0),
        "reshape": lambda: made.Reshape(layer["shape"]),
        "conv1d": lambda: made.Conv1D(**convolution),
        "conv2d": lambda: made.Conv2D(**convolution),
        "max_pool2d": made.MaxPooling2D,
        "global_avg_pool": made.GlobalAveragePooling2D,
        "dropout": lambda: made.Dropout(layer["rate"]),
        "flatten": made.Flatten,
        "batch_norm": made.BatchNormalization,
        "layer_norm": made.LayerNormalization,
        "activation": lambda: made.Activation(layer["activation"]),
        "dense": lambda: made.Dense(layer["units"], layer.get("activation")),
        "embedding": lambda: made.Embedding(
            layer["num_embeddings"], layer["embedding_dim"], mask_zero="padding_idx" in layer
        ),
        "bidirectional": lambda: made.Bidirectional(made.GRU(layer["layer"]["units"], return_sequences=True)),
    }
    return forms[kind]()(x)


def keras_block(keras: Any, layer: Table, x: Any) -> Any:
    """A transformer block with the norms in front."""
    made, width = keras.layers, x.shape[-1]
    seen = made.LayerNormalization()(x)
    x = x + made.MultiHeadAttention(layer["heads"], width // layer["heads"])(seen, seen)
    inner = made.Dense(layer["hidden"], "gelu")(made.LayerNormalization()(x))
    return x + made.Dense(width)(inner)
