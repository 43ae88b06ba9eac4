"""Initial parameters that an estimator chooses: an engine that begins with them, in the place of the network's own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, final

from bpframe.protocols import Engine, Group, Session
from bpframe.protocols.traits import levels
from bpframe.types import Params


@final
class InitialParameters:
    """Runs on `engine`; `initial` maps the network's initial parameters to those of the first session, and is gone."""

    _initial: Callable[[Params], Params] | None

    def __init__(self, engine: Engine, initial: Callable[[Params], Params]) -> None:
        self.engine, self._initial = engine, initial

    @property
    def levels(self) -> tuple[str, ...]:
        """Those of the engine."""
        return tuple(levels(self.engine))

    def session(
        self, network: Any, cost: Any, groups: Sequence[Group], parameters: Params, dtype: str, seed: int
    ) -> Session:
        """A session of the engine."""
        if self._initial is not None:
            parameters, self._initial = self._initial(parameters), None
        return self.engine.session(network, cost, groups, parameters, dtype, seed)


def numpy_engine(engine: Engine) -> Any | None:
    """An estimator's engine if it is bpframe's own on NumPy, which predicts without a session."""
    engine = engine.engine if isinstance(engine, InitialParameters) else engine
    return engine if type(engine).__name__ == "NumpyEngine" else None
