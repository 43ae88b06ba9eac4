"""A picklable engine: wraps another engine so that its sessions can be pickled and can start from any parameters."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast, final

from bpframe import tree
from bpframe.protocols import Engine, Group
from bpframe.types import HostArray, Params


@final
class PicklableEngine:
    """Runs on `engine`; `initial` maps the network's initial parameters to those of the first session."""

    def __init__(self, engine: Engine, initial: Callable[[Params], Params] | None = None) -> None:
        self.engine, self._initial = engine, initial

    def session(
        self, network: Any, cost: Any, groups: Sequence[Group], parameters: Params, dtype: str, seed: int
    ) -> PicklableSession:
        """A session of the engine."""
        if self._initial is not None:
            parameters, self._initial = self._initial(parameters), None
        return PicklableSession(self.engine, (network, cost), groups, parameters, (dtype, seed))


@final
class PicklableSession:
    """A session that pickles as a snapshot and is restored lazily, at its first use."""

    def __init__(
        self, engine: Engine, model: tuple[Any, Any], groups: Sequence[Group], start: Params, options: tuple[str, int]
    ) -> None:
        self._engine, self._model, self._groups, self._options = engine, model, groups, options
        self._names = list(tree.flatten(start))  # their order is that of the groups; a snapshot may have another
        self._snapshot: tuple[dict[str, HostArray], int] | None = None
        self._session: Any = self._create_session(start)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):  # attributes are missing while a pickle is loaded
            raise AttributeError(name)
        return getattr(self._live_session(), name)

    @property
    def step(self) -> int:
        """As the engine's own session."""
        return cast(int, self._live_session().step)

    def use(self, groups: Sequence[Group]) -> None:
        """As the engine's own session."""
        self._groups = groups
        self._live_session().use(groups)

    def __getstate__(self) -> dict[str, Any]:
        snapshot = self._snapshot or (self._session.snapshot(), self._session.step)
        return {**vars(self), "_session": None, "_snapshot": snapshot}

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        vars(self).update(state)

    def _live_session(self) -> Any:
        if self._snapshot is not None:
            arrays, step = self._snapshot
            self._session = self._create_session(
                tree.nest({name: arrays[f"parameters/{name}"] for name in self._names})
            )
            self._session.restore(arrays, step)
            self._snapshot = None
        return self._session

    def _create_session(self, start: Params) -> Any:
        network, cost = self._model
        params = {**{label: {} for label in network.labels}, **start}
        return self._engine.session(network, cost, self._groups, params, *self._options)
