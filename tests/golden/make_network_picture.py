"""Writes network_picture.png: the network picture of a 2-3-2 network, without its words.

usage: python -m tests.golden.make_network_picture
needs: matplotlib 3.11

Look at the picture before you keep it.
"""

from __future__ import annotations

import io
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image

import bpframe as bp
from bpframe.types import HostArray

HOME = Path(__file__).with_name("network_picture.png")
PARAMETERS = {
    "dense_1/weight": [[2.0, -1.0, 0.5], [0.3, 1.5, -2.0]],
    "dense_1/bias": [0.2, -0.4, 0.0],
    "dense_2/weight": [[1.5, -1.5], [-0.5, 2.0], [1.0, 0.1]],
    "dense_2/bias": [0.1, -0.1],
}


def network_picture() -> HostArray:
    """(height, width, 3) bytes: a picture of given parameters on a grid of rows, in the light theme."""
    x = np.array([[a, b] for a in np.linspace(-2, 2, 6) for b in np.linspace(-1, 1, 5)])
    y = (x[:, 0] * x[:, 1] > 0).astype(int)
    network = bp.Network([bp.layers.dense(3, activation="tanh"), bp.layers.dense(2)])
    trainer = bp.Trainer(network, "softmax_cross_entropy", bp.optimizers.sgd(lr=1e-9), dtype="float64")
    trainer.fit(x, y, epochs=1, verbose=0)
    for name, values in PARAMETERS.items():
        trainer.parameters[name] = np.array(values)
    figure = Figure(figsize=(5, 3), dpi=60)
    ax = trainer.plot_network(x, y, ax=figure.add_axes((0, 0, 1, 1)), theme="light", resolution=20)
    for text in ax.findobj(Text):
        text.set_visible(False)  # letters differ between versions of matplotlib
    file = io.BytesIO()
    figure.savefig(file, format="png")
    file.seek(0)
    return np.asarray(Image.open(file).convert("RGB"))


if __name__ == "__main__":
    matplotlib.use("Agg")
    Image.fromarray(network_picture()).save(HOME, optimize=True)
