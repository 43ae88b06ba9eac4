"""The network pictures of README and documents, from a real training on the spiral.

python -m tools.network_pictures   # writes docs/pictures/network.png, network-dark.png and network.gif
"""

from __future__ import annotations

from pathlib import Path

import bpframe as bp
from bpframe.plot.picture_file import picture_bytes
from bpframe.plot.theme import ThemeName

FOLDER = Path(__file__).parents[1] / "docs" / "pictures"
EPOCHS, EVERY = 120, 10


def spiral(recorder: bp.NetworkRecorder, epochs: int = EPOCHS) -> bp.Trainer:
    """A small network trained on the spiral."""
    x, y = bp.datasets.spiral(points=80, seed=0)
    dense = bp.layers.dense
    network = bp.Network([dense(6, activation="tanh"), dense(6, activation="tanh"), dense(3)])
    rule = bp.optimizers.adam(lr=0.03)
    trainer = bp.Trainer(network, "softmax_cross_entropy", rule, seed=4, callbacks=[recorder])
    trainer.fit(x, y, epochs=epochs, verbose=0)
    return trainer


def main(folder: Path = FOLDER, epochs: int = EPOCHS) -> None:
    """Write the files."""
    folder.mkdir(parents=True, exist_ok=True)
    x, y = bp.datasets.spiral(points=80, seed=0)
    recorder = bp.NetworkRecorder(x, y, every=EVERY)
    trainer = spiral(recorder, epochs)
    themes: tuple[tuple[str, ThemeName], ...] = (("network.png", "light"), ("network-dark.png", "dark"))
    for name, theme in themes:
        ax = trainer.plot_network(x, y, theme=theme)
        (folder / name).write_bytes(picture_bytes(ax, dpi=90))
    bp.plot.animate_network(recorder.frames, folder / "network.gif", fps=4, dpi=56)


if __name__ == "__main__":
    main()
    print(FOLDER)
