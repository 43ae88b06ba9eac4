"""Time of fits with default metrics over that of fits without any, and what validation and early stopping add to it.

usage: python tests/benchmarks/default_metrics.py [--rounds 20] [--epochs 40] [--nets XS,S,M] [--engines jax,numpy]

Seconds of the processor, of all threads; fits take turns in one process, each first in every other round, after a fit
of each that compiles. Validation: a tenth of the rows, beside the forward passes of these rows alone, one an epoch.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from statistics import median
from time import process_time
from typing import Any

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
    print("\n| net | engine | validation adds, us an epoch | with early stopping | its forward passes | over these |")
    print("|---|---|---:|---:|---:|---:|")
    for engine in asked.engines:
        for net in asked.nets:
            plain, validated, stopping, forward = validation_cost(NETS[net], engine, asked.epochs, asked.rounds)
            cells = f"{validated - plain:.0f} | {stopping - plain:.0f} | {forward:.0f}"
            print(f"| {net} | {engine} | {cells} | {(validated - plain) / forward:.2f} |", flush=True)


def paired(net: Net, engine: str, epochs: int, rounds: int) -> list[list[float]]:
    """Seconds of each fit with default metrics, and without."""
    return in_turns([fit(net, engine, epochs, metrics=metrics)[1] for metrics in (None, [])], rounds)


def validation_cost(net: Net, engine: str, epochs: int, rounds: int) -> list[float]:
    """Microseconds an epoch without validation, with it, with early stopping too, and of its forward passes."""
    stopping = [bp.callbacks.early_stopping(patience=10**6)]
    fits = [fit(net, engine, epochs), fit(net, engine, epochs, True), fit(net, engine, epochs, True, stopping)]
    trainer, rows = fits[0][0], tenth(net)[0]

    def forward() -> float:
        start = process_time()
        for _ in range(epochs):
            trainer.scores(rows)
        return process_time() - start

    times = in_turns([run for _, run in fits] + [forward], rounds)
    return [1e6 / epochs * float(np.quantile(one, 0.1)) for one in times]


def in_turns(runs: list[Callable[[], float]], rounds: int) -> list[list[float]]:
    """The seconds of each in each round; the first round, in which some compile, does not count."""
    times: list[list[float]] = [[] for _ in runs]
    for turn in range(rounds + 1):
        order = range(len(runs)) if turn % 2 else reversed(range(len(runs)))
        for which in order:
            seconds = runs[which]()
            if turn:
                times[which].append(seconds)
    return times


def tenth(net: Net) -> tuple[Any, Any]:
    """A tenth of the rows."""
    x, y = data(net)
    return x[: len(x) // 10].copy(), y[: len(x) // 10]


def fit(
    net: Net, engine: str, epochs: int, validates: bool = False, callbacks: Sequence[Any] = (), **parts: Any
) -> tuple[bp.Trainer, Callable[[], float]]:
    """A trainer, and a function that trains so many epochs more and gives the seconds."""
    layers = [bp.layers.dense(n, activation="relu") for n in net.sizes[1:-1]]
    network = bp.Network([*layers, bp.layers.dense(net.sizes[-1])], inputs=net.sizes[0])
    trainer = bp.Trainer(network, "softmax_cross_entropy", "adam", engine=engine, callbacks=list(callbacks), **parts)
    x, y = data(net)
    validation = tenth(net) if validates else None

    def run() -> float:
        start = process_time()
        trainer.fit(x, y, epochs=epochs, batch_size=net.batch, verbose=0, validation=validation)
        return process_time() - start

    return trainer, run


if __name__ == "__main__":
    main()
