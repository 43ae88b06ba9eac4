"""Progress of a fit: callbacks that show a bar on a terminal, or print plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from typing import final

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, TextColumn, TimeRemainingColumn
from rich.table import Column

from bpframe.protocols.traits import compiles
from bpframe.training.hooks import hookimpl
from bpframe.training.run_state import RunState

MOST_LINES = 20
REFRESH_SECONDS = 0.1
ROOMY = 75  # columns of a terminal that has room for pace and remaining time beside the bar


def progress_callbacks(quiet: bool) -> Sequence[object]:
    """The callbacks that show progress: a bar on the terminal, else lines on stdout, nothing if `quiet`."""
    if quiet:
        return []
    consoles = (Console(), Console(stderr=True))
    console = next((console for console in consoles if console.is_terminal and not console.is_dumb_terminal), None)
    return [ProgressLines() if console is None else ProgressBar(console)]


class Pace:
    """Steps per second since the start of the fit."""

    def __init__(self, step: int) -> None:
        self._step, self._start = step, time.perf_counter()

    def text(self, step: int) -> str:
        """ "5,321 steps/s"."""
        return f"{(step - self._step) / max(time.perf_counter() - self._start, 1e-9):,.0f} steps/s"


@final
class ProgressBar:
    """A progress bar over all steps, with the loss, a validation metric and the pace."""

    def __init__(self, console: Console) -> None:
        columns: list[ProgressColumn] = [
            TextColumn("epoch {task.fields[epoch]}"),
            BarColumn(bar_width=None, table_column=Column(ratio=1)),
            TextColumn("{task.fields[numbers]}"),
        ]
        if console.width >= ROOMY:
            columns += [TextColumn("{task.fields[pace]}"), TimeRemainingColumn(compact=True)]
        self._progress = Progress(*columns, console=console, auto_refresh=False, expand=True)
        self._shown = 0.0

    @hookimpl
    def bpframe_fit_start(self, state: RunState) -> None:
        """Show an empty bar."""
        self._pace = Pace(state.step)
        self._first = state.epoch
        before = "compiling" if compiles(state.trainer.engine) else ""
        self._task = self._progress.add_task("", total=1, epoch=_epoch(state, state.epoch), numbers=before, pace="")
        self._progress.start()

    @hookimpl
    def bpframe_block_end(self, state: RunState) -> None:
        """Update the bar, a few times a second."""
        if time.perf_counter() - self._shown > REFRESH_SECONDS:
            self._show(state, state.done)

    @hookimpl
    def bpframe_epoch_end(self, state: RunState) -> None:
        """Update the bar after the last epoch; the ends of blocks do for the others."""
        if state.epoch + 1 == state.epochs:
            self._show(state, state.steps)

    @hookimpl
    def bpframe_exception(self, state: RunState) -> None:
        """Release the terminal."""
        self._progress.stop()

    @hookimpl
    def bpframe_fit_end(self, state: RunState) -> None:
        """Stop updating; the bar stays visible."""
        self._progress.stop()

    def _show(self, state: RunState, done: int) -> None:
        self._shown = time.perf_counter()
        self._progress.update(
            self._task,
            total=(state.epochs - self._first) * state.steps,
            completed=(state.epoch - self._first) * state.steps + done,
            epoch=_epoch(state, state.epoch + 1),
            numbers="  ".join([f"loss {state.loss:.4f}", *_metric(state.metrics)]).replace("validation", "val"),
            pace=self._pace.text(state.step),
        )
        self._progress.refresh()


@final
class ProgressLines:
    """Prints one line for each epoch, or about twenty in all for long fits, always one for the last epoch."""

    @hookimpl
    def bpframe_fit_start(self, state: RunState) -> None:
        """Record the start time."""
        self._pace, self._line = Pace(state.step), ""
        self._every = -(-(state.epochs - state.epoch) // MOST_LINES)

    @hookimpl
    def bpframe_epoch_end(self, state: RunState) -> None:
        """Print the epoch, or skip it in a long fit."""
        loss = f"loss {state.metrics['train.loss']:.4f}"
        numbers = [loss, *_metric(state.metrics), self._pace.text(state.step)]
        self._line = "  ".join([f"epoch {_epoch(state, state.epoch + 1)}", *numbers])
        if (state.epoch + 1) % self._every == 0:
            self._print()

    @hookimpl
    def bpframe_fit_end(self, state: RunState) -> None:
        """Print the last epoch."""
        self._print()

    def _print(self) -> None:
        if self._line:
            click.echo(self._line)
            sys.stdout.flush()
        self._line = ""


def _epoch(state: RunState, number: int) -> str:
    """ " 3/30", as wide for every epoch."""
    return f"{number:>{len(str(state.epochs))}}/{state.epochs}"


def _metric(metrics: dict[str, float]) -> list[str]:
    """The first validation metric, or else the validation loss, as "validation accuracy 0.9721"."""
    names = sorted(
        (name for name in metrics if name.startswith("validation.")), key=lambda name: name.endswith(".loss")
    )
    return [f"{name.replace('.', ' ')} {metrics[name]:.4f}" for name in names[:1]]
