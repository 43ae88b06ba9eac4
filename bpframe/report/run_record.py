"""The record of a run: what a report knows of it, wherever that was read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, final

import numpy as np

from bpframe.report.measurement import ModelMeasurement
from bpframe.types import HostArray


@final
@dataclass(frozen=True)
class RunRecord:
    """A run to report.

    config, lock: their tables; texts: the files of both, by name, for those who run it again. curves: by whole
    name, a value an epoch; epochs, seconds: how many, and what they took. notes: (epoch from 1, sentence) of
    callbacks; oddities: what is odd about its data. layers: (label, component, output, parameters) of each. part,
    result: loss and metrics on the part that was measured at the end. measurement: what its model gets right and
    wrong, or in `unmeasured` why there is none; left_out: whether its model was not looked at, since others were
    enough. times: of the run, by what has them; environment: where it was, each by name.
    """

    name: str
    config: Mapping[str, Any]
    lock: Mapping[str, Any] = field(default_factory=dict)
    texts: Mapping[str, str] = field(default_factory=dict)
    curves: Mapping[str, HostArray] = field(default_factory=dict)
    epochs: int = 0
    seconds: float = 0.0
    notes: Sequence[tuple[int, str]] = ()
    layers: Sequence[Sequence[str]] = ()
    part: str = ""
    result: Mapping[str, float] = field(default_factory=dict)
    measurement: ModelMeasurement | None = None
    unmeasured: str = ""
    left_out: bool = False
    oddities: Sequence[str] = ()
    times: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)

    def with_curves(self, curves: Mapping[str, HostArray], epochs: int) -> RunRecord:
        """The same after so many epochs."""
        return replace(self, curves=curves, epochs=epochs)

    @property
    def monitored(self) -> str:
        """The curve by which its epochs are compared."""
        return "validation.loss" if "validation.loss" in self.curves else "train.loss"

    @property
    def best_epoch(self) -> int | None:
        """The epoch, from 1, of the least value of that curve; None where it has no value."""
        curve = self.curves.get(self.monitored)
        return None if curve is None or np.isnan(curve).all() else int(np.nanargmin(curve)) + 1
