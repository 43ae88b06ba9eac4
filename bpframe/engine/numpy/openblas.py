"""OpenBLAS as wheels of NumPy and SciPy bring it along: its number of threads, by its own functions.

threadpoolctl finds every BLAS there is, and takes 4 ms of a first fit to do so; this takes 0.1. To set a number takes
0.2 us, so that a bound may hold for as short a time as one row needs.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from ctypes import CDLL, c_int
from itertools import product
from types import ModuleType
from typing import Any, final

CALLERS = ("numpy._core._multiarray_umath", "scipy.linalg._fblas")  # extension modules that are linked to a BLAS
AFFIXES = tuple(product(("scipy_", ""), ("64_", "")))  # of a function's name: the builds for wheels rename them
PTHREADS = 1  # what openblas_get_parallel says of threads of its own; 0: none, 2: OpenMP's


@final
class OpenBlas:
    """One library, with the members that threadpoolctl's controllers have."""

    internal_api = "openblas"

    def __init__(self, library: CDLL, prefix: str, suffix: str) -> None:
        def function(name: str, *arguments: Any) -> Callable[..., Any]:
            found: Any = getattr(library, f"{prefix}openblas_{name}{suffix}")
            found.argtypes = arguments
            return found  # type: ignore[no-any-return]  # ctypes has no type for a function

        self.set_num_threads, self.get_num_threads = function("set_num_threads", c_int), function("get_num_threads")
        self.threading_layer = "pthreads" if function("get_parallel")() == PTHREADS else "other"


def callers() -> tuple[str, ...]:
    """Those of CALLERS that this process has imported so far."""
    return tuple(name for name in CALLERS if name in sys.modules)


def loaded() -> list[OpenBlas]:
    """Those that NumPy and SciPy, where it is loaded, use; empty where one of them uses another BLAS."""
    found = [next(_of(sys.modules[name]), None) for name in callers()]
    return [library for library in found if library is not None] if all(found) else []


def _of(module: ModuleType) -> Iterator[OpenBlas]:
    """The OpenBLAS that an extension module is linked to."""
    for file in _files(str(module.__file__)):
        library = CDLL(file)  # loaded already: its handle
        for prefix, suffix in AFFIXES:
            if hasattr(library, f"{prefix}openblas_get_parallel{suffix}"):
                yield OpenBlas(library, prefix, suffix)


def _files(extension: str) -> Iterator[str]:
    """The module's own file, through which systems but Windows find functions of what it is linked to; then that."""
    yield extension
    libraries = f"{os.path.dirname(os.path.dirname(extension))}.libs"
    names = os.listdir(libraries) if os.path.isdir(libraries) else ()
    yield from (os.path.join(libraries, name) for name in sorted(names) if "openblas" in name)
