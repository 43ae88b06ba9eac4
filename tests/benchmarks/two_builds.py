"""Two installed builds of bpframe beside each other: times of the new one over those of the old one, as a table.

usage: python tests/benchmarks/two_builds.py OLD NEW [--rounds 20] [--cases XS/numpy,L/jax,import,open,first]

OLD and NEW are Python interpreters with a build each. Every case of every build is measured in a process of its own,
and the builds take turns, in an order that changes from round to round. A process gives the best decile of its blocks;
the table has the median of the rounds' ratios, with the least and the greatest.
"""

from __future__ import annotations

import argparse
import os
import subprocess
from statistics import median

from workload import NETS

ENGINES = ("numpy", "jax")
CASES = [*(f"{net}/{engine}" for engine in ENGINES for net in NETS), "import", "open", "first"]
# A user's machine has neither: kernels of an older processor, and sources that are compiled at every start.
PINS = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE", "PYTHONDONTWRITEBYTECODE")

STEP = """
import sys
sys.path.insert(0, {folder!r})
from workload import NETS, STEPS, data
import numpy as np, time
import bpframe as bp
net = NETS[{net!r}]
layers = [bp.layers.dense(n, activation="relu") for n in net.sizes[1:-1]] + [bp.layers.dense(net.sizes[-1])]
rule = bp.optimizers.adam(lr=1e-3)
trainer = bp.Trainer(bp.Network(layers), "softmax_cross_entropy", rule, engine={engine!r}, metrics=[])
x, y = data(net)
def run(epochs):
    start = time.perf_counter()
    trainer.fit(x, y, epochs=epochs, batch_size=net.batch)
    return time.perf_counter() - start
first = run(1)
if {first}:
    print(first)
    sys.exit()
epochs = 1
while (seconds := run(epochs)) < 0.05:
    epochs *= 2
blocks = [seconds]
while sum(blocks) < 1.5:
    blocks.append(run(epochs))
print(np.quantile(blocks, 0.1) / epochs / STEPS)
"""
OPEN = """
import time, numpy as np, bpframe as bp
x = np.random.default_rng(0).standard_normal((100, 20), dtype=np.float32)
y = np.arange(100) % 2
def run():
    network = bp.Network([bp.layers.dense(32, activation="relu"), bp.layers.dense(2)])
    start = time.perf_counter()
    bp.Trainer(network, "softmax_cross_entropy", "adam").fit(x, y, epochs=1)
    return time.perf_counter() - start
run()
print(np.quantile([run() for _ in range(300)], 0.1))
"""
IMPORT = """
import numpy, time
start = time.perf_counter()
import bpframe
print(time.perf_counter() - start)
"""


def program(case: str) -> str:
    """The Python program that measures a case and prints seconds."""
    folder = os.path.dirname(os.path.abspath(__file__))
    if case == "first":
        return STEP.format(folder=folder, net="S", engine="jax", first=True)
    if "/" not in case:
        return {"open": OPEN, "import": IMPORT}[case]
    net, engine = case.split("/")
    return STEP.format(folder=folder, net=net, engine=engine, first=False)


def seconds(python: str, case: str) -> float:
    """What one process measures; the best of ten where it is short."""
    kept = {name: value for name, value in os.environ.items() if name not in PINS}
    command = [python, "-P", "-c", program(case)]
    runs = [
        float(subprocess.run(command, env=kept, stdout=subprocess.PIPE, check=True, text=True).stdout)
        for _ in range(10 if case == "import" else 1)
    ]
    return min(runs)


def main() -> None:
    """Measures and prints a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("old")
    parser.add_argument("new")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--cases", type=lambda text: text.split(","), default=CASES, help=",".join(CASES))
    asked = parser.parse_args()
    print("| case | old us | new us | new / old |\n|---|---:|---:|---:|")
    for case in asked.cases:
        times: dict[str, list[float]] = {"old": [], "new": []}
        for turn in range(asked.rounds):
            for build in ("old", "new") if turn % 2 else ("new", "old"):
                times[build].append(1e6 * seconds(getattr(asked, build), case))
        ratios = [new / old for old, new in zip(times["old"], times["new"], strict=True)]
        spread = f"{median(ratios):.3f} ({min(ratios):.2f} to {max(ratios):.2f})"
        print(f"| {case} | {median(times['old']):.1f} | {median(times['new']):.1f} | {spread} |", flush=True)


if __name__ == "__main__":
    main()
