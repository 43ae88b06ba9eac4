"""Seconds of a whole process that trains on the digits: start, imports, fit; and of the fit alone.

usage: python tests/benchmarks/whole_process.py [--rounds 5] [--epochs 50]

64-100-10, batches of 200, Adam, relu: the network of scikit-learn's default, on 1,797 images. The libraries take turns.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from statistics import median

FITS = {
    "bpframe": "numpy",
    "bpframe_jax": "jax",
    "sklearn": "",
}
OURS = """
import sys, time
import bpframe as bp
(x, y), epochs = bp.datasets.load("digits"), int(sys.argv[1])
network = bp.Network([bp.layers.dense(100, activation="relu"), bp.layers.dense(10)])
made = bp.Trainer(network, "softmax_cross_entropy", {{"name": "adam", "lr": 1e-3}}, engine="{engine}", metrics=[])
start = time.perf_counter()
made.fit(x, y, epochs=epochs, batch_size=200)
print(time.perf_counter() - start)
"""
THEIRS = """
import sys, time, warnings
import numpy as np
from sklearn.datasets import load_digits
from sklearn.neural_network import MLPClassifier
warnings.simplefilter("ignore")
x, y = load_digits(return_X_y=True)
start = time.perf_counter()
MLPClassifier(max_iter=int(sys.argv[1]), tol=0.0, n_iter_no_change=10**9, alpha=0.0).fit(x.astype(np.float32), y)
print(time.perf_counter() - start)
"""


def main() -> None:
    """Measures and prints a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=50)
    asked = parser.parse_args()
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in FITS}
    for _ in range(asked.rounds):
        for name in found:
            found[name].append(taken(name, asked.epochs))
    print("| library | process s | fit s | process / scikit-learn | fit / scikit-learn |\n|---|---:|---:|---:|---:|")
    for name, times in found.items():
        ratios = [[own[i] / other[i] for own, other in zip(times, found["sklearn"], strict=True)] for i in (0, 1)]
        cells = [median(each) for each in (*zip(*times, strict=True), *ratios)]
        print(f"| {name} | {' | '.join(f'{cell:.2f}' for cell in cells)} |")


def taken(name: str, epochs: int) -> tuple[float, float]:
    """Seconds of the process and of its fit."""
    code = THEIRS if name == "sklearn" else OURS.format(engine=FITS[name])
    start = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", code, str(epochs)], stdout=subprocess.PIPE, check=True, text=True)
    return time.perf_counter() - start, float(done.stdout)


if __name__ == "__main__":
    main()
