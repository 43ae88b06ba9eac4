"""Data sets: bundled digits, generated toy problems, files, and splits.

    from bpframe import datasets

    x, y = datasets.moons(points=400, noise=0.1, seed=1)
    train, test = datasets.split(y, 0.2, "stratified", seed=0)

Shapes: x (N, n) inputs, y (N,) labels or numbers.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from bpframe.datasets.arguments import suggestion
from bpframe.datasets.files import read, read_inputs
from bpframe.datasets.generators import moons, noisy_sine, spiral, two_clusters, xor
from bpframe.datasets.handwritten import digits
from bpframe.datasets.splits import split
from bpframe.errors import ConfigError
from bpframe.types import HostArray

__all__ = [
    "digits",
    "load",
    "moons",
    "noisy_sine",
    "read",
    "read_inputs",
    "spiral",
    "split",
    "two_clusters",
    "xor",
]

BY_NAME: dict[str, Callable[..., tuple[HostArray, HostArray]]] = {
    "digits": digits,
    "moons": moons,
    "noisy_sine": noisy_sine,
    "spiral": spiral,
    "two_clusters": two_clusters,
    "xor": xor,
}


def load(name: str, /, **arguments: Any) -> tuple[HostArray, HostArray]:
    """x (N, n) and y (N,) of the data set of that name: `load("moons", points=400)` is `moons(points=400)`.

    Errors: ConfigError for a name or an argument that does not exist.
    """
    if name not in BY_NAME:
        raise ConfigError(f"No data set named {name!r}.{suggestion(name, BY_NAME)} There are: {', '.join(BY_NAME)}.")
    known = list(inspect.signature(BY_NAME[name]).parameters)
    for argument in arguments:
        if argument not in known:
            takes = f"the arguments {', '.join(known)}" if known else "no arguments"
            raise ConfigError(f"Data set '{name}' takes {takes}, got {argument!r}.{suggestion(argument, known)}")
    return BY_NAME[name](**arguments)
