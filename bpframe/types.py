"""Type aliases and protocols for arrays, trees of arrays, shapes and settings.

`Array` is structural: NumPy and JAX arrays satisfy it alike. Component code asks an array for its own namespace,
`xp = x.__array_namespace__()`, and speaks the vocabulary of the Python Array API standard (2024.12).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal, Protocol

import numpy as np


class Namespace(Protocol):
    """What `x.__array_namespace__()` gives: the functions of the Array API standard."""

    def __getattr__(self, name: str, /) -> Callable[..., Array]:
        """The standard's function of that name."""


class Array(Protocol):
    """An array of any library that follows the Python Array API standard."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Length of each axis."""

    @property
    def dtype(self) -> Any:
        """The library's own data type object."""

    @property
    def ndim(self) -> int:
        """Number of axes."""

    @property
    def size(self) -> int:
        """Number of elements."""

    @property
    def T(self) -> Array:  # noqa: N802  (the standard's own name)
        """The transposed matrix."""

    def __array_namespace__(self, *, api_version: Any = None) -> Namespace: ...
    def __getitem__(self, key: Any, /) -> Array: ...
    def __add__(self, other: Any, /) -> Array: ...
    def __radd__(self, other: Any, /) -> Array: ...
    def __sub__(self, other: Any, /) -> Array: ...
    def __rsub__(self, other: Any, /) -> Array: ...
    def __mul__(self, other: Any, /) -> Array: ...
    def __rmul__(self, other: Any, /) -> Array: ...
    def __truediv__(self, other: Any, /) -> Array: ...
    def __rtruediv__(self, other: Any, /) -> Array: ...
    def __pow__(self, other: Any, /) -> Array: ...
    def __matmul__(self, other: Any, /) -> Array: ...
    def __lt__(self, other: Any, /) -> Array: ...
    def __le__(self, other: Any, /) -> Array: ...
    def __gt__(self, other: Any, /) -> Array: ...
    def __ge__(self, other: Any, /) -> Array: ...
    def __neg__(self) -> Array: ...
    def __abs__(self) -> Array: ...
    def __float__(self) -> float: ...


HostArray = np.ndarray[Any, Any]  # where host code draws, checks or saves: always NumPy
Arrays = Array | Mapping[str, Array]  # batch first: an input or a target may be a dict of arrays
Params = dict[str, Any]  # nested dict of arrays; what stands under the key "buffers" is not trained
Objective = Callable[[HostArray], tuple[float, HostArray]]  # p (n,) -> (value, gradient (n,))
State = dict[str, Any]  # what an update rule remembers: a nested dict of arrays
Cache = Any  # what a layer's forward leaves for backward of the same step; never saved
Shape = tuple[int, ...]  # without the batch axis
Hyper = Any  # current values of a component's settings: attributes named like its constructor's arguments
TuningSpace = Mapping[str, Any]  # where settings are searched, by name; see `bpframe.protocols.WithTuningSpace`
Scope = Literal["element", "array"]  # an update rule works on any slice of a flat vector | on one whole parameter
