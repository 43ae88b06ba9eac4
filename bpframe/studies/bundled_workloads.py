"""The bundled workloads: six small trainings, and six smaller ones for diagnosis, without files or a network.

Rows are drawn from generators of fixed seeds; training and validation rows are the same for every rule and seed.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from bpframe.data.sources.generators import two_clusters
from bpframe.data.sources.handwritten import digits
from bpframe.runs.config import Partition
from bpframe.studies.workload import Workload

CROSS_ENTROPY = "softmax_cross_entropy"


def dense(*widths: int, activation: str = "relu") -> list[Any]:
    """Dense layers of these widths, all but the last with an activation."""
    inner = [{"name": "dense", "units": units, "activation": activation} for units in widths[:-1]]
    return [*inner, {"name": "dense", "units": widths[-1]}]


def friedman() -> Partition:
    """Friedman's function of 5 of 8 columns, standardised, one target in 20 with a gross error in training."""
    rng = np.random.default_rng(1)
    x = rng.uniform(size=(900, 8))
    y = 10 * np.sin(np.pi * x[:, 0] * x[:, 1]) + 20 * (x[:, 2] - 0.5) ** 2 + 10 * x[:, 3] + 5 * x[:, 4]
    y = (y - y.mean()) / y.std()
    wrong = rng.uniform(size=600) < 0.05
    noisy = y[:600] + 0.1 * rng.normal(size=600) + wrong * rng.normal(scale=5.0, size=600)
    return Partition((2 * x[:600] - 1, noisy[:, None]), (2 * x[600:] - 1, y[600:, None]))


def scaled_digits(rows: int = 1200, noise: float = 0.0, shape: tuple[int, ...] = (64,)) -> Partition:
    """Handwritten digits in [-1, 1]; a share `noise` of the labels of training, and of them alone, is drawn anew."""
    x, y = digits()
    rng = np.random.default_rng(2)
    order = rng.permutation(len(x))
    x, y = (x[order] / 8.0 - 1).reshape(-1, *shape), y[order].astype(int)
    labels = np.where(rng.uniform(size=rows) < noise, rng.integers(0, 10, size=rows), y[:rows])
    return Partition((x[:rows], labels), (x[-500:], y[-500:]))


def reconstruction() -> Partition:
    """Digits as their own targets."""
    parts = scaled_digits()
    assert parts.validation is not None
    x, held = parts.train[0], parts.validation[0]
    return Partition((x, x), (held, held))


def sums() -> Partition:
    """The adding problem: of 10 numbers in a row, the sum of the two that are marked.

    Source: Hochreiter and Schmidhuber (1997), Long short-term memory, section 5.4.
    """
    rng = np.random.default_rng(3)
    marks = np.zeros((900, 10))
    for row in marks:
        row[rng.choice(10, size=2, replace=False)] = 1
    values = rng.uniform(-1, 1, size=(900, 10))
    x, y = np.stack([values, marks], axis=-1), (values * marks).sum(axis=1, keepdims=True)
    return Partition((x[:600], y[:600]), (x[600:], y[600:]))


def _line() -> Partition:
    """y = x, for a product of two weights that start next to the saddle at 0."""
    x = np.linspace(-1, 1, 64)[:, None]
    return Partition((x, x), (x, x))


def _ravine() -> Partition:
    """A slope of 1 in a column of a hundredth the size: condition 1e4. Validation sees that slope alone."""
    x = np.array([[1, 1], [1, -1], [-1, 1], [-1, -1]] * 8) * [1, 0.01]
    return Partition((x, x @ np.ones((2, 1))), (np.array([[0.0, 1.0]]), np.ones((1, 1))))


def _rare() -> Partition:
    """A column that is 0 in 98 rows of 100, and the sum of it and frequent ones. Validation sees it alone."""
    rng = np.random.default_rng(5)
    x = (rng.uniform(size=(512, 6)) < [0.5, 0.5, 0.5, 0.5, 0.5, 0.02]).astype(float)
    return Partition((x, x.sum(axis=1, keepdims=True)), (np.eye(6)[5:], np.ones((1, 1))))


def _clusters() -> Partition:
    """Two clusters of points."""
    x, y = two_clusters(points=400, seed=6)
    return Partition((x[:300], y[:300]), (x[300:], y[300:]))


def _reshaped() -> list[Any]:
    convolution = {"name": "conv2d", "filters": 8, "kernel_size": 3, "activation": "relu"}
    return [convolution, {"name": "max_pool2d", "pool_size": 2}, "flatten", {"name": "dense", "units": 10}]


def _from_zero() -> list[Any]:
    return [{"name": "dense", "units": 1, "weight_initializer": "zeros"}]


def _saddle() -> list[Any]:
    small = {"name": "constant", "value": 1e-3}
    return [{"name": "dense", "units": 1, "bias": False, "weight_initializer": small} for _ in range(2)]


def _images() -> Partition:
    return scaled_digits(shape=(8, 8, 1))


WORKLOADS = {
    w.name: w
    for w in (
        Workload(
            "table",
            friedman,
            lambda: dense(24, 24, 1, activation="tanh"),
            "mse",
            "mae",
            24,
            target=0.4,
            looks=1,
            seconds=0.04,
        ),
        Workload(
            "digits", scaled_digits, lambda: dense(32, 10), CROSS_ENTROPY, "accuracy", 12, target=0.94, seconds=0.04
        ),
        Workload("digits_conv", _images, _reshaped, CROSS_ENTROPY, "accuracy", 6, target=0.93, looks=4, seconds=0.1),
        Workload(
            "sequence",
            sums,
            lambda: [{"name": "gru", "units": 12}, *dense(1)],
            "mse",
            "mae",
            16,
            target=0.2,
            looks=1,
            seconds=0.12,
        ),
        Workload(
            "autoencoder", reconstruction, lambda: dense(32, 8, 32, 64), "mse", "mse", 12, target=0.15, seconds=0.06
        ),
        Workload(
            "noisy_labels",
            partial(scaled_digits, noise=0.2),
            lambda: dense(32, 10),
            CROSS_ENTROPY,
            "accuracy",
            12,
            target=0.92,
            seconds=0.04,
        ),
    )
}
DIAGNOSES = {
    w.name: w
    for w in (
        Workload("saddle", _line, _saddle, "mse", "mae", 200, 16, target=0.1),
        Workload("ravine", _ravine, _from_zero, "mse", "mae", 600, 32, target=0.2),
        Workload("rescaled_loss", _line, lambda: dense(4, 1, activation="tanh"), "mse", "mae", 40, 16, target=0.01),
        Workload("rare_features", _rare, _from_zero, "mse", "mae", 20, 16, target=0.15),
        Workload(
            "label_noise",
            partial(scaled_digits, 600, 0.4),
            lambda: dense(16, 10),
            CROSS_ENTROPY,
            "accuracy",
            20,
            target=0.82,
        ),
        Workload(
            "deep_tanh",
            _clusters,
            lambda: dense(*[8] * 20, 2, activation="tanh"),
            CROSS_ENTROPY,
            "accuracy",
            20,
            16,
            target=0.95,
        ),
    )
}
