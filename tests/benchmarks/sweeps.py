"""Time of a sweep beside scikit-learn's GridSearchCV over the same trainings, and of a trial beyond its training.

usage: python tests/benchmarks/sweeps.py [--rounds 5] [--epochs 150] [--rates 8]

Net 20-32-32-2, 1280 rows of training and 320 of validation, batches of 32, adam and relu; each of 8 learning rates is
trained on two seeds. Every measurement has a process of its own, and who is measured takes turns: a round gives one of
each, and ratios are those of a round, with one thread of BLAS a process. Workers have started, and each has trained
once, before the clock does. Beside the time of the wall stands that of the processor, of all processes together, which
hardly depends on what else the machine does; on two quiet cores the wall takes half of it. Prints Markdown, on Linux.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

HERE = Path(__file__).resolve().parent
CONFIG = """\
loss = "softmax_cross_entropy"
optimizer = "adam"
[data]
source = "rows.npz"
validation = {{ fraction = 0.2 }}
[[model.layers]]
name = "dense"
units = 32
activation = "relu"
[[model.layers]]
name = "dense"
units = 32
activation = "relu"
[[model.layers]]
name = "dense"
units = 2
[train]
epochs = {epochs}
batch_size = 32
engine = "{engine}"
"""
CASES = {
    "GridSearchCV, n_jobs=2": ("grid", 2),
    "sweep --jobs 1, numpy": ("numpy", 1),
    "sweep --jobs 2, numpy": ("numpy", 2),
    "sweep --jobs 1, jax": ("jax", 1),
    "sweep --jobs 2, jax": ("jax", 2),
}
SEEDS = 2
Found = dict[str, Any]


def main() -> None:
    """Measures in rounds, and prints a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=150)
    parser.add_argument("--rates", type=int, default=8)
    parser.add_argument("--worker", nargs=2)
    asked = parser.parse_args()
    if asked.worker:
        print(json.dumps(measured(asked.worker[0], int(asked.worker[1]), asked.epochs, asked.rates)))
        return
    print(subprocess.run([sys.executable, HERE / "machine.py"], check=True, capture_output=True, text=True).stdout)
    found = [{name: child(name, asked) for name in CASES} for _ in range(asked.rounds)]
    print(table(found))


def child(name: str, asked: argparse.Namespace) -> Found:
    """A measurement in a process of its own."""
    sizes = ["--epochs", str(asked.epochs), "--rates", str(asked.rates)]
    command = [sys.executable, __file__, *sizes, "--worker", *map(str, CASES[name])]
    threads = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"), "1")
    done = subprocess.run(command, check=True, capture_output=True, text=True, env={**os.environ, **threads})
    found: Found = json.loads(done.stdout)
    return found


def measured(what: str, jobs: int, epochs: int, rates: int) -> Found:
    """Seconds of the wall, and of a training and a trial where they are known."""
    warnings.simplefilter("ignore")  # that epochs run out is meant
    rng = np.random.default_rng(0)
    x = rng.normal(size=(1600, 20)).astype(np.float32)
    y = (x[:, 0] * x[:, 1] + x[:, 2] > 0).astype(int)
    values = np.geomspace(1e-4, 1e-2, rates).round(6).tolist()
    return grid_search(x, y, values, jobs, epochs) if what == "grid" else sweep(x, y, values, what, jobs, epochs)


def grid_search(x: Any, y: Any, values: list[float], jobs: int, epochs: int) -> Found:
    """scikit-learn's search, each rate on two splits."""
    from sklearn.model_selection import GridSearchCV
    from sklearn.neural_network import MLPClassifier

    rows = np.arange(len(x))
    folds = [(rows[:1280], rows[1280:]), (rows[320:], rows[:320])]
    ended = {"tol": 0.0, "n_iter_no_change": 10**6, "max_iter": epochs}
    model = MLPClassifier((32, 32), batch_size=32, random_state=0, **ended)
    GridSearchCV(model.set_params(max_iter=2), {"alpha": [0.0, 1e-4]}, cv=folds, n_jobs=jobs, refit=False).fit(x, y)
    search = GridSearchCV(
        model.set_params(max_iter=epochs), {"learning_rate_init": values}, cv=folds, n_jobs=jobs, refit=False
    )
    times = timed(lambda: search.fit(x, y))
    return {**times, "training": float(np.mean(search.cv_results_["mean_fit_time"]))}


def sweep(x: Any, y: Any, values: list[float], engine: str, jobs: int, epochs: int) -> Found:
    """bpframe's sweep, each rate on two seeds."""
    from bpframe import studies

    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        np.savez("rows.npz", x=x, y=y)
        for name, count in (("warm.toml", 2), ("net.toml", epochs)):
            Path(name).write_text(CONFIG.format(engine=engine, epochs=count))
        studies.run_sweep("warm.toml", {"optimizer.lr": [0.1, 0.2]}, seeds=2, jobs=jobs)
        over = {"optimizer.lr": values}
        times = timed(lambda: studies.run_sweep("net.toml", over, seeds=SEEDS, jobs=jobs))
        trials = [record["seconds"] for record in studies.TrialFile("net.sweep.jsonl").records()[1:]]
    beyond = median(each["all"] - each["training"] for each in trials)
    return {**times, "training": float(np.mean([each["training"] for each in trials])), "beyond": beyond}


def timed(run: Callable[[], object]) -> Found:
    """Seconds of the wall and of the processor."""
    wall, processor = time.perf_counter(), processor_seconds()
    run()
    return {"wall": time.perf_counter() - wall, "processor": processor_seconds() - processor}


def processor_seconds() -> float:
    """Of this process and those below it that live."""
    found, left = 0.0, [os.getpid()]
    while left:
        process = Path(f"/proc/{left.pop()}")
        with suppress(OSError):
            fields = (process / "stat").read_text().rpartition(")")[2].split()
            found += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
            for task in (process / "task").iterdir():
                left += map(int, (task / "children").read_text().split())
    return found


def table(rounds: list[Found]) -> str:
    """The medians, and the ratios of rounds to the search and to one job."""
    header = ("", "wall", "processor", "a training", "a trial beyond it", "GridSearchCV over it", "one job over it")
    lines = [f"| {' | '.join(header)} |", "|---" * len(header) + "|"]
    for name, (what, jobs) in CASES.items():
        each = [found[name] for found in rounds]
        cells = [name, *(f"{median(e[key] for e in each):.2f} s" for key in ("wall", "processor", "training"))]
        cells.append(f"{1000 * median(e['beyond'] for e in each):.1f} ms" if "beyond" in each[0] else "")
        several = jobs == 2 and what != "grid"
        cells.append(ratios(rounds, "GridSearchCV, n_jobs=2", name) if several else "")
        cells.append(ratios(rounds, f"sweep --jobs 1, {what}", name, ("wall",)) if several else "")
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def ratios(rounds: list[Found], above: str, below: str, clocks: Sequence[str] = ("wall", "processor")) -> str:
    """Median and range by clock."""
    texts = []
    for clock in clocks:
        each = [found[above][clock] / found[below][clock] for found in rounds]
        texts.append(f"{clock} {median(each):.2f} ({min(each):.2f} to {max(each):.2f})")
    return ", ".join(texts)


if __name__ == "__main__":
    main()
