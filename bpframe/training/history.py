"""The history of a run: losses, metrics and settings, one value an epoch."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

Curves = dict[str, list[float]]


@dataclass
class History:
    """Curves by name: `train["loss"]`, `validation["accuracy"]`, one value an epoch.

    train: weighted means over the epoch's batches, in training mode, penalties excluded ("objective" includes them);
    metrics over all predictions of the epoch as they were made. validation: evaluation mode, end of the epoch; every
    curve is empty where no validation data were given. lr: that of the trainer's optimizer, without the multipliers of
    parameter groups, or of the first group's where every parameter follows an optimizer of its group.
    """

    train: Curves = field(default_factory=dict)
    validation: Curves = field(default_factory=dict)
    lr: list[float | None] = field(default_factory=list)
    step: list[int] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.step)

    def append(
        self, train: dict[str, float], validation: dict[str, float], lr: float | None, step: int, seconds: float
    ) -> None:
        """One more epoch; an epoch without validation between others that had it counts as NaN."""
        for curves, values in ((self.train, train), (self.validation, validation)):
            for name, value in values.items():
                curve = curves.setdefault(name, [])
                curve += [math.nan] * (len(self) - len(curve)) + [value]
        for name in train:
            if name != "objective":
                self.validation.setdefault(name, [])
        self.lr.append(lr)
        self.step.append(step)
        self.seconds.append(seconds)

    def curve(self, name: str) -> list[float]:
        """A curve by its whole name, "validation.loss"; empty before the first epoch."""
        part, _, curve = name.partition(".")
        curves: Curves = getattr(self, part)
        return curves.get(curve, [])

    def epochs(self) -> Iterator[dict[str, Any]]:
        """A record an epoch: epoch (from 1), step, lr, train, validation, seconds."""
        for i in range(len(self)):
            yield self.record(i)

    def record(self, i: int) -> dict[str, Any]:
        """The record of epoch number i (from 0; -1 is the latest)."""
        i = range(len(self))[i]
        return {
            "epoch": i + 1,
            "step": self.step[i],
            "lr": self.lr[i],
            "train": _at(self.train, i),
            "validation": _at(self.validation, i),
            "seconds": self.seconds[i],
        }

    def __repr__(self) -> str:
        curves = ", ".join(f"{kind}.{name}" for kind in ("train", "validation") for name in getattr(self, kind))
        return f"<History of {len(self)} epochs: {curves}>"


def _at(curves: Curves, i: int) -> dict[str, float]:
    return {name: curve[i] for name, curve in curves.items() if i < len(curve) and not math.isnan(curve[i])}
