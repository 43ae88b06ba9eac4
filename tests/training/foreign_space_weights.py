"""Write foreign_space_weights.npz: networks of PyTorch and Keras with convolutions and gates, and what they predict.

Run with torch (2.13) and keras (3.15) installed: python tests/training/foreign_space_weights.py

Arrays: CASE/x rows with channels last, CASE/y, and CASE/weights/NAME as the library has them, in its order.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

os.environ.setdefault("KERAS_BACKEND", "jax")
RNG = np.random.default_rng(7)
Found = dict[str, np.ndarray]


class Last:
    """What a recurrent layer of PyTorch gives at the last step, as a layer."""

    def __new__(cls, layer: Any) -> Any:
        """A module around the layer."""
        import torch

        class Module(torch.nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.layer = layer

            def forward(self, x: Any) -> Any:
                return self.layer(x)[0][:, -1]

        return Module()


def of_torch(net: Any, x: np.ndarray) -> Found:
    """Of a network whose rows have channels behind the batch, or are sequences."""
    import torch

    with torch.no_grad():
        for value in net.state_dict().values():
            if value.dtype.is_floating_point:
                value.copy_(torch.tensor(0.2 + 0.5 * RNG.random(tuple(value.shape))))
    net.eval()
    sequence = x.ndim == 3 and not isinstance(net[0], torch.nn.Conv1d)
    given = torch.tensor(x.astype("f4") if sequence else np.moveaxis(x, -1, 1).astype("f4"))
    y = net(given).detach().numpy()
    return {"x": x, "y": y, **{f"weights/{name}": value.numpy() for name, value in net.state_dict().items()}}


def of_keras(layers: list[Any], x: np.ndarray) -> Found:
    """Of a Sequential."""
    import keras

    model = keras.Sequential(layers)
    model.build((None, *x.shape[1:]))
    model.set_weights([0.2 + 0.5 * RNG.random(w.shape) for w in model.weights])
    y = np.asarray(model.predict(x, verbose=0))
    return {"x": x, "y": y, **{f"weights/{w.path}": np.asarray(w.numpy()) for w in model.weights}}


def main() -> None:
    """Weights that no initializer gives, running statistics included."""
    import keras
    import torch

    nn, layers = torch.nn, keras.layers
    image, steps = RNG.normal(size=(4, 7, 6, 2)), RNG.normal(size=(4, 6, 3))
    cases = {
        "torch_conv": of_torch(
            nn.Sequential(
                nn.Conv2d(2, 4, (3, 2), padding=1, groups=2),
                nn.BatchNorm2d(4),
                nn.ReLU(),
                nn.MaxPool2d(2),
                nn.ConvTranspose2d(4, 3, 2, stride=2),
                nn.GroupNorm(3, 3),
                nn.Flatten(),
                nn.Dropout(),
                nn.Linear(108, 5),
            ),
            image,
        ),
        "torch_conv1d": of_torch(nn.Sequential(nn.Conv1d(3, 4, 3), nn.Tanh(), nn.Flatten(), nn.Linear(16, 2)), steps),
        "torch_gru": of_torch(nn.Sequential(Last(nn.GRU(3, 4, 2, batch_first=True)), nn.Linear(4, 2)), steps),
        "torch_lstm": of_torch(nn.Sequential(Last(nn.LSTM(3, 4, batch_first=True)), nn.Linear(4, 2)), steps),
        "torch_rnn": of_torch(nn.Sequential(Last(nn.RNN(3, 4, bias=False, batch_first=True)), nn.Linear(4, 2)), steps),
        "keras_conv": of_keras(
            [
                layers.Conv2D(4, (3, 2), padding="same", activation="relu"),
                layers.BatchNormalization(),
                layers.DepthwiseConv2D(3, depth_multiplier=2),
                layers.SeparableConv2D(3, 2, depth_multiplier=2),
                layers.Conv2DTranspose(2, 3, strides=2, padding="same"),
                layers.Flatten(),
                layers.Dense(5),
            ],
            image,
        ),
        "keras_gru": of_keras([layers.GRU(4, return_sequences=True), layers.GRU(3), layers.Dense(2)], steps),
        "keras_gru_before": of_keras([layers.GRU(4, reset_after=False), layers.Dense(2)], steps),
        "keras_bidirectional": of_keras([layers.Bidirectional(layers.LSTM(4)), layers.Dense(2)], steps),
        "keras_rnn": of_keras([layers.SimpleRNN(4, use_bias=False), layers.Dense(2)], steps),
    }
    named = {f"{case}/{name}": array for case, arrays in cases.items() for name, array in arrays.items()}
    np.savez_compressed(Path(__file__).with_suffix(".npz"), **named)


if __name__ == "__main__":
    main()
