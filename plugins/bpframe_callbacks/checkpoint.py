"""Checkpoints written in the middle of a fit."""

from __future__ import annotations

import atexit
import itertools
import os
import time
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar, Literal, final

import numpy as np

from bpframe.plugin import (
    CheckpointError,
    ConfigError,
    HostArray,
    RunState,
    checks,
    hookimpl,
    keep_latest,
    lower,
    sweep,
)

PATTERN, BEST = "step-*.safetensors", "best.safetensors"


@final
@dataclass(frozen=True)
class Checkpoint:
    """Writes the whole state of the run to `folder`/step-00000100.safetensors, so that it can go on after any end.

    Every `every_steps` batches (exactly at their multiples), when `every_seconds` have passed, and when the fit ends by
    Ctrl-C or any other exception: after its last whole, finite step, whoever raised it. The latest `keep` files stay;
    `best`, a curve such as "validation.loss", also keeps the model of its best epoch as best.safetensors. Files that
    the folder holds of another run when a new trainer starts stay, under names that begin with "earlier-1-".
    `on_checkpoint_error`: what happens if a file cannot be written (nothing written before is lost); "raise" ends the
    fit, "warn" goes on. A trainer that `Trainer.resume` makes goes on writing to the folder that holds its file,
    wherever that was moved.
    """

    folder: str | os.PathLike[str]
    every_steps: int | None = None
    every_seconds: float | None = 60.0
    keep: int = 3
    best: str | None = None
    on_checkpoint_error: Literal["raise", "warn"] = "raise"
    checkpoint_folder: ClassVar[str] = "folder"
    rewinds: ClassVar[bool] = True

    @classmethod
    def example_configs(cls) -> list[dict[str, Any]]:
        """For the checks: a folder that goes when the program ends."""
        folder = TemporaryDirectory(prefix="bpframe-")
        atexit.register(folder.cleanup)
        return [{"folder": folder.name, "every_steps": 1}]

    def __post_init__(self) -> None:
        checks.positive("checkpoint", keep=self.keep)
        for name in ("every_steps", "every_seconds"):
            if getattr(self, name) is not None:
                checks.positive("checkpoint", **{name: getattr(self, name)})
                checks.finite("checkpoint", **{name: getattr(self, name)})

    def check_memory(self, memory: Mapping[str, Any], parameters: Mapping[str, HostArray]) -> None:
        """ValueError unless the best value so far is a number, if there is one."""
        if not isinstance(memory.get("best"), float | None):
            raise ValueError(f"checkpoint needs a number as its best value, got {memory['best']!r:.60}")

    @hookimpl
    def bpframe_fit_start(self, state: RunState) -> None:
        """Make the folder, without what a killed run left; ConfigError if the curve of `best` will not exist."""
        if self.best is not None and state.curves.get(self.best) is None:
            known = ", ".join(name for name, way in state.curves.items() if way)
            raise ConfigError(f"checkpoint needs a curve with a better direction as best, got '{self.best}': {known}.")
        try:
            Path(self.folder).mkdir(parents=True, exist_ok=True)
            sweep(Path(self.folder))
            if state.start == 0 and not state.resumed:
                self._set_aside()
        except OSError as error:
            raise CheckpointError(f"checkpoint needs a folder to write to: {error}.") from error
        state.memory.setdefault("best", None)
        state.memory["written"] = time.monotonic(), state.step
        self._ask(state)

    @hookimpl(trylast=True)
    def bpframe_block_end(self, state: RunState) -> None:
        """Write, if it is time."""
        due = self.every_steps is not None and state.step % self.every_steps == 0
        waited = time.monotonic() - state.memory["written"][0]
        if state.stopped is None and (due or (self.every_seconds is not None and waited >= self.every_seconds)):
            self._write(state)
        self._ask(state)

    @hookimpl(trylast=True)
    def bpframe_epoch_end(self, state: RunState) -> None:
        """Keep the model of the best epoch."""
        if self.best is None:
            return
        sign = 1.0 if state.curves[self.best] == "min" else -1.0
        value, best = sign * state.metrics[self.best], state.memory["best"]
        if lower(value, best):
            state.memory["best"] = value
            self._guarded(lambda: state.trainer.save(Path(self.folder) / BEST))

    @hookimpl
    def bpframe_exception(self, state: RunState) -> None:
        """Write what is there, if the fit made steps since the latest file.

        Where an engine does not tell the losses of a block that was cut short, the file before stays the latest.
        """
        if not state.cut and state.step != state.start and state.step != state.memory["written"][1]:
            self._write(state)

    def _set_aside(self) -> None:
        """Rename what another run has left: neither would be known from the other's, and the later would be removed."""
        folder = Path(self.folder)
        left = [*folder.glob(PATTERN), *folder.glob(BEST)]
        numbers = (i for i in itertools.count(1) if not any(folder.glob(f"earlier-{i}-*")))
        number = next(numbers) if left else 0
        for path in left:
            path.rename(path.with_name(f"earlier-{number}-{path.name}"))

    def _ask(self, state: RunState) -> None:
        if self.every_steps is not None:
            state.look(state.step - state.step % self.every_steps + self.every_steps)

    def _write(self, state: RunState) -> None:
        """A new file, unless the latest step has left numbers that are not finite: the next one will tell."""
        if not all(np.isfinite(value).all() for value in state.parameters.copy().values()):
            return
        state.memory["written"] = time.monotonic(), state.step
        folder = Path(self.folder)
        self._guarded(lambda: state.trainer.checkpoint(folder / f"step-{state.step:08d}.safetensors"))
        self._guarded(lambda: keep_latest(folder, PATTERN, self.keep))

    def _guarded(self, change: Callable[[], None]) -> None:
        try:
            change()
        except (CheckpointError, OSError) as error:
            if self.on_checkpoint_error == "raise":
                raise
            warnings.warn(f"checkpoint: {error} The fit goes on without it.", stacklevel=2)
