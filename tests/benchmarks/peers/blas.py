"""The floor: the matrix products of a step and nothing else, into arrays that are there already.

Shapes: w[i] (n, m), v[i] (B, n) inputs and v[i + 1] (B, m) outputs of layer i; delta[i] like v[i].
No shuffling, no activation, no update. The first layer's inputs need no gradient.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from workload import Net, Run, data, timed


def prepare(net: Net) -> Run:
    """Three products a layer and step, two for the first layer."""
    rng = np.random.default_rng(1)
    w = [rng.standard_normal(pair, dtype=np.float32) / np.float32(pair[0]) ** 0.5 for pair in net.pairs]
    v = [data(net)[0][: net.batch], *(np.empty((net.batch, m), np.float32) for _, m in net.pairs)]
    delta = [rng.standard_normal(value.shape, dtype=np.float32) for value in v]
    dw = [np.empty_like(weight) for weight in w]

    def train(epochs: int) -> None:
        for _ in range(epochs * net.steps):
            step(w, v, delta, dw)

    return timed(train)


Arrays = list[NDArray[np.float32]]


def step(w: Arrays, v: Arrays, delta: Arrays, dw: Arrays) -> None:
    """v[i + 1] = v[i] w[i] forward; dw[i] = v[i]^T delta[i + 1] and delta[i] = delta[i + 1] w[i]^T backward."""
    for i, weight in enumerate(w):
        np.dot(v[i], weight, out=v[i + 1])
    for i in range(len(w) - 1, -1, -1):
        np.dot(v[i].T, delta[i + 1], out=dw[i])
        if i:
            np.dot(delta[i + 1], w[i].T, out=delta[i])
