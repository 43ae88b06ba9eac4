"""Seconds of the processor in which a first epoch of 20 steps is trained by engine jax: compiled anew, or read.

usage: python tests/benchmarks/first_call.py [--rounds 5] [--nets S,M,L]

A process for each, by turns: with an empty folder for compiled programs, with the folder of the process before, and
the step written by hand around optax, which makes its arrays and compiles. The import of JAX is in none of them.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from workload import NETS

OURS = """
import sys, time
import numpy as np, jax
import bpframe as bp
from workload import NETS, data
net, cache = NETS[sys.argv[1]], sys.argv[2]
x, y = data(net)
start = time.process_time()
layers = [bp.layers.dense(n, activation="relu") for n in net.sizes[1:-1]] + [bp.layers.dense(net.sizes[-1])]
engine = {"name": "jax", "cache": cache}
made = bp.Trainer(bp.Network(layers), "softmax_cross_entropy", "adam", engine=engine, metrics=[])
made.fit(x, y, epochs=1, batch_size=net.batch, verbose=0)
print(time.process_time() - start)
"""
BY_HAND = """
import sys, time
import jax, optax
from peers import jax as by_hand
from workload import NETS
start = time.process_time()
by_hand.prepare(NETS[sys.argv[1]])(1)
print(time.process_time() - start)
"""
HERE = str(Path(__file__).resolve().parent)


def main() -> None:
    """Measures and prints a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--nets", type=lambda text: text.split(","), default=["S", "M", "L"], help=",".join(NETS))
    asked = parser.parse_args()
    print("| net | anew s | read s | by hand s | anew / by hand | read / anew |\n|---|---:|---:|---:|---:|---:|")
    for net in asked.nets:
        rounds = [one_round(net) for _ in range(asked.rounds)]
        ratios = [[a / h for a, _, h in rounds], [r / a for a, r, _ in rounds]]
        cells = [median(times) for times in (*zip(*rounds, strict=True), *ratios)]
        print(f"| {net} | {' | '.join(f'{cell:.2f}' for cell in cells)} |", flush=True)


def one_round(net: str) -> tuple[float, float, float]:
    """Seconds with an empty folder, with that folder again, and by hand."""
    with TemporaryDirectory() as cache:
        return taken(OURS, net, cache), taken(OURS, net, cache), taken(BY_HAND, net)


def taken(program: str, *arguments: str) -> float:
    """What a process prints that runs the program."""
    paths = os.pathsep.join(filter(None, [HERE, os.environ.get("PYTHONPATH")]))
    kept = {**os.environ, "JAX_PLATFORMS": "cpu", "PYTHONPATH": paths}
    command = [sys.executable, "-c", program, *arguments]
    return float(subprocess.run(command, env=kept, stdout=subprocess.PIPE, check=True, text=True).stdout)


if __name__ == "__main__":
    main()
