"""Data sets by name: the bundled digits and the generators.  N rows, n inputs."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from bpframe.data.arguments import suggestion
from bpframe.data.sources.generators import moons, noisy_sine, spiral, two_clusters, xor
from bpframe.data.sources.handwritten import digits
from bpframe.errors import ConfigError
from bpframe.types import HostArray

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
