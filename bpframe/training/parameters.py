"""The parameters and buffers of a trainer as a mapping from names to arrays."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, MutableMapping
from typing import Any, final

from bpframe.data.arrays import as_numbers
from bpframe.data.dense import as_dense
from bpframe.errors import ShapeError
from bpframe.protocols import Session
from bpframe.types import HostArray

Projection = Callable[[Mapping[str, HostArray]], Mapping[str, HostArray]]


@final
class Values:
    """Values by name that belong to no session, in the place of one."""

    def __init__(self, values: dict[str, HostArray]) -> None:
        self._values = values

    @property
    def parameters(self) -> dict[str, HostArray]:
        """Copies of all of them."""
        return {name: value.copy() for name, value in self._values.items()}

    def assign(self, values: Mapping[str, HostArray]) -> None:
        """Other values for some of them."""
        self._values.update({name: value.copy() for name, value in values.items()})


@final
class Parameters(MutableMapping[str, HostArray]):
    """Parameters and buffers by "layer/name", in the layers' order.

    Reading gives a copy; setting checks shape and numbers and replaces the value in the model; deleting is a TypeError,
    since the network needs every one. `replace` sets all at once, `copy` gives all as a dict. A value outside of the
    set in which the trainer keeps a parameter is projected. A pickle or deep copy of it has values of its own.
    """

    def __init__(self, session: Session | Values, project: Projection | None = None) -> None:
        """`project`: puts values to be set in the sets in which they are kept."""
        self._session, self._project = session, project

    def __reduce__(self) -> Any:
        return Parameters, (Values(self.copy()),)  # a copy stands on its own

    def __getitem__(self, name: str) -> HostArray:
        return self._value(name)

    def __setitem__(self, name: str, value: object) -> None:
        self._assign({name: _checked(name, value, self._value(name))})

    def __delitem__(self, name: str) -> None:
        raise TypeError(f"Parameter '{name}' cannot be deleted: the network needs it.")

    def __iter__(self) -> Iterator[str]:
        return iter(self._session.parameters)

    def __len__(self) -> int:
        return len(self._session.parameters)

    def __repr__(self) -> str:
        return "\n".join(f"{name}: {value.dtype} {value.shape}" for name, value in self.items())

    def copy(self) -> dict[str, HostArray]:
        """Every parameter, as a dict of copies."""
        return self._session.parameters

    def replace(self, values: Mapping[str, object]) -> None:
        """Set every parameter at once; none changes if one is missing or does not fit."""
        present = self._session.parameters  # once: each look copies all
        if missing := [name for name in present if name not in values]:
            raise ShapeError(f"The network needs a value for '{missing[0]}', which is missing.")
        self._assign({name: _checked(name, value, _at(present, name)) for name, value in values.items()})

    def _assign(self, values: dict[str, HostArray]) -> None:
        self._session.assign(self._project(values) if self._project else values)

    def _value(self, name: str) -> HostArray:
        return _at(self._session.parameters, name)


def _at(present: Mapping[str, HostArray], name: str) -> HostArray:
    if name not in present:
        raise KeyError(f"There is no parameter '{name}'. Parameters: {', '.join(present)}.")
    return present[name]


def _checked(name: str, value: object, old: HostArray) -> HostArray:
    """The new value in the dtype of the old one, if it has its shape."""
    array = as_dense(value, f"parameter '{name}'")
    if array.shape != old.shape:
        raise ShapeError(f"Parameter '{name}' needs shape {old.shape}, got {array.shape}.")
    return as_numbers(array, old.dtype.name, f"parameter '{name}'")
