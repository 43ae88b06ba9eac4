"""Reading a large CSV file beside pandas' C reader: seconds and peak memory, one thread each, as a table.

usage: python tests/benchmarks/read_csv.py [--rounds 7] [--rows 200000] [--columns 51] [--file FILE]

Every reading is a process of its own; the readers take turns, in an order that changes from round to round. Seconds are
the processor's, the median of the rounds; the ratio is the median of the rounds' ratios to pandas; memory is what the
process held at its peak above what it held before it read, over the size of the arrays.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

import numpy as np

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "ARROW_IO_THREADS")
HEAD = """
import resource, sys, time
path = {path!r}
"""
TAIL = """
import gc
gc.collect()
before = int(open("/proc/self/statm").read().split()[1]) * resource.getpagesize()
open("/proc/self/clear_refs", "w").write("5")
start = time.process_time()
result = read()
seconds = time.process_time() - start
peak = next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM")) * 1024
print(seconds, peak - before)
"""
OURS = """
import bpframe as bp
bp.load("source", "csv")
read = lambda: bp.datasets.read(path, "y")
"""
READERS = {
    "pandas": "import pandas\nread = lambda: pandas.read_csv(path)",
    "bpframe": OURS,
    "pyarrow": "from pyarrow.csv import *\nread = lambda: read_csv(path, read_options=ReadOptions(use_threads=False))",
    "NumPy's loadtxt": "import numpy\nread = lambda: numpy.loadtxt(path, delimiter=',', skiprows=1)",
}


def write_table(path: Path, rows: int, columns: int) -> None:
    """Normal numbers of six digits, and a label `y` in the last column."""
    rng = np.random.default_rng(0)
    names = [*(f"c{i}" for i in range(columns - 1)), "y"]
    with path.open("w") as file:
        file.write(",".join(names) + "\n")
        for start in range(0, rows, 1000):
            x = rng.normal(size=(min(1000, rows - start), columns - 1))
            file.writelines(",".join([*(f"{v:.6f}" for v in row), str(start % 10)]) + "\n" for row in x.tolist())


def measured(reader: str, path: Path) -> tuple[float, float]:
    """(seconds, bytes at the peak) of one reading in a process of its own."""
    program = HEAD.format(path=str(path)) + READERS[reader] + TAIL
    limits = dict.fromkeys(THREADS, "1")
    done = subprocess.run([sys.executable, "-c", program], env={**os.environ, **limits}, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{reader}: {done.stderr}")
    seconds, memory = map(float, done.stdout.split())
    return seconds, memory


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--columns", type=int, default=51)
    parser.add_argument("--file", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = options.file or Path(folder) / "rows.csv"
        if not path.exists():
            write_table(path, options.rows, options.columns)
        times: dict[str, list[tuple[float, float]]] = {reader: [] for reader in READERS}
        for i in range(options.rounds):
            order = list(READERS)[i % len(READERS) :] + list(READERS)[: i % len(READERS)]
            for reader in order:
                times[reader].append(measured(reader, path))
    size = options.rows * options.columns * 8
    print("| reader | seconds | over pandas | peak over arrays |\n|---|---|---|---|")
    for reader, found in times.items():
        ratio = median(one / peer for (one, _), (peer, _) in zip(found, times["pandas"], strict=True))
        memory = max(peak for _, peak in found) / size
        print(f"| {reader} | {median(seconds for seconds, _ in found):.3f} | {ratio:.2f} | {memory:.2f} |")


if __name__ == "__main__":
    main()
