"""Memory and disk: the peak of a fit above the library's import, the import, and what is installed; a table.

usage: python tests/benchmarks/memory.py [--net L] [--rounds 3] [--peers bpframe,torch_fused] [--python INTERPRETER]

Each library has a process of its own: MB after its import, the peak of two epochs above that (data in it), seconds of
the import, and the MB of its distributions with those that only they bring along. Medians of the rounds.
"""

from __future__ import annotations

import argparse
import importlib
import json
import subprocess
import sys
import time
from importlib import metadata
from pathlib import Path
from statistics import median

from step_time import NEEDS, names, python_of
from workers import HERE, environment
from workload import chosen

DISTRIBUTIONS = {  # of each peer, NumPy aside, which all of them need
    "bpframe": ("bpframe", "pluggy", "typing-extensions", "click", "markdown-it-py", "mdurl"),
    "bpframe_jax": ("jax", "jaxlib", "ml_dtypes", "opt_einsum", "scipy"),
    "torch_fused": ("torch", "sympy", "mpmath", "networkx", "jinja2", "markupsafe", "fsspec", "filelock"),
    "sklearn": ("scikit-learn", "scipy", "joblib", "threadpoolctl"),
    "jax": ("jax", "jaxlib", "ml_dtypes", "opt_einsum", "scipy", "optax"),
}


def main() -> None:
    """Measures and prints a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--net", default="L")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--peers", type=names(DISTRIBUTIONS.__getitem__), default=list(DISTRIBUTIONS))
    parser.add_argument("--python", default=sys.executable)
    parser.add_argument("--worker", nargs=2, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.worker:
        print(json.dumps(measured(*asked.worker)))
        return
    print("| library | import s | MB after it | MB of a fit above it | MB on disk |\n|---|---:|---:|---:|---:|")
    for peer in asked.peers:
        if python := python_of(peer, asked.python):
            rounds = [child(python, peer, asked.net) for _ in range(asked.rounds)]
            cells = [median(values) for values in zip(*rounds, strict=True)]
            print(f"| {peer} | {cells[0]:.2f} | {' | '.join(f'{cell:.0f}' for cell in cells[1:])} |", flush=True)


def child(python: str, peer: str, net: str) -> list[float]:
    """What a fresh process measures."""
    command = [python, str(HERE / "memory.py"), "--worker", peer, net]
    done = subprocess.run(command, env=environment(), stdout=subprocess.PIPE, check=True, text=True)
    found: list[float] = json.loads(done.stdout)
    return found


def measured(peer: str, net: str) -> list[float]:
    """Seconds of the import, MB after it, MB of two epochs above that, MB on disk."""
    start = time.perf_counter()
    for module in NEEDS[peer]:
        importlib.import_module(module)
    prepare = importlib.import_module(f"peers.{peer}").prepare
    seconds, before = time.perf_counter() - start, resident("VmRSS")
    prepare(chosen(net))(2)
    return [seconds, before, resident("VmHWM") - before, sum(map(disk, DISTRIBUTIONS[peer]))]


def resident(field: str) -> float:
    """Memory of this process in MB, by its field in Linux's status: VmRSS at present, VmHWM at most so far."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) / 1000 for line in lines if line.startswith(field))


def disk(distribution: str) -> float:
    """MB of the files of an installed distribution; of bpframe in a checkout, of what a wheel would hold."""
    try:
        files = [Path(str(file.locate())) for file in metadata.files(distribution) or ()]
    except metadata.PackageNotFoundError:
        return 0.0
    if distribution == "bpframe" and (HERE.parents[1] / "bpframe").is_dir():
        root = HERE.parents[1]
        files = [*(root / "bpframe").rglob("*"), *(root / "plugins").glob("bpframe_*/*"), *(root / "docs").rglob("*")]
    return sum(file.stat().st_size for file in files if file.is_file() and file.suffix != ".pyc") / 1e6


if __name__ == "__main__":
    main()
