"""Thinc: its layers, its minibatches and its Adam, without gradient clipping, averaging or decay."""

from __future__ import annotations

from typing import Any

import numpy as np
from thinc.api import SGD, Adam, CategoricalCrossentropy, Relu, Softmax, chain, fix_random_seed
from workload import Net, Run, data, timed


def prepare(net: Net) -> Run:
    """The loop of Thinc's own examples."""
    fix_random_seed(0)
    *hidden, classes = net.sizes[1:]
    if net.rule == "momentum" or net.activation != "relu":
        raise NotImplementedError("thinc has no momentum and no tanh")
    network: Any = chain(*map(Relu, hidden), Softmax(classes))
    x, labels = data(net)
    y = np.eye(classes, dtype=np.float32)[labels]
    network.initialize(X=x[:2], Y=y[:2])
    rule = Adam if net.rule == "adam" else SGD
    optimizer = rule(net.lr, L2=0.0, grad_clip=0.0, use_averages=False)
    loss = CategoricalCrossentropy()

    def train(epochs: int) -> None:
        for _ in range(epochs):
            for rows, target in network.ops.multibatch(net.batch, x, y, shuffle=True):
                guess, backprop = network.begin_update(rows)
                backprop(loss.get_grad(guess, target))
                network.finish_update(optimizer)

    return timed(train)
