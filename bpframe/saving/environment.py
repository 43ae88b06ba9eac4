"""The computing environment: library versions, BLAS, CPU and platform, as far as they can change bits of a result."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import numpy as np

from bpframe.version import VERSION


def versions(*dists: str) -> dict[str, str]:
    """bpframe, Python, NumPy, and those of `dists` that are installed; the implementation of Python if not CPython."""
    from importlib.metadata import PackageNotFoundError, version  # imported by saving alone: it takes long

    implementation = "" if sys.implementation.name == "cpython" else f" ({platform.python_implementation()})"
    found = {"bpframe": VERSION, "python": platform.python_version() + implementation, "numpy": np.__version__}
    for dist in dists:
        try:
            found[dist] = version(dist)
        except PackageNotFoundError:
            continue
    return found


def machine() -> dict[str, Any]:
    """Platform and C library, CPU with NumPy's names of its instructions, usable CPUs, and BLAS.

    BLAS: name and version; `kernel`, the routines chosen for this CPU; `threads`, their number. With threadpoolctl,
    kernel and threads are the current ones. Without it, the kernel is left out, and the threads are those that
    environment variables ask for, or else the number of CPUs.
    """
    libc = " ".join(platform.libc_ver()).strip()
    return {
        "platform": f"{platform.system()} {platform.machine()}" + (f", {libc}" if libc else ""),
        "cpu": _cpu_name(),
        "features": _features(),
        "cpus": _usable_cpus(),
        **_blas(),
    }


def _cpu_name() -> str:
    """The CPU's name, which Python does not provide on Linux."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as lines:
            named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
            return next(named, "") or platform.machine()
    except OSError:
        return platform.processor() or platform.machine()


def processor() -> list[str]:
    """What machine code depends on: the architecture, the CPU's name and its instruction sets.

    They are those that the system lists, where it does, or else those that NumPy knows.
    """
    listed = ""
    with suppress(OSError), open("/proc/cpuinfo", encoding="utf-8", errors="replace") as lines:
        listed = next((line.strip() for line in lines if line.startswith(("flags", "Features"))), "")
    return [platform.machine(), _cpu_name(), listed or " ".join(_features())]


def _features() -> list[str]:
    """The instruction sets that NumPy was built with and this CPU has."""
    known = _config().get("SIMD Extensions", {})
    return [*known.get("baseline", ()), *known.get("found", ())]


def _usable_cpus() -> int:
    """The CPUs that this process may use, which bounds the threads of BLAS and XLA."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _blas() -> dict[str, Any]:
    try:
        from threadpoolctl import ThreadpoolController
    except ModuleNotFoundError:
        return _blas_of_build()
    libraries = ThreadpoolController().select(user_api="blas").info()
    ordered = sorted(libraries, key=lambda library: "numpy" not in str(library.get("filepath")))  # before SciPy's
    return _blas_at_run_time(ordered[0]) if ordered else _blas_of_build()


def _blas_at_run_time(library: Mapping[str, Any]) -> dict[str, Any]:
    name = f"{library['internal_api']} {library.get('version') or ''}".strip()
    kernel = library.get("architecture")
    return {"blas": name, **({"kernel": kernel} if kernel else {}), "threads": library["num_threads"]}


def _blas_of_build() -> dict[str, Any]:
    """BLAS as NumPy was built, and the threads it would start."""
    known = _config().get("Build Dependencies", {}).get("blas", {})
    name = f"{str(known.get('name', 'unknown')).removeprefix('scipy-')} {known.get('version', '')}".strip()
    return {"blas": name, "threads": threads_at_start()}


def threads_at_start() -> int:
    """The threads that BLAS starts: as many as environment variables ask for, or else as there are usable CPUs."""
    asked = (os.environ.get(f"{prefix}_NUM_THREADS", "") for prefix in ("OPENBLAS", "MKL", "OMP"))
    return next((int(text) for text in asked if text.isdecimal() and int(text)), _usable_cpus())


def _config() -> Mapping[str, Any]:
    found = np.show_config(mode="dicts")
    return found if isinstance(found, Mapping) else {}
