"""The trainer's parameters as a mapping."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping
from typing import Any, final

from bpframe.data.arrays import dense, numbers
from bpframe.errors import ShapeError
from bpframe.protocols import Session
from bpframe.types import HostArray


@final
class Parameters(MutableMapping[str, HostArray]):
    """Parameters and buffers by "layer/name": reading gives a copy, setting checks and replaces; none goes."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def __getitem__(self, name: str) -> HostArray:
        return self._known(name)

    def __setitem__(self, name: str, value: Any) -> None:
        self._session.assign({name: self._fitting(name, value)})

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

    def replace(self, values: Mapping[str, Any]) -> None:
        """Set every parameter at once; none changes if one is missing or does not fit."""
        if missing := [name for name in self if name not in values]:
            raise ShapeError(f"The network needs a value for '{missing[0]}', which is missing.")
        self._session.assign({name: self._fitting(name, value) for name, value in values.items()})

    def _known(self, name: str) -> HostArray:
        values = self._session.parameters
        if name not in values:
            raise KeyError(f"There is no parameter '{name}'. Parameters: {', '.join(values)}.")
        return values[name]

    def _fitting(self, name: str, value: Any) -> HostArray:
        old, array = self._known(name), dense(value, f"parameter '{name}'")
        if array.shape != old.shape:
            raise ShapeError(f"Parameter '{name}' needs shape {old.shape}, got {array.shape}.")
        return numbers(array, old.dtype.name, f"parameter '{name}'")
