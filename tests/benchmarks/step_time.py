"""Time of a training step inside each library's own loop, shuffling included, as tables in Markdown.

usage: python tests/benchmarks/step_time.py [--rounds 9] [--nets XS,S:sgd,M:adam:tanh] [--peers bpframe,torch_fused]
           [--busy 0,2,4] [--processor] [--python INTERPRETER] [--minutes 60] [--save FILE]

A network is a size (XS, S, mid, M, L), a rule (adam, sgd, momentum) and an activation (relu, tanh); float32, softmax
cross-entropy. Every (library, network) has a process of its own. The libraries take turns, so that a slow minute of the
machine meets all of them: in each round a process makes three fits of 5 epochs and blocks of a long fit, of which the
best decile counts. Compilation is in the first epoch, stated apart.

bpframe runs with metrics=[], `..._default` with default arguments; `jax` is a step by hand with optax's rules,
`jax_scan` an epoch of them a call. --busy: a table beside so many other processes that compute. --processor: seconds of
the processor in the place of the clock's. --python: the interpreter that has the other libraries. --minutes: no round
begins later. --save: everything measured, as JSON.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from step_tables import Cell, Cells, tables
from workers import HERE, Worker, busy, environment
from workload import NETS, STEPS, Run, chosen

NEEDS = {  # peer: the modules it imports
    "blas": ("numpy",),
    "bpframe": ("bpframe",),
    "bpframe_default": ("bpframe",),
    "bpframe_jax": ("bpframe", "jax"),
    "bpframe_jax_default": ("bpframe", "jax"),
    "torch": ("torch",),
    "torch_fused": ("torch",),
    "torch_compile": ("torch",),
    "sklearn": ("sklearn",),
    "thinc": ("thinc",),
    "jax": ("jax", "optax"),
    "jax_scan": ("jax", "optax"),
    "keras_jax": ("keras", "jax"),
}
USUAL = [peer for peer in NEEDS if peer not in ("torch_compile", "thinc")]
SHORT = 5  # epochs of a short fit
SHORT_FITS = 3  # a round
LONG = 0.3  # seconds that a round's blocks of a long fit last in all, and at least two of them
BLOCK = 0.05  # seconds that such a block lasts at least


def main() -> None:
    """Measures what the command line asks for and prints it."""
    asked = arguments()
    end = time.monotonic() + 60 * asked.minutes
    interpreters = {peer: interpreter for peer in asked.peers if (interpreter := python_of(peer, asked.python))}
    print(subprocess.run([sys.executable, str(HERE / "machine.py")], env=environment(), text=True, stdout=-1).stdout)
    print(*(f"- not installed, left out: {peer}\n" for peer in asked.peers if peer not in interpreters), sep="")
    saved = {}
    for count in asked.busy:
        cells: Cells = {}
        with busy(count):
            for net in asked.nets:
                measure(net, interpreters, asked.rounds, end, cells, asked.processor)
        print(f"{count} other processes busy:\n\n{tables(cells)}\n", flush=True)
        saved[count] = {f"{net} {peer}": vars(cell) for (net, peer), cell in cells.items()}
    if asked.save:
        Path(asked.save).write_text(json.dumps(saved), encoding="utf-8")


def arguments() -> argparse.Namespace:
    """What the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--nets", type=names(chosen), default=["XS", "S", "M", "L"], help=",".join(NETS))
    parser.add_argument("--peers", type=names(NEEDS.__getitem__), default=USUAL, help=",".join(NEEDS))
    parser.add_argument("--busy", type=lambda text: list(map(int, text.split(","))), default=[0])
    parser.add_argument("--processor", action="store_true")
    parser.add_argument("--python", default=sys.executable)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--save")
    return parser.parse_args()


def names(look_up: Callable[[str], object]) -> Callable[[str], list[str]]:
    """A parser of a list with commas; argparse reports a name that `look_up` does not know."""

    def parse(text: str) -> list[str]:
        for name in text.split(","):
            try:
                look_up(name)
            except KeyError:
                raise argparse.ArgumentTypeError(f"there is no {name}") from None
        return text.split(",")

    return parse


def python_of(peer: str, other: str) -> str | None:
    """The interpreter that has what a peer imports: this one, or else the other; None: neither."""
    look = f"import importlib.util as u, sys; sys.exit(not all(map(u.find_spec, {NEEDS[peer]!r})))"
    found = (each for each in (sys.executable, other) if not subprocess.run([each, "-c", look]).returncode)
    return next(found, None)


def measure(net: str, interpreters: dict[str, str], rounds: int, end: float, cells: Cells, processor: bool) -> None:
    """All rounds of all peers on a net; a peer that cannot do the net is left out; progress goes to stderr."""
    workers: dict[str, Worker] = {}
    for peer, interpreter in interpreters.items():
        try:
            workers[peer] = Worker(interpreter, peer, net)
        except ChildProcessError:
            print(f"{net} {peer} cannot be measured", file=sys.stderr)
            continue
        cells[net, peer] = Cell(workers[peer].first)
    try:
        taken = {p: worker.processor_seconds if processor else worker.seconds for p, worker in workers.items()}
        lengths = {peer: block_length(seconds) for peer, seconds in taken.items()}
        for turn in range(rounds if time.monotonic() < end else 0):
            for peer, seconds in taken.items():
                cell = cells[net, peer]
                cell.short.append(step_us([seconds(SHORT) for _ in range(SHORT_FITS)], SHORT))
                cell.long.append(step_us(blocks(seconds, lengths[peer]), lengths[peer]))
                print(f"round {turn + 1}: {net} {peer} {cell.long[-1]:.1f} us", file=sys.stderr)
            if time.monotonic() > end:
                break
    finally:
        for peer, worker in workers.items():
            cells[net, peer].memory = worker.peak_memory()
            worker.stop()


def block_length(seconds: Run) -> int:
    """How many epochs last as long as a block; what ran until they did is the warm-up."""
    epochs = 1
    while seconds(epochs) < BLOCK:
        epochs *= 2
    return epochs


def blocks(seconds: Run, epochs: int) -> list[float]:
    """Seconds of the blocks of a round."""
    found: list[float] = []
    while len(found) < 2 or sum(found) < LONG:
        found.append(seconds(epochs))
    return found


def step_us(seconds: list[float], epochs: int, steps: int = STEPS) -> float:
    """Microseconds a step in the best decile of some blocks."""
    return float(np.quantile(seconds, 0.1)) * 1e6 / (epochs * steps)


if __name__ == "__main__":
    main()
