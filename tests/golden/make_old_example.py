"""Writes tests/golden/0.1.0/example.npz: a training with both components of the example plugin of 0.1.0.

    python tests/golden/make_old_example.py FILE

Run by the bpframe that is installed, beside that plugin; the file was made by 0.1.0.
"""

from __future__ import annotations

import sys

import numpy as np

import bpframe as bp


def training(engine: str = "numpy") -> bp.Trainer:
    """Three epochs of a small network."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(40, 3))
    y = x @ np.array([[1.0, -2.0], [0.5, 0.0], [3.0, 1.0]]) + rng.normal(size=(40, 2))
    optimizer = {"name": "sign_descent", "lr": {"name": "cosine", "initial": 0.05}}
    network = bp.Network([bp.layers.dense(4, activation="tanh"), bp.layers.dense(2)])
    loss = {"name": "pseudo_huber", "delta": 0.5}
    trainer = bp.Trainer(network, loss, optimizer, seed=3, dtype="float64", engine=engine)
    trainer.fit(x, y, epochs=3, batch_size=16)
    return trainer


if __name__ == "__main__":
    made = training()
    np.savez(sys.argv[1], loss=made.history.train["loss"], **made.parameters.copy())
