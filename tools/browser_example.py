"""Make what the page needs: a training step with a loss of one's own, the network, digits, and a first state.

    python -m tools.browser_example FOLDER   # step.onnx, model.onnx, data.json beside index.html; needs bpframe[onnx]

The loss is `pseudo_huber` of plugins/example, which onnxruntime-web has never heard of.
"""

from __future__ import annotations

import base64
import json
import shutil
import sys
from pathlib import Path

import numpy as np
import onnx
from bpframe_example import PseudoHuber

import bpframe as bp

ROWS, BATCH, EPOCHS = 1200, 50, 12


def digits() -> tuple[np.ndarray, np.ndarray]:
    """Images of 8 x 8 pixels between 0 and 1, and a column of 0 and 1 for each digit."""
    x, y = bp.datasets.load("digits")
    return (x[:ROWS] / 16).astype(np.float32), np.eye(10, dtype=np.float32)[y[:ROWS]]


def trainer() -> bp.Trainer:
    """A small network that has not learned anything yet."""
    layers = [bp.layers.dense(32, activation="relu"), bp.layers.dense(10)]
    network = bp.Network(layers, inputs=64)
    rule = bp.optimizers.adam(lr=bp.schedules.cosine(initial=0.01))
    return bp.Trainer(network, PseudoHuber(delta=0.5), rule, metrics=[], seed=0)


def main(folder: Path) -> None:
    """Write the files."""
    folder.mkdir(parents=True, exist_ok=True)
    steps = EPOCHS * ROWS // BATCH
    file = bp.export(trainer(), folder / "step.onnx", train=True, steps=steps, force=True)
    bp.export(trainer(), folder / "model.onnx", parameters="inputs", force=True)
    texts = {p.key: json.loads(p.value) for p in onnx.load(file).metadata_props}
    initial = {
        name: {"dims": each["shape"], "values": np.frombuffer(base64.b64decode(each["data"]), each["dtype"]).tolist()}
        for name, each in texts["bpframe.initial"].items()
    }
    x, target = digits()
    content = {
        "batch": BATCH,
        "epochs": EPOCHS,
        "settings": texts["bpframe.settings"]["table"],
        "initial": initial,
        "x": np.round(x * 16).astype(int).tolist(),
        "digits": target.argmax(axis=1).tolist(),
    }
    (folder / "data.json").write_text(json.dumps(content))
    page = Path(__file__).parents[1] / "docs/examples/browser/index.html"
    if folder.resolve() != page.parent:
        shutil.copy(page, folder)


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "."))
