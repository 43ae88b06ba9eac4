"""Curves: how the time of a step grows with width, depth, batch, rows and models, beside its limits and torch; a table.

usage: python tests/benchmarks/curves.py [--only width,depth,batch,rows,models] [--rounds 3] [--processor]
           [--python INTERPRETER]

Limits of a step, in us: its products, as bare BLAS calls on one or all threads; its bytes, 7 numbers a parameter in the
update and 2 a number of the batch, at the rate at which np.add passes over arrays of as many bytes; its calls, counted
below, at the time that np.add takes on one number. In a row: the best decile of a step, each limit, and its ratio to
the largest of them and to torch with a fused rule; "grows": that ratio over the least one before it on the curve.
--processor: seconds of the processor in the place of the clock's, for a machine on which others compute.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from functools import cache
from time import perf_counter, process_time

import numpy as np
from step_time import names, python_of, step_us
from workers import Worker
from workload import Net, Run, chosen

CURVES = {
    "width": [f"{n}-{n}-{n}-10@128" for n in (16, 64, 256, 1024, 4096)],
    "depth": ["-".join(["64"] * (n + 1)) + "-10@128" for n in (1, 4, 16, 64)],
    "batch": [f"64-256-256-10@{n}" for n in (1, 8, 64, 512, 8192)],
    "rows": [f"20-32-2@100x{n // 100}" for n in (100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000)],
    "models": [f"20-32-32-2@32*{n}" for n in (1, 10, 100, 1000)],
}
CALLS_A_LAYER = 9  # product, bias, relu; its slope twice, two products, a sum; a view
CALLS_A_PIECE = 13  # of Adam
CALLS_A_STEP = 25  # of loss, batch and what is done once
PIECE = 2**17
BLOCK = 0.2  # seconds of a measurement


@dataclass(frozen=True)
class Limits:
    """What a step cannot be faster than, in us."""

    products: float
    bytes: float
    calls: float

    @property
    def largest(self) -> float:
        """The one that binds."""
        return max(self.products, self.bytes, self.calls)


def main() -> None:
    """Measures and prints a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", type=names(CURVES.__getitem__), default=list(CURVES), help=",".join(CURVES))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--processor", action="store_true")
    parser.add_argument("--python", default=sys.executable)
    asked = parser.parse_args()
    torch = python_of("torch", asked.python)
    print("| curve | net | us a step | products | bytes | calls | / limit | grows | / torch | grows |")
    print(f"|---|---|{'---:|' * 8}")
    for curve in asked.only:
        least = [float("inf")] * 2
        for point in CURVES[curve]:
            own, theirs, limits = measured(point, asked.rounds, torch, asked.processor)
            ratios = own / limits.largest, own / theirs
            least = [min(pair) for pair in zip(least, ratios, strict=True)]
            cells = [own, limits.products, limits.bytes, limits.calls]
            grown = [f"{ratio:.2f} | {ratio / first:.2f}" for ratio, first in zip(ratios, least, strict=True)]
            print(
                f"| {curve} | {short(point)} | {' | '.join(f'{c:.1f}' for c in cells)} | {' | '.join(grown)} |",
                flush=True,
            )


def short(point: str) -> str:
    """The name of a point, many equal widths as a power."""
    widths, at, rest = point.partition("@")
    parts = widths.split("-")
    deep = len(parts) > 6
    return (f"{parts[0]}^{len(parts) - 1}-{parts[-1]}" if deep else widths) + at + rest.replace("*", ", models: ")


def measured(point: str, rounds: int, torch: str | None, processor: bool) -> tuple[float, float, Limits]:
    """Our step, torch's (NaN without it) and the limits."""
    name, _, count = point.partition("*")
    net = chosen(name)
    workers = {
        "own": Worker(sys.executable, "bpframe", point),
        "blas": Worker(sys.executable, "blas", name),
        "blas, one thread": Worker(sys.executable, "blas", name, OPENBLAS_NUM_THREADS="1"),
    }
    if torch:
        workers["torch"] = Worker(torch, "torch_fused", point)
    steps = {peer: net.steps * (1 if peer.startswith("blas") else int(count or 1)) for peer in workers}
    found: dict[str, list[float]] = {peer: [] for peer in workers}
    for _ in range(rounds):
        for peer, worker in workers.items():
            found[peer] += repeated(worker.processor_seconds if processor else worker.seconds, steps[peer])
    for worker in workers.values():
        worker.stop()
    best = {peer: float(np.quantile(values, 0.1)) for peer, values in found.items()}
    products = min(best["blas"], best["blas, one thread"])
    return best["own"], best.get("torch", float("nan")), Limits(products, byte_us(net), call_us(net))


def repeated(seconds: Run, steps: int) -> list[float]:
    """Microseconds a step of as many epochs as fill a while, one by one."""
    values: list[float] = []
    start = perf_counter()
    while not values or perf_counter() < start + BLOCK:
        values.append(step_us([seconds(1)], 1, steps))
    return values


def byte_us(net: Net) -> float:
    """The update's and the batch's bytes, at the rate for arrays of as many."""
    count = 4 * (7 * parameters(net) + 2 * net.batch * net.sizes[0])
    return count / rate(1 << (max(count, 2**12)).bit_length())


def parameters(net: Net) -> int:
    """How many numbers weights and biases have."""
    return sum((n + 1) * m for n, m in net.pairs)


def call_us(net: Net) -> float:
    """The calls of a step, at the time of one on one number."""
    sizes = [n * m for n, m in net.pairs]
    pieces = sum(-(-size // PIECE) for size in sizes if size >= PIECE) + -(-sum(s for s in sizes if s < PIECE) // PIECE)
    return (CALLS_A_LAYER * len(sizes) + CALLS_A_PIECE * pieces + CALLS_A_STEP) * passing(1)


@cache
def passing(size: int) -> float:
    """Microseconds of np.add on so many numbers of float32, the best decile."""
    a, b, out = (np.ones(size, np.float32) for _ in range(3))
    number = max(3, int(2e6 / (size + 1000)))
    found = []
    for _ in range(20):
        start = process_time()
        for _ in range(number):
            np.add(a, b, out)
        found.append((process_time() - start) / number)
    return 1e6 * float(np.quantile(found, 0.1))


@cache
def rate(count: int) -> float:
    """Bytes a microsecond of np.add, whose three arrays have so many bytes in all."""
    return count / passing(count // 12)


if __name__ == "__main__":
    main()
