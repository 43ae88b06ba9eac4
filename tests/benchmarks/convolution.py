"""Layers over space and time beside PyTorch, nets of them beside PyTorch and Keras on JAX: a table in Markdown.

usage: python tests/benchmarks/convolution.py [--rounds 9] [--threads 1] [--only conv2d,gru] [--peers OTHER/bin/python]

Each cell is forward and both gradients in float32, of nets a whole step with Adam, in processor time (of several
threads in time of the clock). Every library has a process of its own for each case; all take turns, in an order that
changes from round to round, and the table has the median of the rounds' ratios, with the least and the greatest.
--peers is a Python that has PyTorch and Keras with JAX. As a script with --serve it is such a process.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from contextlib import ExitStack
from statistics import median

from machine import facts
from space_cases import CASES, NETS, prepare

SECONDS = 0.15  # that a measured run lasts at least
PINS = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")
KEPT = {"MALLOC_MMAP_THRESHOLD_": str(2**30), "MALLOC_TRIM_THRESHOLD_": str(2**32)}  # glibc hands back no freed pages


def serve(library: str, name: str, clock: str) -> None:
    """Answers each line with the seconds of one step, or epoch."""
    now = time.process_time if clock == "processor" else time.perf_counter
    run = prepare(library, name)
    start = time.perf_counter()
    run(1)
    first, count = time.perf_counter() - start, 1
    while True:
        start = now()
        run(count)
        if now() - start >= SECONDS or count > 10_000:
            break
        count *= 2
    print(first, flush=True)
    for _ in sys.stdin:
        start = now()
        run(count)
        print((now() - start) / count, flush=True)


class Process:
    """A process that measures one case in one library; `first` are the seconds of its first run."""

    def __init__(self, python: str, library: str, name: str, threads: int) -> None:
        kept = {key: value for key, value in os.environ.items() if key not in PINS} | KEPT
        count = str(threads)
        bound = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), count)
        one = {"XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false"} if threads == 1 else {}
        clock = "processor" if threads == 1 else "clock"
        self._process = subprocess.Popen(
            [python, __file__, "--serve", library, name, clock],
            env={**kept, **bound, **one, "JAX_PLATFORMS": "cpu", "CUDA_VISIBLE_DEVICES": ""},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self.first = self._answer()

    def seconds(self) -> float:
        """One measurement."""
        assert self._process.stdin is not None
        print(file=self._process.stdin, flush=True)
        return self._answer()

    def _answer(self) -> float:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit("a process that measures has ended: has the Python of --peers PyTorch and Keras?")
        return float(line)

    def close(self) -> None:
        """End it."""
        self._process.kill()
        self._process.wait()


def row(name: str, asked: argparse.Namespace) -> str:
    """A line of the table: milliseconds of the peer, and the ratios to it."""
    peers = ("torch", "keras") if name in NETS else ("torch",)
    libraries = [*peers, "jax", "numpy"]
    with ExitStack() as stack:
        processes = {}
        for library in libraries:
            python = asked.peers if library in peers else sys.executable
            processes[library] = Process(python, library, name, asked.threads)
            stack.callback(processes[library].close)
        times: dict[str, list[float]] = {library: [] for library in libraries}
        for turn in range(asked.rounds):
            for k in range(len(libraries)):
                library = libraries[(k + turn) % len(libraries)]
                times[library].append(processes[library].seconds())
    cells = [ratio(times[engine], times[peer]) for engine in ("jax", "numpy") for peer in peers]
    absolute = " / ".join(f"{1e3 * median(times[peer]):.3g}" for peer in peers)
    cells = [" / ".join(cells[k : k + len(peers)]) for k in (0, len(peers))]
    return f"| {name} | {absolute} | {cells[0]} | {cells[1]} |"


def ratio(own: list[float], other: list[float]) -> str:
    """The median of the rounds' ratios, the least and the greatest."""
    ratios = [a / b for a, b in zip(own, other, strict=True)]
    return f"{median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"


def main() -> None:
    """Measures and prints a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--only", default="", help="beginnings of names of cases")
    parser.add_argument("--peers", default=sys.executable)
    parser.add_argument("--serve", nargs=3, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.serve:
        serve(*asked.serve)
        return
    for name, fact in facts().items():
        print(f"- {name}: {fact}")
    print("\n| forward and both gradients | torch ms (/ Keras) | engine jax / it | engine numpy / it |")
    print("|---|---:|---:|---:|")
    chosen = tuple(asked.only.split(","))
    for name in (*CASES, *NETS):
        if name.startswith(chosen):
            print(row(name, asked), flush=True)


if __name__ == "__main__":
    main()
