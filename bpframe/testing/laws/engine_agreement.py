"""Agreement of engines: a short training gives the same losses, scores and parameters as on engine numpy.

Rounding differs from engine to engine, and a training may magnify it: where float32 differs by more than rounding does,
the same training in float64 decides, if the engine has it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from bpframe.errors import CheckFailed
from bpframe.testing.laws.comparison import max_abs, require_close
from bpframe.training.trainer import Trainer
from bpframe.types import HostArray

REFERENCE = "numpy"
TOLERANCES = {"float32": 2e-3, "float64": 1e-6}  # relative to the largest number of an array
ROUNDING = 1e-9  # up to which a parameter that began at 0 may be rounding: of a bias whose slopes cancel
Outcome = dict[str, HostArray]  # curves, scores and parameters, by what they are called


class Training(NamedTuple):
    """A trainer after its fit, and the rows that it was fitted to."""

    trainer: Trainer
    x: HostArray

    @property
    def outcome(self) -> Outcome:
        """What engines must agree about."""
        history = self.trainer.history
        parts = {"train": history.train, "validation": history.validation}
        curves = {f"{part} {name}": values for part, curves in parts.items() for name, values in curves.items()}
        arrays = {name: np.asarray(values, dtype=np.float64) for name, values in curves.items()}
        return arrays | {"scores": self.trainer.scores(self.x), **self.trainer.parameters.copy()}


def require_agreement(engine: str, train: Callable[[str, str], Training]) -> Training:
    """The training on the engine, in float32; CheckFailed where it is not that of engine numpy.

    `train(engine, dtype)` makes it.
    """
    made = train(engine, "float32")
    if engine == REFERENCE:
        return made
    try:
        _compare(engine, made.outcome, train(REFERENCE, "float32").outcome, TOLERANCES["float32"])
    except CheckFailed:
        try:
            exact = train(engine, "float64").outcome
        except Exception:
            exact = None  # it has no float64
        if exact is None:
            raise
        _compare(engine, exact, train(REFERENCE, "float64").outcome, TOLERANCES["float64"])
    return made


def _compare(engine: str, got: Outcome, want: Outcome, tolerance: float) -> None:
    if got.keys() != want.keys():
        raise CheckFailed(f"{engine} must give {sorted(want)}, got {sorted(got)}")
    for name, array in want.items():
        scale = max(ROUNDING, max_abs(array[np.isfinite(array)]))
        title, pair = f"{name} on {engine}, compared with {REFERENCE},", _known(got[name], array)
        require_close(title, *pair, tolerance, tolerance * scale)


def _known(got: HostArray, want: HostArray) -> tuple[HostArray, HostArray]:
    """Both with 0 where both are NaN: an epoch has no value on the curve of what is not measured at each step."""
    unknown = np.isnan(want) & np.isnan(got) if got.shape == want.shape else False
    return np.where(unknown, 0.0, got), np.where(unknown, 0.0, want)
