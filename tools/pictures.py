"""The pictures of README and the documents, from real runs: python -m tools.pictures writes docs/pictures again.

Each is drawn by functions of `bpframe.plot` on axes of one figure.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

import bpframe as bp
from bpframe.plot.canvas import panels
from bpframe.plot.picture_file import picture_bytes
from bpframe.plot.theme import ThemeName

FOLDER = Path(__file__).parents[1] / "docs" / "pictures"
DPI = 80
Rows = tuple[Any, Any]


def digits_split() -> tuple[Rows, Rows]:
    """Training and validation rows of the digits."""
    x, y = bp.datasets.digits()
    train, held = bp.datasets.split(y, 0.3, "stratified", seed=0)
    return (x[train], y[train]), (x[held], y[held])


def digits_trainer(lr: float = 3e-3, seed: int = 0, callbacks: Sequence[Any] = ()) -> bp.Trainer:
    """A trainer for the digits, not fitted."""
    layers = [bp.layers.standardize(), bp.layers.dense(32, activation="relu"), bp.layers.dense(10)]
    rule = bp.optimizers.adam(lr=bp.schedules.cosine(initial=lr))
    return bp.Trainer(bp.Network(layers), "softmax_cross_entropy", rule, seed=seed, callbacks=callbacks)


def training(theme: ThemeName) -> Any:
    """Curves of two learning rates with five seeds each."""
    train, held = digits_split()

    def history(lr: float, seed: int) -> bp.History:
        return digits_trainer(lr, seed).fit(*train, epochs=30, batch_size=64, validation=held, verbose=0)

    runs = {f"lr {lr}": [history(lr, seed) for seed in range(5)] for lr in (3e-3, 3e-4)}
    return bp.plot.training_panels(runs, ["loss", "accuracy", "lr"], theme=theme)[0]


def predictions(theme: ThemeName) -> Any:
    """Six looks at what models predict, each on axes of one figure."""
    with panels(6, None, theme, size=(4.6, 3.8)) as (axes, _):
        train, held = digits_split()
        trainer = digits_trainer()
        trainer.fit(*train, epochs=15, validation=held, verbose=0)
        x, y = held
        bp.plot.confusion_matrix(y, trainer.predict(x).argmax(axis=1), ax=axes[0])
        bp.plot.reliability_diagram(y, trainer.predict(x), ax=axes[1])
        bp.plot.kernels(trainer.parameters["dense_1/weight"], ax=axes[2])
        _moons(axes[3], axes[4])
        _quantiles(axes[5])
    return axes[0]


def _moons(regions: Any, roc: Any) -> None:
    x, y = bp.datasets.moons(400, noise=0.3, seed=0)
    layers = [bp.layers.dense(16, activation="tanh"), bp.layers.dense(16, activation="tanh"), bp.layers.dense(2)]
    trainer = bp.Trainer(bp.Network(layers), "softmax_cross_entropy", bp.optimizers.adam(lr=0.01), seed=0)
    trainer.fit(x, y, epochs=60, verbose=0)
    bp.plot.decision_regions(trainer.predict, x, y, ax=regions)
    unseen = bp.datasets.moons(400, noise=0.3, seed=1)
    bp.plot.roc_curve(unseen[1], trainer.predict(unseen[0]), ax=roc)


def _quantiles(ax: Any) -> None:
    levels = [0.05, 0.25, 0.5, 0.75, 0.95]
    rng = np.random.default_rng(0)
    x = rng.uniform(-3, 3, size=400)
    y = np.sin(x) + (0.05 + 0.1 * np.abs(x)) * rng.normal(size=400)
    layers = [bp.layers.dense(32, activation="tanh"), bp.layers.dense(32, activation="tanh"), bp.layers.dense(5)]
    rule = bp.optimizers.adam(lr=bp.schedules.cosine(initial=0.01))
    trainer = bp.Trainer(bp.Network(layers), bp.losses.multi_quantile(levels), rule, seed=0)
    trainer.fit(x[:, None], y, epochs=120, verbose=0)
    bp.plot.regression_fit(trainer.predict, x[:, None], y, quantiles=levels, ax=ax)


def weights(theme: ThemeName) -> Any:
    """Weights and their updates, an epoch after the other."""
    taken: list[tuple[float, Any]] = []

    class Snapshots:
        """A callback that keeps a copy of the parameters after each epoch."""

        @bp.hookimpl
        def bpframe_epoch_end(self, state: bp.RunState) -> None:
            """Keep it."""
            taken.append((state.epoch + 1, state.parameters.copy()))

    train, held = digits_split()
    digits_trainer(callbacks=[Snapshots()]).fit(*train, epochs=20, validation=held, verbose=0)
    return bp.plot.weight_panels(taken, theme=theme)[0]


PICTURES: dict[str, tuple[Callable[[ThemeName], Any], ThemeName]] = {
    "training": (training, "light"),
    "predictions": (predictions, "light"),
    "predictions-dark": (predictions, "dark"),
    "weights": (weights, "light"),
}


def few_colours(png: bytes) -> bytes:
    """The picture with 128 colours, which takes half the room."""
    small = io.BytesIO()
    Image.open(io.BytesIO(png)).convert("RGB").quantize(128).save(small, "PNG", optimize=True)
    return small.getvalue()


def main() -> None:
    """Write every picture."""
    FOLDER.mkdir(exist_ok=True)
    for name, (draw, theme) in PICTURES.items():
        content = few_colours(picture_bytes(draw(theme), ".png", DPI))
        (FOLDER / f"{name}.png").write_bytes(content)
        print(f"{name}.png: {len(content) / 1000:.0f} kB")


if __name__ == "__main__":
    main()
