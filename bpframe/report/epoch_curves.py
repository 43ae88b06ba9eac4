"""Curves of a run by name, put together epoch by epoch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, final

import numpy as np

from bpframe.types import HostArray

Record = Mapping[str, Any]  # of an epoch, as a line of a history file has it
NO_CURVES = ("epoch", "step", "seconds")  # numbers of a record that count, and times, which have a place of their own


@final
class EpochCurves:
    """The curves of the records so far.

    `seconds`: what these epochs took, all together; `latest`: the last record; `notes`: (epoch from 1, sentence) of
    what callbacks have said.

    Every number of a record makes a curve, those of tables inside too, by its whole name: "validation.loss", "lr",
    "dense_1.weight_norm". Texts and lists make none.
    """

    def __init__(self, records: Iterable[Record] = ()) -> None:
        self._values: dict[str, list[float]] = {}
        self._length = 0
        self.seconds = 0.0
        self.latest: Record = {}
        self.notes: list[tuple[int, str]] = []
        self.extend(records)

    def __len__(self) -> int:
        return self._length

    def extend(self, records: Iterable[Record]) -> None:
        """More epochs."""
        for record in records:
            for name, value in _numbers(record):
                curve = self._values.setdefault(name, [])
                if len(curve) < self._length:  # it was not measured for a while
                    curve += [np.nan] * (self._length - len(curve))
                curve.append(value)
            self._length += 1
            self.notes += [(self._length, str(sentence)) for sentence in record.get("notes", ())]
            self.seconds += record.get("seconds") or 0.0
            self.latest = record

    def values(self, name: str) -> Sequence[float]:
        """A curve by its whole name, as far as it goes; empty where there is none."""
        return self._values.get(name, [])

    def arrays(self) -> dict[str, HostArray]:
        """Every curve, a value an epoch, NaN where there is none; without an objective that is the loss itself."""
        found = {name: np.array(curve, dtype=float) for name, curve in self._values.items()}
        found = {
            name: np.concatenate([curve, np.full(self._length - len(curve), np.nan)]) for name, curve in found.items()
        }
        objective, loss = found.get("train.objective"), found.get("train.loss")
        if objective is not None and loss is not None and np.array_equal(objective, loss, equal_nan=True):
            del found["train.objective"]
        return found


def _numbers(record: Record, before: str = "") -> Iterator[tuple[str, float]]:
    """(whole name, value) of each number of a record that makes a curve; null is NaN."""
    for name, value in record.items():
        if isinstance(value, Mapping):
            yield from _numbers(value, f"{before}{name}.")
        elif value is None:
            yield before + name, np.nan
        elif type(value) in (int, float) and (before or name not in NO_CURVES):
            yield before + name, value
