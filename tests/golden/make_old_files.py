"""Writes the files in tests/golden/0.1.0 with the bpframe that is installed, which was 0.1.0's when they were made.

    python tests/golden/make_old_files.py FOLDER

model.safetensors       a trained model
scores.npz              rows x and the model's scores of them
checkpoint.safetensors  the same trainer in the middle of an epoch of a later fit
final.npz               parameters and history when that fit has ended
run.toml, run/          a config, and the folder of its run
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

import bpframe as bp

EPOCHS, SIZE, STEP = 4, 8, 20
RUN = """\
loss = "softmax_cross_entropy"
callbacks = [{ name = "early_stopping", monitor = "validation.loss", patience = 5 }]
constraints = ["max_norm"]
gradient_steps = [{ name = "clip_value", limit = 0.5 }]
metrics = ["accuracy"]
regularizers = [{ name = "l2", strength = 0.001 }]

[data]
source = { name = "moons", points = 60 }
standardize = true
validation = { fraction = 0.2 }

[[model.layers]]
name = "dense"
units = 5
activation = "tanh"
label = "hidden"

[[model.layers]]
name = "dense"
units = 2

[optimizer]
name = "adam"
lr = { name = "cosine", initial = 0.05 }

[[groups]]
match = "*/bias"
lr_multiplier = 2.0

[train]
epochs = 3
"""


def rows() -> tuple[Any, Any]:
    """x (60, 4) and text labels (60,)."""
    x = np.random.default_rng(0).normal(size=(60, 4))
    return x, np.where(x[:, 0] > x[:, 1], "yes", "no")


def trainer() -> bp.Trainer:
    layers = [bp.layers.standardize(), bp.layers.dense(6, activation="tanh", label="hidden"), bp.layers.dropout(0.2)]
    return bp.Trainer(
        bp.Network([*layers, bp.layers.batch_norm(), bp.layers.dense(2)]),
        "softmax_cross_entropy",
        {"name": "adam", "lr": {"name": "cosine", "initial": 0.05}},
        seed=3,
        metrics=["accuracy"],
        callbacks=[{"name": "early_stopping", "patience": 9}],
        regularizers=[{"name": "l2", "strength": 0.001}],
        gradient_steps=[{"name": "clip_value", "limit": 0.5}],
        constraints=["max_norm"],
        groups=[{"match": "*/bias", "lr_multiplier": 2.0}],
    )


class Save:
    """Writes a checkpoint after one step."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @bp.hookimpl
    def bpframe_fit_start(self, state: Any) -> None:
        state.look(STEP)

    @bp.hookimpl(trylast=True)
    def bpframe_block_end(self, state: Any) -> None:
        if state.step == STEP:
            state.trainer.checkpoint(self.path)


def fit(made: bp.Trainer, epochs: int) -> None:
    x, y = rows()
    made.fit(x, y, epochs=epochs, batch_size=SIZE, validation=(x[:20], y[:20]))


def main(folder: Path) -> None:
    x, _ = rows()
    made = trainer()
    fit(made, 2)
    made.save(folder / "model.safetensors")
    np.savez(folder / "scores.npz", x=x, scores=made.scores(x), labels=made.predict_labels(x))
    made = bp.Trainer(
        made.network,
        made.loss,
        made.optimizer,
        seed=3,
        metrics=["accuracy"],
        callbacks=[{"name": "early_stopping", "patience": 9}, Save(folder / "checkpoint.safetensors")],
        regularizers=made.regularizers,
        gradient_steps=made.gradient_steps,
        constraints=made.constraints,
        groups=made.groups,
    )
    fit(made, EPOCHS)
    curves = {"train": made.history.train, "validation": made.history.validation, "lr": made.history.lr}
    np.savez(folder / "final.npz", history=json.dumps(curves), **made.parameters.copy())
    (folder / "run.toml").write_text(RUN)
    command = [sys.executable, "-m", "bpframe", "train", "run.toml", "--quiet", "--name", "run", "--runs", "."]
    subprocess.run(command, cwd=folder, check=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
