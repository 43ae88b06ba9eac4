"""Mutations of a checkpoint: every leaf and branch of its manifest, and every tensor, replaced by something else."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

Place = tuple[Any, ...]
VALUES = (None, True, -1, 0, 7, 1.5, -0.5, "text", "", [], {}, [1], ["a", None], {"a": 1}, [[]], 2**62)
ABSENT = object()


class Mutation(NamedTuple):
    """What was changed, to what, and the file's content with it."""

    place: Place
    value: object
    tensors: dict[str, Any]
    manifest: dict[str, Any]

    def __str__(self) -> str:
        return f"{'/'.join(map(str, self.place))} = {'nothing' if self.value is ABSENT else repr(self.value)}"


def places(node: object, path: Place = ()) -> Iterator[Place]:
    """Every place in a manifest, branches before what they hold."""
    items: Any = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, item in items:
        yield (*path, key)
        yield from places(item, (*path, key))


def changed(manifest: dict[str, Any], place: Place, value: object) -> dict[str, Any]:
    """A copy with another value at a place, or without it."""
    other = copy.deepcopy(manifest)
    node: Any = other
    for key in place[:-1]:
        node = node[key]
    if value is ABSENT:
        del node[place[-1]]
    else:
        node[place[-1]] = copy.deepcopy(value)
    return other


def other_arrays(array: Any) -> Iterator[Any]:
    """The array in other dtypes and shapes, and with other numbers."""
    for dtype in ("int8", "uint64", "float16", "float32", "float64", "bool"):
        if array.dtype != dtype:
            yield array.astype(dtype)
    yield from (
        array[..., None],
        array.reshape(-1)[:-1],
        np.zeros((0, *array.shape[1:]), array.dtype),
        array.reshape(-1),
    )
    if array.dtype.kind == "f":
        yield from (np.full_like(array, value) for value in (np.nan, np.inf, -1.0))


def mutations(tensors: dict[str, Any], manifest: dict[str, Any]) -> Iterator[Mutation]:
    """Every mutation of a file's content that changes it."""
    for place in places(manifest):
        node: Any = manifest
        for key in place:
            node = node[key]
        for value in (ABSENT, *VALUES):
            if value is ABSENT or type(value) is not type(node) or value != node:
                yield Mutation(place, value, tensors, changed(manifest, place, value))
    for name, array in tensors.items():
        yield Mutation((name,), ABSENT, {key: each for key, each in tensors.items() if key != name}, manifest)
        for other in other_arrays(array):
            if other.shape != array.shape or other.dtype != array.dtype or not np.array_equal(other, array):
                yield Mutation((name,), f"{other.dtype} {other.shape}", {**tensors, name: other}, manifest)
