"""bpframe on its numpy engine: `Trainer.fit`, with metrics=[] or with default arguments."""

from __future__ import annotations

from typing import Any

from workload import Net, Run, data, timed

import bpframe as bp


def prepare(net: Net, engine: str = "numpy", **arguments: Any) -> Run:
    """A fit of so many epochs; each goes on where the last ended."""
    *hidden, classes = net.sizes[1:]
    layers = [bp.layers.dense(units, activation=net.activation) for units in hidden]
    network = bp.Network([*layers, bp.layers.dense(classes)])
    optimizer = {"name": net.rule, "lr": net.lr}
    arguments = arguments or {"metrics": []}
    trainer = bp.Trainer(network, "softmax_cross_entropy", optimizer, engine=engine, **arguments)
    x, y = data(net)
    return timed(lambda epochs: trainer.fit(x, y, epochs=epochs, batch_size=net.batch))
