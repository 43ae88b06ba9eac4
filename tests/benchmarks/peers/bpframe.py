"""bpframe on its numpy engine: `Trainer.fit`, without metrics."""

from __future__ import annotations

from workload import Net, Run, data, timed

import bpframe as bp


def prepare(net: Net, engine: str = "numpy") -> Run:
    """A fit of so many epochs; each goes on where the last ended."""
    *hidden, classes = net.sizes[1:]
    layers = [bp.layers.dense(units, activation=net.activation) for units in hidden]
    network = bp.Network([*layers, bp.layers.dense(classes)])
    optimizer = {"name": net.rule, "lr": net.lr}
    trainer = bp.Trainer(network, loss="softmax_cross_entropy", optimizer=optimizer, seed=0, metrics=[], engine=engine)
    x, y = data(net)
    return timed(lambda epochs: trainer.fit(x, y, epochs=epochs, batch_size=net.batch))
