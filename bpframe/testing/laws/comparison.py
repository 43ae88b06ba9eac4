"""Comparison of arrays, with errors that name the place of the largest difference.

A structure is an array, None, or a mapping, list or tuple of structures.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from bpframe.errors import CheckFailed
from bpframe.types import HostArray


def require(holds: Any, message: str) -> None:
    """CheckFailed with the message unless `holds`."""
    if not holds:
        raise CheckFailed(message)


def arrays_in(structure: object, name: str) -> Iterator[tuple[str, HostArray]]:
    """(path, array) of every array in a structure; paths begin with `name`."""
    if isinstance(structure, Mapping):
        for key, item in structure.items():
            yield from arrays_in(item, f"{name}[{key!r}]")
    elif isinstance(structure, list | tuple):
        for i, item in enumerate(structure):
            yield from arrays_in(item, f"{name}[{i}]")
    elif structure is not None:
        yield name, np.asarray(structure)


def require_shape(name: str, got: Any, shape: tuple[int, ...]) -> None:
    """CheckFailed unless `got` is an array of that shape."""
    require(hasattr(got, "shape"), f"{name} must be an array of shape {shape}, got {type(got).__name__}")
    require(tuple(got.shape) == shape, f"{name} must have shape {shape}, got {tuple(got.shape)}")


def require_close(name: str, got: Any, want: Any, rtol: float, atol: Any = 0.0) -> None:
    """CheckFailed unless |got - want| <= rtol |want| + atol everywhere; atol is a number or an array."""
    got, want = np.asarray(got), np.asarray(want)
    require_shape(name, got, want.shape)
    allowed = np.broadcast_to(rtol * np.abs(want) + atol, want.shape)
    excess = np.where(got == want, -1.0, np.abs(got - want) - allowed)
    if not np.all(excess <= 0):
        worst = np.unravel_index(np.argmax(np.where(np.isnan(excess), np.inf, excess)), want.shape)
        raise CheckFailed(_difference(name, got, want, worst) + f", tolerance {allowed[worst]:.2g}")


def require_same_bits(name: str, got: Any, want: Any) -> None:
    """CheckFailed unless two structures have arrays of the same dtypes, shapes and bits at the same paths."""
    arrays, wanted = dict(arrays_in(got, name)), dict(arrays_in(want, name))
    require(arrays.keys() == wanted.keys(), f"{name} must hold {list(wanted)}, got {list(arrays)}")
    for place, array in arrays.items():
        other = wanted[place]
        require_shape(place, array, other.shape)
        require(array.dtype == other.dtype, f"{place} must have dtype {other.dtype}, got {array.dtype}")
        if array.tobytes() != other.tobytes():
            unequal = np.argwhere((array != other) | (np.signbit(array) != np.signbit(other)))
            index = tuple(unequal[0]) if len(unequal) else (0,) * array.ndim
            raise CheckFailed(_difference(place, array, other, index) + ", tolerance 0")


def max_abs(array: Any) -> float:
    """The largest absolute value, 0 for an empty array."""
    return float(np.max(np.abs(array), initial=0.0))


def require_finite(name: str, structure: object) -> None:
    """CheckFailed unless every number is finite."""
    for place, array in arrays_in(structure, name):
        bad = np.argwhere(~np.isfinite(array))
        if len(bad):
            index = tuple(int(i) for i in bad[0])
            raise CheckFailed(f"{place}{list(index) if index else ''}: expected a finite number, got {array[index]!r}")


def _difference(name: str, got: HostArray, want: HostArray, index: Any) -> str:
    where = str([int(i) for i in index]) if len(index) else ""
    return f"{name}{where}: expected {want[index]!r}, got {got[index]!r}"
