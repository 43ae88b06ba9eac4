"""Peak memory of steps of layers over space and time on engine numpy beside PyTorch: a table in Markdown.

usage: python tests/benchmarks/space_memory.py [--only conv,gru] [--peers OTHER/bin/python]

MB that three steps, each forward and both gradients, take at most above what the process held before them, its batch,
its slopes and its parameters. A process for each; a batch of one row has gone first, so that what a library loads at
its first call is in neither. Linux only.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from memory import resident
from space_cases import CASES, numpy_layer, torch_layer


def measured(library: str, name: str) -> float:
    """MB at the peak of the steps above those before."""
    case, layer = CASES[name], {"numpy": numpy_layer, "torch": torch_layer}[library]
    layer(replace(case, shape=(1, *case.shape[1:])))(2)
    run = layer(case)
    ctypes.CDLL(None).malloc_trim(0)  # what was freed before would serve the steps
    Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")  # the peak begins anew
    before = resident("VmRSS")
    run(3)
    return resident("VmHWM") - before


def child(python: str, library: str, name: str) -> float:
    """What a process of its own measures."""
    bound = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    command = [python, __file__, "--serve", library, name]
    done = subprocess.run(command, env={**os.environ, **bound}, stdout=subprocess.PIPE, check=True, text=True)
    return float(done.stdout)


def main() -> None:
    """Measures and prints a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="beginnings of names of cases")
    parser.add_argument("--peers", default=sys.executable)
    parser.add_argument("--serve", nargs=2, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.serve:
        print(measured(*asked.serve))
        return
    print("| peak of a step | torch MB | engine numpy MB | numpy / torch |\n|---|---:|---:|---:|")
    for name in CASES:
        if name.startswith(tuple(asked.only.split(","))):
            torch, own = child(asked.peers, "torch", name), child(sys.executable, "numpy", name)
            print(f"| {name} | {torch:.1f} | {own:.1f} | {own / torch:.2f} |", flush=True)


if __name__ == "__main__":
    main()
