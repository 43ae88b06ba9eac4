"""Write foreign_weights.npz: small networks of PyTorch and Keras with norms, and what they make of rows.

Run with torch (2.13) and keras (3.15) installed: python tests/training/foreign_weights.py
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

os.environ.setdefault("KERAS_BACKEND", "torch")


def main() -> None:
    """Weights that no initializer gives, running statistics included."""
    import keras
    import torch

    rng = np.random.default_rng(0)
    x = rng.normal(size=(20, 5)).astype("f4")
    net = torch.nn.Sequential(
        torch.nn.Linear(5, 5), torch.nn.BatchNorm1d(5), torch.nn.LayerNorm(5), torch.nn.Linear(5, 3)
    )
    net.train()
    net(torch.tensor(rng.normal(size=(64, 5)).astype("f4") * 2 + 1))
    for p in net.parameters():
        p.data += torch.tensor(rng.normal(size=tuple(p.shape)).astype("f4")) * 0.3
    net.eval()
    content = {f"torch/{name}": value.numpy() for name, value in net.state_dict().items()}
    content["torch_y"] = net(torch.tensor(x)).detach().numpy()
    model = keras.Sequential(
        [
            keras.layers.Dense(5),
            keras.layers.BatchNormalization(epsilon=1e-5),
            keras.layers.LayerNormalization(epsilon=1e-5),
            keras.layers.Dense(3),
        ]
    )
    model.build((None, 5))
    model.set_weights([np.abs(rng.normal(size=w.shape)) + 0.2 for w in model.weights])
    content |= {f"keras/{w.path}": np.asarray(w.numpy()) for w in model.weights}
    content["keras_y"] = np.asarray(model.predict(x, verbose=0))
    np.savez(Path(__file__).with_suffix(".npz"), x=x, **content)


if __name__ == "__main__":
    main()
