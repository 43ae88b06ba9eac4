"""Control flow: loops and branches that a compiling engine keeps as such, instead of unrolling or forbidding them.

A structure is an array, None, or a tuple, list or mapping of structures. T steps of a loop; carry any structure, xs and
ys structures of arrays (T, ...), x and y of one step without that axis.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from bpframe.errors import ShapeError
from bpframe.ops.host import namespace
from bpframe.types import Array

Structure = Any  # of arrays
Step = Callable[[Any, Any], tuple[Any, Any]]
SCAN: dict[object, Callable[..., tuple[Any, Any]]] = {}  # compiled loops, by array namespace
STEPWISE: set[object] = set()  # array namespaces whose loops compute `ahead` in each step
WHEN: dict[object, Callable[..., Any]] = {}  # compiled branches, by array namespace or by type of the flag


def scan(
    step: Step,
    carry: Structure,
    xs: Structure = None,
    length: int | None = None,
    reverse: bool = False,
    ahead: Callable[[Structure], Structure] | None = None,
) -> tuple[Structure, Structure]:
    """(carry after all steps, ys): (carry, y_t) = step(carry, x_t) for t = 0, 1, ..., T - 1; ys are the y_t stacked.

    `reverse`: from t = T - 1 down; y_t stands at place t all the same. Without xs, T is `length`, and x_t None. The
    carry keeps its shapes and dtypes. A loop in NumPy; engine jax compiles the step once, whatever T is. The way back
    is a scan in reverse: over what the steps gave as ys, or over their inputs, from which it computes that again.
    `ahead`: steps get ahead(x_t) in the place of x_t, a function number by number of arrays with or without the axis of
    steps: NumPy computes it once of all of xs, a compiling engine in each step, where it needs no arrays in memory.
    Source: `jax.lax.scan`.
    """
    arrays = array_leaves((xs, carry))
    if not arrays:
        raise ShapeError("scan needs an array in its carry or in xs, got none.")
    count = _length(array_leaves(xs), length)
    xp = namespace(arrays[0])
    if ahead is not None:
        step, xs = (_after(ahead, step), xs) if xp in STEPWISE else (step, ahead(xs))
    return SCAN.get(xp, _loop)(step, carry, xs, count, reverse)


def when(flag: Array | bool, f: Callable[..., Structure], g: Callable[..., Structure], *args: Structure) -> Structure:
    """f(*args) where the 0-d `flag` holds, otherwise g(*args); only one of them is computed.

    Both give structures of the same shapes and dtypes. An `if` in NumPy, `lax.cond` on engine jax. Of single elements
    `xp.where` chooses.
    """
    compiled = None if isinstance(flag, bool | np.bool_) else WHEN.get(type(flag)) or WHEN.get(namespace(flag))
    if compiled is None:
        return f(*args) if flag else g(*args)
    return compiled(flag, f, g, *args)


def array_leaves(structure: Structure) -> list[Any]:
    """The arrays of a structure, in order."""
    if structure is None:
        return []
    if isinstance(structure, Mapping):
        structure = tuple(structure.values())
    if isinstance(structure, tuple | list):
        return [leaf for part in structure for leaf in array_leaves(part)]
    return [structure]


def refuse_other_carry(before: Structure, after: Structure) -> None:
    """ShapeError unless a step has left the shapes and dtypes of the carry, all of it arrays."""
    for leaf in (*array_leaves(before), *array_leaves(after)):
        if type(leaf) in (bool, int, float):
            raise ShapeError(f"scan needs arrays in its carry, got {leaf!r}. Take one of no axes: xp.zeros((), ...).")
    layouts = [[(tuple(leaf.shape), leaf.dtype) for leaf in array_leaves(carry)] for carry in (before, after)]
    if layouts[0] != layouts[1]:
        want, got = (", ".join(f"{shape} of {dtype}" for shape, dtype in layout) or "none" for layout in layouts)
        raise ShapeError(f"scan needs a carry that keeps its shapes and dtypes, {want}; after a step got {got}.")


def _after(ahead: Callable[[Structure], Structure], step: Step) -> Step:
    return lambda carry, x: step(carry, ahead(x))


def _length(xs: list[Any], length: int | None) -> int:
    """T; ShapeError where it is not one number from 1 on."""
    counts = {x.shape[0] for x in xs} | ({length} if length is not None else set())
    if len(counts) != 1:
        raise ShapeError(f"scan needs xs of one length, or `length`, got {sorted(counts) or 'neither'}.")
    (count,) = counts
    if count < 1:
        raise ShapeError("scan needs at least one step, got xs of length 0.")
    return int(count)


def _loop(step: Step, carry: Structure, xs: Structure, count: int, reverse: bool) -> tuple[Structure, Structure]:
    """A loop in Python."""
    arrays, y = array_leaves(xs), None
    results: list[list[Any]] = []
    for t in reversed(range(count)) if reverse else range(count):
        after, y = step(carry, with_leaves(xs, iter([x[t, ...] for x in arrays])))
        if not results:
            refuse_other_carry(carry, after)
        carry = after
        results.append(array_leaves(y))
    columns = zip(*(results[::-1] if reverse else results), strict=True)
    return carry, with_leaves(y, (namespace(column[0]).stack(column) for column in columns))


def with_leaves(structure: Structure, arrays: Iterator[Any]) -> Structure:
    """The structure with these arrays in the place of its own, in the order of `array_leaves`."""
    if structure is None:
        return None
    if isinstance(structure, Mapping):
        return {key: with_leaves(part, arrays) for key, part in structure.items()}
    if isinstance(structure, tuple | list):
        parts = [with_leaves(part, arrays) for part in structure]
        return type(structure)(parts) if type(structure) in (tuple, list) else type(structure)(*parts)  # named
    return next(arrays)
