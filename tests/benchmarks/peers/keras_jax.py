"""Keras on JAX: `Model.fit`, its own loop, with shuffling and without metrics."""

from __future__ import annotations

import os

os.environ["KERAS_BACKEND"] = "jax"  # read when keras is imported

import keras  # type: ignore[import-untyped, import-not-found, unused-ignore]  # an optional peer
from workload import Net, Run, data, timed


def prepare(net: Net) -> Run:
    """Sequential, compiled with a loss of integer classes from scores; Keras jits a whole step."""
    keras.utils.set_random_seed(0)
    *hidden, classes = net.sizes[1:]
    layers = [keras.layers.Dense(units, activation=net.activation) for units in hidden]
    network = keras.Sequential([keras.Input((net.sizes[0],)), *layers, keras.layers.Dense(classes)])
    adam = keras.optimizers.Adam(net.lr)
    rule = adam if net.rule == "adam" else keras.optimizers.SGD(net.lr, momentum=net.momentum)
    network.compile(rule, keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    x, y = data(net)
    return timed(lambda epochs: network.fit(x, y, batch_size=net.batch, epochs=epochs, shuffle=True, verbose=0))
