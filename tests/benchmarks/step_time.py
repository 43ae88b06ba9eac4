"""Time of a training step inside each library's own loop, shuffling included, as a table in Markdown.

usage: python tests/benchmarks/step_time.py [--rounds 5] [--nets XS,S:sgd,M:adam:tanh] [--peers bpframe,torch]

A network is a size (XS, S, M, L), a rule (adam, sgd, momentum) and an activation (relu, tanh); float32, softmax
cross-entropy. Compilation is in the first epoch, whose seconds are stated apart. Every (library, network) is measured
in a process of its own, and the libraries take turns, so that a slow minute of the machine meets all of them.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np
from workload import NETS, Measured, chosen, measured

HERE = Path(__file__).resolve().parent
NEEDS = {  # peer: the modules it imports
    "blas": ("numpy",),
    "bpframe": ("bpframe",),
    "bpframe_jax": ("bpframe", "jax"),
    "torch": ("torch",),
    "torch_compile": ("torch",),
    "sklearn": ("sklearn",),
    "thinc": ("thinc",),
    "jax": ("jax", "optax"),
    "keras_jax": ("keras", "jax"),
}
# Some machines pin BLAS to the kernel of an older processor by these; a user's machine would not.
PINS = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")
OWN = ("bpframe", "bpframe_jax")  # whose times are set beside everybody's
Times = dict[tuple[str, str], list[Measured]]  # (net, peer): what each round gave


def main() -> None:
    """Measures what the command line asks for and prints it."""
    asked = arguments()
    if asked.worker:
        peer, net = asked.worker
        run = importlib.import_module(f"peers.{peer}").prepare(chosen(net))
        print(json.dumps(vars(measured(run))))
        return
    peers = [peer for peer in asked.peers if all(map(importlib.util.find_spec, NEEDS[peer]))]
    print(child("machine.py"))
    print(*(f"- not installed, left out: {peer}\n" for peer in asked.peers if peer not in peers), sep="")
    print(table(taken(asked.rounds, asked.nets, peers)))


def arguments() -> argparse.Namespace:
    """rounds, nets and peers; or worker, the (peer, net) that this process is to measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--nets", type=names(chosen), default=list(NETS), help=",".join(NETS))
    parser.add_argument("--peers", type=names(NEEDS.__getitem__), default=list(NEEDS), help=",".join(NEEDS))
    parser.add_argument("--worker", nargs=2, help=argparse.SUPPRESS)
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


def taken(rounds: int, nets: list[str], peers: list[str]) -> Times:
    """What all peers took on all nets; a peer that cannot do a net is left out; progress goes to stderr."""
    times: Times = {(net, peer): [] for net in nets for peer in peers}
    for turn in range(rounds):
        for net, peer in list(times):
            try:
                times[net, peer].append(Measured(**json.loads(child("step_time.py", "--worker", peer, net))))
            except subprocess.CalledProcessError:
                print(f"{net} {peer} cannot be measured", file=sys.stderr)
                del times[net, peer]
                continue
            print(f"round {turn + 1}: {net} {peer} {median(times[net, peer][-1].steps):.1f} us", file=sys.stderr)
    return times


def child(script: str, *options: str) -> str:
    """What a fresh interpreter prints that runs a script of this folder; it must end well."""
    kept = {name: value for name, value in os.environ.items() if name not in PINS}
    kept["JAX_PLATFORMS"] = "cpu"  # a graphics card would be another comparison
    command = [sys.executable, str(HERE / script), *options]
    return subprocess.run(command, env=kept, stdout=subprocess.PIPE, check=True, text=True).stdout


def table(times: Times) -> str:
    """Markdown: a row for each network and peer."""
    columns = (
        "net",
        "peer",
        "median us",
        "best decile us",
        "first epoch s",
        "peak MB",
        *(f"{own} / peer" for own in OWN),
    )
    rows = [f"| {' | '.join(columns)} |", f"|---|---|{'---:|' * (len(columns) - 2)}"]
    for (net, peer), rounds in times.items():
        blocks = [block for found in rounds for block in found.steps]
        once = f"{median(found.first for found in rounds):.2f}", f"{median(found.memory for found in rounds):.0f}"
        ratios = [paired(times.get((net, own)), rounds) for own in OWN]
        cells = net, peer, f"{median(blocks):.1f}", f"{np.quantile(blocks, 0.1):.1f}", *once, *map(spread, ratios)
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows)


def paired(ours: list[Measured] | None, theirs: list[Measured]) -> list[float]:
    """Our time over theirs, round by round."""
    pairs = zip(ours, theirs, strict=True) if ours else ()
    return [median(own.steps) / median(other.steps) for own, other in pairs]


def spread(ratios: list[float]) -> str:
    """Median, least and greatest of the rounds' ratios; a dash without any."""
    return f"{median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})" if ratios else "-"


if __name__ == "__main__":
    main()
