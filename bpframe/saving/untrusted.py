"""Checks of an untrusted model file before memory is allocated: the sizes of its network, and its labels."""

from __future__ import annotations

import math
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, fields, is_dataclass
from typing import Any, final

import numpy as np

from bpframe import tree
from bpframe.errors import CheckpointError, ConfigError
from bpframe.network.network import Network
from bpframe.types import HostArray, Shape

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


def refuse_other_sizes(found: Mapping[str, Any], tensors: Mapping[str, HostArray]) -> None:
    """CheckpointError unless the tensors have the names and shapes of the network's; nothing is allocated for it."""
    limit = max([SMALL, *(array.size for array in tensors.values())])
    network = deepcopy(Network(found["network"], inputs=found["input_shape"]))  # a private copy: it is changed below
    _replace_initializers(network, _BoundedZeros(limit))
    shape = network.inputs
    if shape is None or math.prod(shape) > limit:
        raise CheckpointError(f"its rows need a shape of {limit} values at most, got {found['input_shape']}.")
    try:
        params = network.init(0, shape)[0]
    except ConfigError as error:  # of sizes that no file has
        raise CheckpointError(f"its network cannot be made: {error}") from None
    wanted = {"/".join(path): np.shape(leaf) for path, leaf in tree.leaves(params)}
    given = {name: array.shape for name, array in tensors.items()}
    if other := sorted(wanted.items() ^ given.items()):
        name = other[0][0]
        raise CheckpointError(f"'{name}' needs shape {wanted.get(name)}, got {given.get(name)}.")


def refuse_other_labels(learned: Mapping[str, Any]) -> None:
    """CheckpointError unless the classes are texts, integers or truth values, in a dtype that holds them."""
    for head in learned.get("heads", {}).values():
        refuse_other_labels(head)
    if "classes" not in learned:
        return
    classes, dtype = np.asarray(learned["classes"]), np.dtype(learned["dtype"])
    fits = classes.dtype.kind in "biuU" and dtype.kind in "biuUO" and dtype.itemsize <= max(8, classes.dtype.itemsize)
    if classes.ndim != 1 or not classes.size or not fits or not np.array_equal(classes.astype(dtype), classes):
        raise CheckpointError("its classes need to be labels of one type, in a dtype that holds them.")


def _attributes(part: Any) -> dict[str, Any]:
    """What an object holds, in slots too."""
    slots = {field.name: getattr(part, field.name, None) for field in fields(part)} if is_dataclass(part) else {}
    return {**slots, **getattr(part, "__dict__", {})}


def _replace_initializers(network: Network, sized: _BoundedZeros) -> None:
    """Replace every initializer in a network and its nested parts by `sized`."""
    stack: list[Any] = [network]
    visited: set[int] = set()
    while stack:
        part = stack.pop()
        if id(part) in visited:  # shared parts could otherwise make the number of visits exponential
            continue
        visited.add(id(part))
        if isinstance(part, list | tuple):
            stack += part
        elif isinstance(part, Network) or is_dataclass(part):
            for name, value in _attributes(part).items():
                if name.endswith("initializer"):
                    object.__setattr__(part, name, sized)
                else:
                    stack.append(value)
