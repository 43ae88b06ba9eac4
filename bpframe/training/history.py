"""The history of a run: losses, metrics and settings, one value an epoch."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from bpframe import layout

if TYPE_CHECKING:
    from bpframe.plot.canvas import Axes
    from bpframe.plot.theme import ThemeName

Curves = dict[str, list[float]]
MOST_ROWS = 20  # of a table that is printed
SELDOM = ("idle", "averaged", "notes")  # what most runs have none of


@dataclass
class History:
    """Curves by name: `train["loss"]`, `validation["accuracy"]`, one value an epoch.

    train: weighted means over the epoch's batches, in training mode, penalties excluded ("objective" includes them);
    metrics over all predictions of the epoch as they were made. validation: evaluation mode, end of the epoch; every
    curve is empty where no validation data were given. step: batches so far. lr: that of the trainer's optimizer,
    without the multipliers of parameter groups, or of the first group's where every parameter follows an optimizer of
    its group. data: (epoch from 1, digest) of the first epoch on other data than those before, in a trainer that goes
    on after its fit was written to a file. idle: of "train" and of "validation" the epochs (from 1) whose values say
    nothing new, since no update was made in them, or, of validation, since what predicts is an average that was not
    renewed. averaged: a digest of such averages after the latest epoch. notes: (epoch from 1, sentence) of what
    callbacks had to say.

    `history["validation.loss"]` is a curve by its whole name, `history["loss"]` the one of training; "epoch", "step",
    "lr" and "seconds" are there, too. Iteration gives a row an epoch, a dict from such names to values, so that
    `pandas.DataFrame(history)` is a table of them.
    """

    train: Curves = field(default_factory=dict)
    validation: Curves = field(default_factory=dict)
    lr: list[float | None] = field(default_factory=list)
    step: list[int] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    data: list[tuple[int, str]] = field(default_factory=list)
    idle: dict[str, list[int]] = field(default_factory=dict)
    averaged: str = ""
    notes: list[tuple[int, str]] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.step)

    def append(
        self, train: dict[str, float], validation: dict[str, float], lr: float | None, step: int, seconds: float
    ) -> None:
        """One more epoch; an epoch without validation between others that had it counts as NaN."""
        epochs = len(self.step)
        for curves, values in ((self.train, train), (self.validation, validation)):
            for name, value in values.items():
                curve = curves.setdefault(name, [])
                if len(curve) < epochs:
                    curve += [math.nan] * (epochs - len(curve))
                curve.append(value)
        for name in train:
            if name != "objective":
                self.validation.setdefault(name, [])
        self.lr.append(lr)
        self.step.append(step)
        self.seconds.append(seconds)

    def note_data(self, digest: str | None) -> None:
        """From the next epoch on the data are others, of this digest; None: they are not."""
        epoch = len(self) + 1
        self.data = [note for note in self.data if note[0] != epoch] + ([(epoch, digest)] if digest else [])

    def note_idle(self, *parts: str) -> None:
        """The latest epoch says nothing new of the curves of these parts."""
        for part in parts:
            self.idle.setdefault(part, []).append(len(self))

    def is_idle(self, name: str, epoch: int) -> bool:
        """Whether an epoch (from 1) says nothing new of a curve, by its whole name."""
        return epoch in self.idle.get(name.partition(".")[0], ())

    def saved(self) -> dict[str, Any]:
        """All that it holds, as arguments of a new one; what is empty in most runs is left out where it is."""
        return {name: value for name, value in vars(self).items() if value or name not in SELDOM}

    def curve(self, name: str) -> list[float]:
        """A curve by its whole name, "validation.loss"; empty before the first epoch."""
        part, _, curve = name.partition(".")
        curves: Curves = getattr(self, part)
        return curves.get(curve, [])

    def epochs(self) -> Iterator[dict[str, Any]]:
        """A record an epoch: epoch (from 1), step, lr, train, validation, seconds; data and notes if there are some."""
        for i in range(len(self)):
            yield self.record(i)

    def record(self, i: int) -> dict[str, Any]:
        """The record of epoch number i (from 0; -1 is the latest)."""
        i = range(len(self))[i]
        record: dict[str, Any] = {
            "epoch": i + 1,
            "step": self.step[i],
            "lr": self.lr[i],
            "train": _at(self.train, i),
            "validation": _at(self.validation, i),
            "seconds": self.seconds[i],
        }
        data, notes = dict(self.data), [sentence for epoch, sentence in self.notes if epoch == i + 1]
        record |= {"data": data[i + 1]} if i + 1 in data else {}
        return record | {"notes": notes} if notes else record

    def row(self, i: int) -> dict[str, Any]:
        """Epoch number i (from 0; -1 is the latest) in one level: epoch, step, lr, every curve by name, seconds."""
        i = range(len(self))[i]
        curves = {name: curve[i] if i < len(curve) else math.nan for name, curve in self._curves().items()}
        return {"epoch": i + 1, "step": self.step[i], "lr": self.lr[i], **curves, "seconds": self.seconds[i]}

    def keys(self) -> list[str]:
        """The whole names of all columns, in the order of a row."""
        return list(self._columns())

    def __getitem__(self, name: str) -> list[Any]:
        """A column: a curve by its whole name, or one of training by its short name; "epoch", "step", "lr", ..."""
        columns = self._columns()
        for key in (name, f"train.{name}"):
            if key in columns:
                return columns[key]
        from difflib import get_close_matches  # by errors alone

        word = str(name).replace("val_", "validation.")
        close = [*filter(columns.__contains__, [word]), *get_close_matches(word, columns, n=1)][:1]
        hint = f" Did you mean '{close[0]}'?" if close else ""
        raise KeyError(f"The history has no curve {name!r}.{hint} Curves: {', '.join(columns)}.")

    def __contains__(self, name: object) -> bool:
        columns = self._columns()
        return name in columns or f"train.{name}" in columns

    def __iter__(self) -> Iterator[dict[str, Any]]:
        columns = self._columns()
        return (dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True))

    def plot(
        self,
        curves: Sequence[str] | None = None,
        *,
        x: Literal["epoch", "step", "seconds"] = "epoch",
        best: str | None = None,
        axes: Sequence[Axes] | None = None,
        theme: ThemeName | None = None,
    ) -> list[Axes]:
        """A panel for each curve, of training and validation, the best epoch marked: `bpframe.plot.training_panels`."""
        from bpframe.plot.training_curves import training_panels  # imported by those who plot

        return training_panels(self, curves, x=x, best=best, axes=axes, theme=theme)

    def __repr__(self) -> str:
        curves = ", ".join(f"{kind}.{name}" for kind in ("train", "validation") for name in getattr(self, kind))
        return f"<History of {len(self)} epochs: {curves}>"

    def __str__(self) -> str:
        header, rows = self._table()
        return "\n".join(layout.text_table(header, rows, layout.terminal_width(), numbers=len(header)))

    def svg(self) -> str:
        """The curves of the loss, of training and validation, as a small drawing for a notebook; "" of one epoch."""
        from bpframe.curve_svg import curves_svg  # imported by those who look at it

        curves = {part: getattr(self, part).get("loss", []) for part in ("train", "validation")}
        return curves_svg(curves, "loss")

    def _repr_html_(self) -> str:
        return self.svg() + layout.html_table(*self._table())

    def _table(self) -> tuple[list[str], list[list[str]]]:
        """(header, rows) for display: the first and last epochs; curves before what else there is."""
        columns = self._columns()
        if self.train.get("objective") == self.train.get("loss"):
            columns.pop("train.objective", None)
        names = ["epoch", *(name for name in columns if "." in name), "lr", "step", "seconds"]
        epochs = layout.excerpt(len(self), MOST_ROWS)
        return names, [["..." if i is None else _text(columns[name][i]) for name in names] for i in epochs]

    def _curves(self) -> Curves:
        """Every curve that has values, by its whole name."""
        parts = {"train": self.train, "validation": self.validation}
        return {f"{part}.{name}": curve for part, curves in parts.items() for name, curve in curves.items() if curve}

    def _columns(self) -> dict[str, list[Any]]:
        """Every column by name, each as long as the history."""
        n = len(self)
        curves = {name: curve + [math.nan] * (n - len(curve)) for name, curve in self._curves().items()}
        return {"epoch": list(range(1, n + 1)), "step": self.step, "lr": self.lr, **curves, "seconds": self.seconds}


def _text(value: float | None) -> str:
    return "" if value is None else str(value) if isinstance(value, int) else f"{value:.4g}"


def _at(curves: Curves, i: int) -> dict[str, float]:
    return {name: curve[i] for name, curve in curves.items() if i < len(curve) and not math.isnan(curve[i])}
