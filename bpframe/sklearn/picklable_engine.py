"""An engine whose sessions can be pickled, and may start from other values than the network's own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast, final

from bpframe import tree
from bpframe.protocols import Engine, Group
from bpframe.types import HostArray, Params


@final
class Lasting:
    """Runs on `engine`; `first` gives the parameters that a session begins with, from those of the network."""

    def __init__(self, engine: Engine, first: Callable[[Params], Params] | None = None) -> None:
        self.engine, self._first = engine, first

    def session(
        self, network: Any, cost: Any, groups: Sequence[Group], parameters: Params, dtype: str, seed: int
    ) -> LastingSession:
        """A session of the engine."""
        if self._first is not None:
            parameters, self._first = self._first(parameters), None
        return LastingSession(self.engine, (network, cost), groups, parameters, (dtype, seed))


@final
class LastingSession:
    """A session that, pickled, sleeps on a snapshot until it is asked for something."""

    def __init__(
        self, engine: Engine, model: tuple[Any, Any], groups: Sequence[Group], start: Params, how: tuple[str, int]
    ) -> None:
        self._engine, self._model, self._groups, self._how = engine, model, groups, how
        self._names = list(tree.flatten(start))  # their order is that of the groups; a snapshot may have another
        self._asleep: tuple[dict[str, HostArray], int] | None = None
        self._session: Any = self._opened(start)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):  # not there yet while a pickle is read
            raise AttributeError(name)
        return getattr(self._awake(), name)

    @property
    def step(self) -> int:
        """As the engine's own session."""
        return cast(int, self._awake().step)

    def use(self, groups: Sequence[Group]) -> None:
        """As the engine's own session."""
        self._groups = groups
        self._awake().use(groups)

    def __getstate__(self) -> dict[str, Any]:
        asleep = self._asleep or (self._session.snapshot(), self._session.step)
        return {**vars(self), "_session": None, "_asleep": asleep}

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        vars(self).update(state)

    def _awake(self) -> Any:
        if self._asleep is not None:
            arrays, step = self._asleep
            self._session = self._opened(tree.nest({name: arrays[f"parameters/{name}"] for name in self._names}))
            self._session.restore(arrays, step)
            self._asleep = None
        return self._session

    def _opened(self, start: Params) -> Any:
        network, cost = self._model
        params = {**{label: {} for label in network.labels}, **start}
        return self._engine.session(network, cost, self._groups, params, *self._how)
