"""The Array API: a component computes on arrays of array-api-strict, which has nothing but the standard, as on NumPy's.

Twice: on a device that is not the default one, and on one without float64. Version 2024.12 of the standard: from it on
`maximum`, `minimum` and `where` take Python numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np

from bpframe.errors import CheckFailed
from bpframe.testing.laws.comparison import max_abs, require_close
from bpframe.testing.report import SkipCheck

VERSION = "2024.12"
NO_STRICT = "it needs array-api-strict: pip install array-api-strict"
DEVICES: dict[str, tuple[np.dtype[Any], float]] = {  # by name: the dtype to compute in, the tolerance
    "device1": (np.dtype(np.float64), 1e-9),
    "no_float64": (np.dtype(np.float32), 1e-4),
}
Convert = Callable[[Any], Any]  # from NumPy arrays in float64, in a tree or alone, to the arrays and the dtype to try
Compute = Callable[[Convert], Any]  # a structure of arrays, from converted inputs


def require_array_api(compute: Compute) -> None:
    """CheckFailed where a component that the standard suffices errs on another device, or gives other numbers.

    Skipped, with the reason, for a component that runs on NumPy's arrays alone, and without array-api-strict.
    """
    xp = _strict_namespace()
    try:
        arrays = _strict_results(compute, xp, "CPU_DEVICE", np.dtype(np.float64))
    except SkipCheck:
        raise
    except Exception as error:
        raise SkipCheck(f"it runs on NumPy's arrays alone: {error}") from error
    if foreign := [place for place, array in arrays.items() if not isinstance(array, type(xp.asarray(0.0)))]:
        raise SkipCheck(f"it runs on NumPy's arrays alone: {foreign[0]} is none of the library that it was given")
    for name, (dtype, tolerance) in DEVICES.items():
        _compare(compute, xp, name, dtype, tolerance)


def _compare(compute: Compute, xp: Any, name: str, dtype: np.dtype[Any], tolerance: float) -> None:
    """Results on a device against NumPy's."""
    wanted = _arrays(compute(partial(mapped, _cast(dtype))))
    try:
        found = _strict_results(compute, xp, name, dtype)
    except Exception as error:
        if "to a NumPy array" in str(error):  # as its functions ask for, which the default device allows
            raise SkipCheck(f"it runs on NumPy's arrays alone: {error}") from error
        remedy = "Make new arrays by xp.zeros(..., dtype=x.dtype, **ops.placement(x))."
        raise CheckFailed(f"fails on {name} of array-api-strict: {error} {remedy}") from error
    for place, array in found.items():
        got, want = np.asarray(xp.asarray(array, device=xp.Device("CPU_DEVICE"))), np.asarray(wanted[place])
        require_close(f"{place} on array-api-strict", got, want, tolerance, tolerance * max_abs(want))


def _cast(dtype: np.dtype[Any]) -> Convert:
    return lambda array: array.astype(dtype)


def _strict_results(compute: Compute, xp: Any, name: str, dtype: np.dtype[Any]) -> dict[str, Any]:
    """The strict arrays that come back, by path."""
    device, before = xp.Device(name), xp.get_array_api_strict_flags()["api_version"]
    xp.set_array_api_strict_flags(api_version=VERSION)
    try:
        return _arrays(compute(partial(mapped, lambda array: xp.asarray(array.astype(dtype), device=device))))
    finally:
        xp.set_array_api_strict_flags(api_version=before)


def _arrays(structure: Any, path: str = "result") -> dict[str, Any]:
    """The arrays of a structure by path, as they are."""
    pairs = structure.items() if isinstance(structure, Mapping) else enumerate(structure)
    found: dict[str, Any] = {}
    for key, item in pairs:
        if isinstance(item, Mapping | list | tuple):
            found |= _arrays(item, f"{path}[{key!r}]")
        elif hasattr(item, "__array_namespace__"):
            found[f"{path}[{key!r}]"] = item
    return found


def _strict_namespace() -> Any:
    try:
        import array_api_strict  # imported by this check alone
    except ModuleNotFoundError as missing:
        raise SkipCheck(NO_STRICT) from missing
    return array_api_strict


def mapped(function: Callable[[Any], Any], structure: Any) -> Any:
    """The structure with the function applied to its arrays."""
    if isinstance(structure, Mapping):
        return {key: mapped(function, item) for key, item in structure.items()}
    if isinstance(structure, list | tuple):
        return [mapped(function, item) for item in structure]
    return function(structure) if hasattr(structure, "__array_namespace__") else structure
