"""Checks of an untrusted model file before memory is allocated: the sizes of its network, and its labels."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass, fields, is_dataclass
from typing import Any, final

import numpy as np

from bpframe import tree
from bpframe.errors import CheckpointError, ConfigError
from bpframe.network.network import LabelledLayers, Network, init_layers
from bpframe.types import HostArray, Shape

MANY = 2**20  # comparisons of groups with layers
MANY_CALLBACKS = 2**10
SMALL = 2**16  # values of a row or a parameter that every file may have


@final
@dataclass(frozen=True)
class _BoundedZeros:
    """Replaces an initializer: zeros that take no memory, limited in number, so that dependents take little, too."""

    limit: int

    def sample(self, rng: np.random.Generator, shape: Shape, fan_in: int, fan_out: int) -> HostArray:
        """Zeros of `shape`; CheckpointError if they are too many."""
        if math.prod(shape) > self.limit:
            raise CheckpointError(f"a parameter needs shape {shape}, more values than the file has.")
        return np.broadcast_to(0.0, shape)


def refuse_slow_lists(found: Mapping[str, Any]) -> None:
    """CheckpointError for lists whose work grows with the square of their length, where they are longer than any use.

    Groups are compared with every layer, and callbacks registered each beside all others.
    """
    count, callbacks = len(found["groups"]) * len(found["network"]), len(found.get("callbacks", ()))
    if count > MANY:
        raise CheckpointError(f"its groups need {MANY} comparisons with layers at most, got {count}.")
    if callbacks > MANY_CALLBACKS:
        raise CheckpointError(f"it needs {MANY_CALLBACKS} callbacks at most, got {callbacks}.")


def refuse_other_sizes(network: Network, inputs: Sequence[int], tensors: Mapping[str, HostArray]) -> None:
    """CheckpointError unless the tensors have the names and shapes of the network's; nothing is allocated for it."""
    limit = max([SMALL, *(array.size for array in tensors.values())])
    shape = tuple(inputs)
    if not shape or math.prod(shape) > limit:
        raise CheckpointError(f"its rows need a shape of {limit} values at most, got {inputs}.")
    layers = _with_initializers(network.layers, _BoundedZeros(limit))
    try:
        params = init_layers(layers, itertools.repeat(np.random.default_rng(0)), shape)[0]
    except ConfigError as error:  # of sizes that no file has
        raise CheckpointError(f"its network cannot be made: {error}") from None
    wanted = {"/".join(path): np.shape(leaf) for path, leaf in tree.leaves(params)}
    given = {name: array.shape for name, array in tensors.items()}
    if other := sorted(wanted.items() ^ given.items()):
        name = other[0][0]
        raise CheckpointError(f"'{name}' needs shape {wanted.get(name)}, got {given.get(name)}.")


def refuse_other_labels(learned: Mapping[str, Any], rows: int = 0) -> None:
    """CheckpointError unless the classes are texts, integers or truth values, in a dtype that holds them.

    And unless the scale of targets, where there is one, has a finite mean and a deviation above 0 for each output, and
    the offset of inputs, where there is one, is that of some of the `rows` places of a row.
    """
    if "input_offset" in learned:
        _refuse_other_offset(learned["input_offset"], rows)
    if "target_scale" in learned:
        _refuse_other_scale(learned["target_scale"], learned["outputs"])
    names = learned.get("target_columns", [])
    if not isinstance(names, list) or not all(isinstance(n, str) for n in names) or len(set(names)) < len(names):
        raise CheckpointError("its columns of targets need different names.")
    for head in learned.get("heads", {}).values():
        refuse_other_labels(head)
    if "classes" not in learned:
        return
    classes, dtype = np.asarray(learned["classes"]), np.dtype(learned["dtype"])
    fits = classes.dtype.kind in "biuU" and dtype.kind in "biuUO" and dtype.itemsize <= max(8, classes.dtype.itemsize)
    if classes.ndim != 1 or not classes.size or not fits or not np.array_equal(classes.astype(dtype), classes):
        raise CheckpointError("its classes need to be labels of one type, in a dtype that holds them.")


def _refuse_other_scale(scale: Mapping[str, Any], outputs: int) -> None:
    mean, deviation = (np.asarray(scale[name], dtype=np.float64) for name in ("mean", "deviation"))
    fits = mean.shape == deviation.shape == (outputs,) and np.isfinite(mean).all() and np.isfinite(deviation).all()
    if not fits or not (deviation > 0).all():
        raise CheckpointError("its scale of targets needs a mean and a deviation above 0 for each output.")


def _refuse_other_offset(offset: Mapping[str, Any], rows: int) -> None:
    places, values = np.asarray(offset["places"]), np.asarray(offset["values"])
    alike = places.ndim == values.ndim == 1 and len(places) == len(values) == len(set(places.tolist()))
    fits = alike and places.dtype.kind == "i" and values.dtype.kind == "f" and np.isfinite(values).all()
    if not fits or not ((places >= 0) & (places < rows)).all():
        raise CheckpointError(f"its offset of inputs needs finite numbers for some of the {rows} places of a row.")


def _with_initializers(layers: LabelledLayers, sized: _BoundedZeros) -> LabelledLayers:
    """Copies of layers, and of what is inside them, in which every initializer is `sized`."""
    copies: dict[int, Any] = {}  # of parts that several hold; there could be exponentially many ways to each

    def copied(part: Any) -> Any:
        if not isinstance(part, tuple | list) and not is_dataclass(part):
            return part
        if id(part) not in copies:
            copies[id(part)] = type(part)(map(copied, part)) if isinstance(part, tuple | list) else changed(part)
        return copies[id(part)]

    def changed(part: Any) -> Any:
        new = copy(part)
        for name, value in _attributes(part).items():
            other = sized if name.endswith("initializer") else copied(value)
            if other is not value:
                object.__setattr__(new, name, other)
        return new

    return tuple((label, copied(layer)) for label, layer in layers)


def _attributes(part: Any) -> dict[str, Any]:
    """What an object holds, in slots too."""
    slots = {field.name: getattr(part, field.name, None) for field in fields(part)} if is_dataclass(part) else {}
    return {**slots, **getattr(part, "__dict__", {})}
