"""Fits of engine numpy on a busy machine: with default arguments beside the same under OPENBLAS_NUM_THREADS=1.

usage: python tests/benchmarks/busy_fits.py [--fits 20] [--nets XS,S,mid,M,L] [--busy 0,2,4] [--python INTERPRETER]

Each is a process that makes one fit of 10 epochs, 200 steps (L: 1 epoch, 20), after the other; they take turns, while
so many other processes compute all the time. 90 % of the fits, and all of them, took at most the seconds stated. With
torch in its best form on the larger nets, where --python names an interpreter that has it.
"""

from __future__ import annotations

import argparse
import sys

import numpy as np
from step_time import names, python_of
from workers import Worker, busy
from workload import NETS, STEPS, chosen

EPOCHS = 10
WITH_TORCH = ("M", "L")


def main() -> None:
    """Measures and prints a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fits", type=int, default=20)
    parser.add_argument("--nets", type=names(chosen), default=list(NETS), help=",".join(NETS))
    parser.add_argument("--busy", type=lambda text: list(map(int, text.split(","))), default=[0, 2, 4])
    parser.add_argument("--python", default=sys.executable)
    asked = parser.parse_args()
    print("| net | busy | fits | us a step: median | 90 % | worst | 90 % / one thread | worst / one thread |")
    print("|---|---:|---|---:|---:|---:|---:|---:|")
    for net in asked.nets:
        for count in asked.busy:
            print(*rows(net, count, asked.fits, python_of("torch", asked.python)), sep="\n", flush=True)


def rows(net: str, count: int, fits: int, torch: str | None) -> list[str]:
    """The table's rows of a net beside so many busy processes."""
    epochs = 1 if net == "L" else EPOCHS
    workers = {
        "one thread": Worker(sys.executable, "bpframe_default", net, OPENBLAS_NUM_THREADS="1"),
        "default": Worker(sys.executable, "bpframe_default", net),
    }
    if torch and net in WITH_TORCH:
        workers["torch, fused rule"] = Worker(torch, "torch_fused", net)
    with busy(count):
        turns = [{name: worker.seconds(epochs) for name, worker in workers.items()} for _ in range(fits + 2)]
    for worker in workers.values():
        worker.stop()
    times = {name: [1e6 * turn[name] / (epochs * STEPS) for turn in turns[2:]] for name in workers}  # two warm up
    alone = times["one thread"]
    return [
        f"| {net} | {count} | {name} | {np.median(each):.0f} | {np.quantile(each, 0.9):.0f} | {max(each):.0f} "
        f"| {np.quantile(each, 0.9) / np.quantile(alone, 0.9):.2f} | {max(each) / max(alone):.2f} |"
        for name, each in times.items()
    ]


if __name__ == "__main__":
    main()
