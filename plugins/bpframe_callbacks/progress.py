"""Progress of a fit, for people to watch."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, final

from bpframe.plugin import RunState, checks, hookimpl
from bpframe_callbacks.progress_display import Display, bar_signs, best_display

MOST_LINES = 20  # of a fit, where `every` is left out
REFRESH_SECONDS = 0.1  # between two looks of a live line
SILENT_SECONDS = 60.0  # after which an epoch that goes on has a plain line too
WIDEST_BAR, NARROWEST_BAR = 40, 8


@final
@dataclass
class Progress:
    """Shows how far a fit is: one live line in a terminal or a notebook, plain lines elsewhere.

    It shows the epoch, the loss of the latest steps, the first validation metric (of training, where nothing is
    validated), the pace, and the time left. `plain`: lines in a terminal too. `every`: epochs from one plain line to
    the next; left out, about twenty lines in all. In either case a minute has a line at least. `delay`: seconds of the
    fit before anything is shown, so that a short one stays silent. `stream`: where plain lines go. What cannot be
    written is left out: a closed pipe or a full disk ends no training.
    """

    plain: bool = False
    every: int | None = None
    delay: float = 0.0
    stream: Literal["stdout", "stderr"] = "stdout"
    _view: _View | None = field(default=None, init=False, repr=False, compare=False)

    @classmethod
    def example_configs(cls) -> list[dict[str, Any]]:
        """For the checks: silent."""
        return [{"delay": 3600.0}]

    def __post_init__(self) -> None:
        checks.not_negative("progress", delay=self.delay)
        if self.every is not None:
            checks.whole("progress", 1, every=self.every)

    @hookimpl
    def bpframe_fit_start(self, state: RunState) -> None:
        """Start the clock; say that a compiled engine compiles."""
        self._view = _View(best_display(self.plain, self.stream), state, self.every, self.delay)
        if self._view.display.live and not self.delay:
            compiling = getattr(state.trainer.engine, "compiles", False)
            self._view.draw(state, [f"epoch {_epoch(state, state.epoch)}", *(["compiling"] if compiling else [])])

    @hookimpl
    def bpframe_block_end(self, state: RunState) -> None:
        """Show what is new, if it is time."""
        if self._view is not None:
            self._view.look(state)

    @hookimpl
    def bpframe_fit_end(self, state: RunState) -> None:
        """Show the end; a live line stays."""
        self._close(state, ended=True)

    @hookimpl
    def bpframe_exception(self, state: RunState) -> None:
        """Show where the fit was."""
        self._close(state, ended=False)

    def _close(self, state: RunState, ended: bool) -> None:
        view, self._view = self._view, None
        if view is not None:
            view.close(state, ended)


class _View:
    """What one fit has shown so far."""

    def __init__(self, display: Display, state: RunState, every: int | None, delay: float) -> None:
        self.display, self._every = display, every or -(-(state.epochs - state.epoch) // MOST_LINES)
        self._start, self._first, self._step = state.began, state.epoch, state.step
        self._next = self._start + delay  # when there may be something to show
        self._last = self._start  # when something was shown
        self._read = self._printed = len(state.history)  # epochs that were looked at; the last that has a line
        self._shown = self._ended = False

    def look(self, state: RunState) -> None:
        """Show the position or the epochs that are new."""
        now = time.perf_counter()
        if now < self._next:
            return
        if self.display.live:
            self.draw(state, self._live(state))
            self._next = now + REFRESH_SECONDS
            return
        self._epochs(state)
        if now - self._last > SILENT_SECONDS:
            self.draw(state, [self._epoch(state), f"{self._done(state):.0%}", _loss(state)])

    def close(self, state: RunState, ended: bool) -> None:
        """Show the end of what has been shown: the last epoch, or where the fit was cut off."""
        self._ended = ended
        if self._shown or time.perf_counter() >= self._next:
            if not self.display.live:
                self._epochs(state, last=True)
            elif state.latest is not None:
                self.draw(state, [*self._live(state), *_rest(state)])
        self.display.close()

    def draw(self, state: RunState, parts: list[str]) -> None:
        """Show the parts, as many as the line has room for; a bar behind the first in a terminal."""
        done, width, signs = self._done(state), self.display.width, bar_signs(self.display)
        head, *tail = parts
        least = NARROWEST_BAR + 2 if signs else 0
        while self.display.live and tail and len("  ".join([head, *tail])) + least > width:
            tail.pop()
        room = min(WIDEST_BAR, width - len("  ".join([head, *tail])) - 2)
        full = round(done * room)
        bar = [signs[0] * full + signs[1] * (room - full)] if signs and room >= NARROWEST_BAR else []
        text = "  ".join([head, *bar, *tail])
        self.display.show(text[:width] if self.display.live else text, done, state.history)
        self._shown, self._last = True, time.perf_counter()

    def _epochs(self, state: RunState, last: bool = False) -> None:
        """Lines for epochs that the history has by now, at even distances; for the `last` one in any case."""
        count = len(state.history)
        due = [i for i in range(self._read, count) if (i + 1) % self._every == 0 or (last and i + 1 == count)]
        if last and not due and self._printed < count:
            due = [count - 1]
        for i in due:
            curves = state.history.row(i)
            numbers = [f"loss {_number(curves['train.loss'])}", *_metric(curves)]
            rest = _rest(state) if last and i + 1 == count else []
            self.draw(state, [f"epoch {_epoch(state, i + 1)}", *numbers, self._pace(state), *rest])
            self._printed = i + 1
        self._read = count

    def _live(self, state: RunState) -> list[str]:
        left = (time.perf_counter() - self._start) * (1 / max(self._done(state), 1e-9) - 1)
        metric = [text.replace("validation", "val") for text in _metric(state.metrics)]
        remaining = [f"{_clock(left)} left"] if 0 < left < 1e6 and not self._ended else []
        return [self._epoch(state), _loss(state), *metric, self._pace(state), *remaining]

    def _epoch(self, state: RunState) -> str:
        """The present epoch, or the last one that was made."""
        return f"epoch {_epoch(state, len(state.history) if self._ended else state.epoch + 1)}"

    def _done(self, state: RunState) -> float:
        """The part of the fit's steps that are made, 0 to 1."""
        if self._ended:
            return (len(state.history) - self._first) / max(1, state.epochs - self._first)
        steps = (state.epoch - self._first) * state.steps + state.done
        return min(1.0, steps / max(1, (state.epochs - self._first) * state.steps))

    def _pace(self, state: RunState) -> str:
        return f"{(state.step - self._step) / max(time.perf_counter() - self._start, 1e-9):,.0f} steps/s"


def _epoch(state: RunState, number: int) -> str:
    """ " 3/30", as wide for every epoch."""
    return f"{number:>{len(str(state.epochs))}}/{state.epochs}"


def _rest(state: RunState) -> list[str]:
    """What the end of a fit leaves for the next, if anything."""
    return [f"{state.gathered} of {state.period} batches gathered"] if state.gathered else []


def _loss(state: RunState) -> str:
    return "" if state.loss is None else f"loss {_number(state.loss)}"


def _metric(curves: Mapping[str, float]) -> list[str]:
    """The first validation metric, else the validation loss, else one of training: "validation accuracy 0.9721"."""
    ranks = {
        name: (name.startswith("train."), name.endswith(".loss"))
        for name, value in curves.items()
        if name.startswith(("train.", "validation.")) and name not in ("train.loss", "train.objective")
        if not math.isnan(value)  # an epoch that was not validated, after others that were
    }
    return [f"{name.replace('.', ' ')} {_number(curves[name])}" for name in sorted(ranks, key=ranks.__getitem__)[:1]]


def _number(value: float) -> str:
    return f"{value:.4f}" if 1e-3 <= abs(value) < 1e5 or value == 0 else f"{value:.4g}"


def _clock(seconds: float) -> str:
    """ "0:07", "12:34" or "1:02:03"."""
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes}:{rest:02}" if minutes < 60 else f"{minutes // 60}:{minutes % 60:02}:{rest:02}"
