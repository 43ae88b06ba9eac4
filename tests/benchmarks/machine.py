"""What the numbers depend on: processor, cores, load, and the versions of what computes.

usage: python tests/benchmarks/machine.py
"""

from __future__ import annotations

import importlib.metadata
import os
import platform
from pathlib import Path

import numpy as np

PACKAGES = ("bpframe", "numpy", "torch", "scikit-learn", "thinc", "jax", "optax", "keras")


def facts() -> dict[str, str]:
    """What a reader needs to judge a timing, by its name."""
    load = ", ".join(f"{value:.2f}" for value in os.getloadavg())
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {
        "processor": processor(),
        "cores": f"{usable} usable of {os.cpu_count()}",
        "load average": load,
        "Python": platform.python_version(),
        "versions": ", ".join(filter(None, map(version, PACKAGES))),
        "NumPy's BLAS": blas(),
    }


def processor() -> str:
    """The processor's model as the system calls it."""
    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.exists() else []
    models = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor() or platform.machine()


def version(package: str) -> str:
    """The package and its version, or nothing if it is not installed."""
    try:
        return f"{package} {importlib.metadata.version(package)}"
    except importlib.metadata.PackageNotFoundError:
        return ""


def blas() -> str:
    """Library, version, threads and the kernel chosen for this processor, which only threadpoolctl can tell."""
    built = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    try:
        from threadpoolctl import threadpool_info  # type: ignore[import-untyped, import-not-found, unused-ignore]  # no stubs
    except ModuleNotFoundError:
        return f"{built['name']} {built['version']}, kernel unknown without threadpoolctl"
    found = [pool for pool in threadpool_info() if pool["user_api"] == "blas"]
    kernels = [f"kernel {pool.get('architecture')}, {pool['num_threads']} threads" for pool in found]
    return ", ".join([f"{built['name']} {built['version']}", *kernels])


if __name__ == "__main__":
    for name, fact in facts().items():
        print(f"- {name}: {fact}")
