"""Time of fits with default metrics over that of fits without any, in pairs, on both engines.

usage: python tests/benchmarks/default_metrics.py [--rounds 20] [--epochs 40] [--nets XS,S,M] [--engines jax,numpy]

Seconds of the processor, of all threads; the two take turns in one process, each first in every other round, after a
fit of each that compiles.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from statistics import median
from time import process_time

import numpy as np
from workload import NETS, STEPS, Net, data

import bpframe as bp


def main() -> None:
    """Measures and prints a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--nets", type=lambda text: text.split(","), default=["XS", "S", "M"], help=",".join(NETS))
    parser.add_argument("--engines", type=lambda text: text.split(","), default=["jax", "numpy"])
    asked = parser.parse_args()
    print("| net | engine | default us a step | without | of pairs | of best deciles |\n|---|---|---:|---:|---:|---:|")
    for engine in asked.engines:
        for net in asked.nets:
            default, without = paired(NETS[net], engine, asked.epochs, asked.rounds)
            ratio = median(a / b for a, b in zip(default, without, strict=True))
            deciles = [float(np.quantile(times, 0.1)) for times in (default, without)]
            steps = 1e6 / (asked.epochs * STEPS)
            cells = f"{deciles[0] * steps:.1f} | {deciles[1] * steps:.1f} | {ratio:.3f} | {deciles[0] / deciles[1]:.3f}"
            print(f"| {net} | {engine} | {cells} |", flush=True)


def paired(net: Net, engine: str, epochs: int, rounds: int) -> tuple[list[float], list[float]]:
    """Seconds of each fit with default metrics, and without."""
    runs = [fit(net, engine, epochs, metrics) for metrics in (None, [])]
    times: tuple[list[float], list[float]] = [], []
    for turn in range(rounds + 1):
        for which in (0, 1) if turn % 2 else (1, 0):
            seconds = runs[which]()
            if turn:
                times[which].append(seconds)
    return times


def fit(net: Net, engine: str, epochs: int, metrics: list[str] | None) -> Callable[[], float]:
    """A function that trains so many epochs more and gives the seconds."""
    layers = [bp.layers.dense(n, activation="relu") for n in net.sizes[1:-1]]
    network = bp.Network([*layers, bp.layers.dense(net.sizes[-1])])
    trainer = bp.Trainer(network, "softmax_cross_entropy", "adam", engine=engine, metrics=metrics)
    x, y = data(net)

    def run() -> float:
        start = process_time()
        trainer.fit(x, y, epochs=epochs, batch_size=net.batch, verbose=0)
        return process_time() - start

    return run


if __name__ == "__main__":
    main()
