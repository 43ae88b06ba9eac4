"""An engine whose sessions can be pickled, and which notes what each step reports.

scikit-learn weighs the losses of batches by their rows, not by their weights, so they are needed one by one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast, final

from bpframe import tree
from bpframe.protocols import Batches, Engine, Group, Losses
from bpframe.types import HostArray, Params


@final
class Lasting:
    """Runs on `engine`; `reports` holds (loss, penalty) of every step since it was last emptied."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.reports: list[tuple[float, float]] = []

    def session(
        self, network: Any, cost: Any, groups: Sequence[Group], parameters: Params, dtype: str, seed: int
    ) -> LastingSession:
        """A session of the engine, overheard."""
        return LastingSession(self, (network, cost), groups, parameters, (dtype, seed))

    def epoch(self, rows: int, size: int, scale: int) -> float:
        """sum_b n_b (loss_b / scale + penalty_b) / sum_b n_b over the batches b since the last call, of n_b rows.

        They are of `size` rows each, the last of an epoch of `rows` rows is what remains.
        """
        total, seen = 0.0, 0
        for b, (loss, penalty) in enumerate(self.reports):
            n = min(size, rows - b * size)
            total, seen = total + n * (loss / scale + penalty), seen + n
        self.reports.clear()
        return total / seen


@final
class LastingSession:
    """A session that notes its reports; pickled, it sleeps on a snapshot until it is asked for something."""

    def __init__(
        self, engine: Lasting, model: tuple[Any, Any], groups: Sequence[Group], start: Params, how: tuple[str, int]
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

    def commit(self) -> bool:
        """As the engine's own session."""
        return cast(bool, self._awake().commit())

    def use(self, groups: Sequence[Group]) -> None:
        """As the engine's own session."""
        self._groups = groups
        self._awake().use(groups)

    def run(self, batches: Batches, start: int, stop: int) -> Losses:
        """As the engine's own session; the losses and penalties are noted."""
        losses: Losses = self._awake().run(batches, start, stop)
        self._engine.reports += zip(losses.loss, losses.penalty, strict=True)
        return losses

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
        return self._engine.engine.session(network, cost, self._groups, params, *self._how)
