"""A stop in the middle: the checkpoint of a training that makes its steps one by one."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple, cast, final

from bpframe.training.hook_marker import hookimpl
from bpframe.training.run_state import RunState
from bpframe.training.trainer import Trainer
from bpframe.types import HostArray

MIDDLE = 5  # the step at which a training stops


class Stepped(NamedTuple):
    """A training step by step: the parameters at its end, and its checkpoint, None where it had too few steps."""

    parameters: dict[str, HostArray]
    checkpoint: bytes | None


@final
class StopInTheMiddle:
    """A callback that writes a checkpoint at one step, and asks for control at each."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @hookimpl
    def bpframe_batch_end(self, state: RunState) -> None:
        """Write it at that step."""
        if state.step == MIDDLE:
            cast(Trainer, state.trainer).checkpoint(self._path)
