"""The learning rate range test: which rates are too small to learn, and which too large to stay stable.

Source: Smith (2017), arXiv:1506.01186, section 3.3; the rate grows by a constant factor an update, as is usual since.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, final

import numpy as np
from numpy.typing import ArrayLike

from bpframe import checks, layout
from bpframe.data.arrays import Targets
from bpframe.data.class_weight import ClassWeight
from bpframe.engine.learning_rates import rates, with_rate
from bpframe.errors import ConfigError, NumericalError
from bpframe.training.hook_marker import hookimpl
from bpframe.training.run_state import RunState, means
from bpframe.training.spec import TrainerSpec
from bpframe.training.trainer import Trainer
from bpframe.types import HostArray

if TYPE_CHECKING:
    from bpframe.plot.canvas import Axes
    from bpframe.plot.theme import ThemeName

SMOOTHING = 0.9  # weight of the past in the running mean of losses
MOST_ROWS = 25  # of a table that is printed, or one more
DIVERGED = 4.0  # how many times its least value the smoothed loss may reach


@final
@dataclass(frozen=True)
class Geometric:
    """A schedule: lr(t) = lowest (highest / lowest)^(t / (steps - 1)), t counting updates."""

    lowest: float
    highest: float
    steps: int

    def value(self, step: int) -> float:
        """The rate after `step` updates."""
        return float(self.lowest * (self.highest / self.lowest) ** (step / (self.steps - 1)))


@final
@dataclass(repr=False)
class LrRange:
    """The outcome of a learning rate range test: `lr`, the rates tried in order, and `loss`, the smoothed loss at each.

    The loss is a bias-corrected running mean over steps. Printing gives a table. `suggestion`: a tenth of the rate at
    which the smoothed loss is least, which leaves room before it grows; None where it never falls.
    """

    lr: list[float] = field(default_factory=list)
    loss: list[float] = field(default_factory=list)

    @property
    def suggestion(self) -> float | None:
        """A rate to start with."""
        least = self.loss.index(min(self.loss)) if self.loss else 0
        return self.lr[least] / 10 if least else None

    def __repr__(self) -> str:
        return f"<LrRange of {len(self.lr)} rates, suggestion: {self._best()}>"

    def __str__(self) -> str:
        header, rows = self._table()
        return "\n".join([*layout.text_table(header, rows, numbers=2), f"suggestion: {self._best()}"])

    def _repr_html_(self) -> str:
        return layout.html_table(*self._table(), f"suggestion: {self._best()}")

    def plot(self, *, ax: Axes | None = None, theme: ThemeName | None = None) -> Axes:
        """The loss over the rates, and the suggestion: `bpframe.plot.lr_range_curve`."""
        from bpframe.plot.lr_range_curve import lr_range_curve  # imported by those who plot

        return lr_range_curve(self, ax=ax, theme=theme)

    def _best(self) -> str:
        return "none" if self.suggestion is None else f"{self.suggestion:.3g}"

    def _table(self) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
        """(header, rows) for display: rates at even distances where there are many, and the one of the least loss."""
        least = self.loss.index(min(self.loss)) if self.loss else 0
        every = -(-len(self.lr) // MOST_ROWS) or 1
        shown = [i for i in range(len(self.lr)) if i % every == 0 or i == least]
        return ("lr", "loss"), [(f"{self.lr[i]:.3g}", f"{self.loss[i]:.6g}") for i in shown]


@final
class _Recorder:
    """Records the smoothed loss after each update, and stops where it has left its minimum far behind.

    An update is that of `period` batches, whose losses count by their weights, as those of one batch would.
    """

    def __init__(self, growing: Geometric, period: int) -> None:
        self.growing, self.outcome, self._mean, self._period = growing, LrRange(), 0.0, period
        self._batches: list[HostArray] = []  # (3, 1) values of each, since the last update

    @hookimpl
    def bpframe_batch_end(self, state: RunState) -> None:
        """One more rate, where a batch ends in an update."""
        assert state.latest is not None  # a step was made
        self._batches.append(state.latest)
        if len(self._batches) < self._period:
            return
        loss, self._batches = means(np.concatenate(self._batches, axis=1))[0], []
        n = len(self.outcome.lr) + 1
        self._mean = SMOOTHING * self._mean + (1 - SMOOTHING) * loss
        self.outcome.lr.append(self.growing.value(n - 1))
        self.outcome.loss.append(self._mean / (1 - SMOOTHING**n))
        if n == self.growing.steps:
            state.stop("every rate has been tried")
        elif self.outcome.loss[-1] > DIVERGED * min(self.outcome.loss):
            state.stop("the loss diverges")


def lr_range_test(
    trainer: Trainer,
    x: ArrayLike,
    y: Targets,
    *,
    lowest: float = 1e-6,
    highest: float = 10.0,
    steps: int = 100,
    batch_size: int = 32,
    sample_weight: ArrayLike | None = None,
    class_weight: ClassWeight = None,
) -> LrRange:
    """Train a copy of the trainer for `steps` updates while its learning rate grows from lowest to highest.

    Each rate is that of one update, its loss that of the batches which the update follows: one, or, under accumulate,
    those that are gathered for it.

    Rules inside the optimizer and those of parameter groups grow with it: their rates stay in the ratio that they have
    to its own. Weights are those of `Trainer.fit`. The trainer itself stays as it is. Ends early where the loss
    diverges or stops being finite. ConfigError for a rule without a learning rate.
    """
    checks.positive("lr_range_test", lowest=lowest)
    checks.finite("lr_range_test", highest=highest)
    checks.whole("lr_range_test", 2, steps=steps)
    if not highest > lowest:
        raise ConfigError(f"lr_range_test needs highest above lowest ({lowest:g}), got {highest:g}.")
    growing = Geometric(lowest, highest, steps)
    period = trainer.spec.period
    recorder = _Recorder(growing, period)
    twin = _twin(trainer, **_growing_rates(trainer.spec, growing), metrics=[], callbacks=[recorder])
    weights: dict[str, Any] = {"sample_weight": sample_weight, "class_weight": class_weight}
    with suppress(NumericalError):
        twin.fit(x, y, epochs=steps * period, batch_size=batch_size, verbose=0, **weights)
    return recorder.outcome


def _growing_rates(spec: TrainerSpec, growing: Geometric) -> dict[str, Any]:
    """The optimizer, and the groups, with rates that grow in the ratio that they have now."""
    main = next(rates(spec.optimizer))
    groups = tuple(
        replace(group, optimizer=with_rate(group.optimizer, growing, main)) if group.optimizer else group
        for group in spec.groups
    )
    return {"optimizer": with_rate(spec.optimizer, growing), "groups": groups}


def _twin(trainer: Trainer, **changes: Any) -> Trainer:
    """A new trainer like another, with some arguments changed, that starts from the other's parameters."""
    twin = Trainer.of(replace(trainer.spec, **changes))
    if trainer.task.shape is not None:
        twin.task = trainer.task
        twin.parameters.replace(trainer.parameters.copy())
    return twin
