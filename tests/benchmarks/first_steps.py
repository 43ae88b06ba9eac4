"""Seconds until the nets of docs/examples have made their first steps, on engine jax and in Keras on JAX: a table.

usage: python tests/benchmarks/first_steps.py [--rounds 3] [--only digits] [--peers OTHER/bin/python]

From the parts of a net to the end of an epoch of four batches, imports aside: tracing, compilation and what surrounds
them, in processor time. A process for each, by turns, without a folder of compiled programs. The nets are those of the
configs, on drawn rows; --peers is a Python that has Keras with JAX.
"""

from __future__ import annotations

import argparse
import importlib
import os
import subprocess
import sys
import time
from statistics import median

import example_nets
from convolution import ratio

IMPORTS = {"bpframe": ("jax", "bpframe", "bpframe.engine.jax.session"), "keras": ("jax", "keras")}


def measured(library: str, name: str) -> float:
    """Seconds of the processor until the first steps are made."""
    os.environ["KERAS_BACKEND"] = "jax"
    for module in IMPORTS[library]:
        importlib.import_module(module)
    start = time.process_time()
    getattr(example_nets, library)(name)
    return time.process_time() - start


def child(python: str, library: str, name: str) -> float:
    """What a process of its own measures."""
    command = [python, __file__, "--serve", library, name]
    environment = {**os.environ, "JAX_PLATFORMS": "cpu", "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True, text=True)
    return float(done.stdout.split()[-1])


def main() -> None:
    """Measures and prints a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default="", help="beginnings of names of examples")
    parser.add_argument("--peers", default=sys.executable)
    parser.add_argument("--serve", nargs=2, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.serve:
        print(measured(*asked.serve))
        return
    print("| first steps | Keras on JAX, s | engine jax, s | jax / Keras |\n|---|---:|---:|---:|")
    for name in example_nets.EXAMPLES:
        if name.startswith(tuple(asked.only.split(","))):
            rounds = [
                (child(sys.executable, "bpframe", name), child(asked.peers, "keras", name)) for _ in range(asked.rounds)
            ]
            own, peer = (list(times) for times in zip(*rounds, strict=True))
            print(f"| {name} | {median(peer):.2f} | {median(own):.2f} | {ratio(own, peer)} |", flush=True)


if __name__ == "__main__":
    main()
