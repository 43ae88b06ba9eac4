"""A logger for TensorBoard."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field
from typing import Any, ClassVar, final

from bpframe.plugin import RunState, checks, hookimpl
from bpframe_callbacks.logged_values import import_for, is_due, numbers_of_epoch


@final
@dataclass
class Tensorboard:
    """Writes the curves as an event file into `folder`, which `tensorboard --logdir` shows: a number an epoch.

    "validation.loss" is there as loss/validation, so that the curves of one name share a plot; steps are epochs. Give
    each run a folder of its own. Another fit into the folder takes the place of what is there from its first epoch on.
    `every`: epochs from one number to the next. Needs tensorboardX: pip install "bpframe[tensorboard]".
    """

    folder: str | os.PathLike[str]
    every: int = 1
    rewinds: ClassVar[bool] = True
    _writer: Any = field(default=None, init=False, repr=False, compare=False)

    @classmethod
    def example_configs(cls) -> list[dict[str, Any]]:
        """For the checks: so seldom that it writes nothing."""
        return [{"folder": "tensorboard", "every": 10**9}]

    def __post_init__(self) -> None:
        checks.whole("tensorboard", 1, every=self.every)

    @hookimpl
    def bpframe_fit_start(self, state: RunState) -> None:
        """Open the file; ConfigError where the library is missing."""
        if self.every > state.epochs:
            return
        library = import_for("tensorboard", "tensorboard", _library)
        suffix = f".{time.time_ns()}"  # files of one second would have one name, and the later take the earlier's place
        first = len(state.history) + 1
        self._writer = library.SummaryWriter(os.fspath(self.folder), purge_step=first, filename_suffix=suffix)
        self._writer.add_text("trainer", "\n".join(f"    {line}" for line in str(state.trainer).splitlines()), 0)

    @hookimpl
    def bpframe_epoch_end(self, state: RunState) -> None:
        """Write the numbers of the epoch."""
        if self._writer is not None and is_due(state, self.every):
            for name, value in numbers_of_epoch(state, -1).items():
                part, _, last = name.rpartition(".")
                self._writer.add_scalar(f"{last}/{part}" if part else last, value, len(state.history))
            self._writer.flush()

    @hookimpl
    def bpframe_fit_end(self, state: RunState) -> None:
        """Close the file."""
        self._close()

    @hookimpl
    def bpframe_exception(self, state: RunState) -> None:
        """Close the file."""
        self._close()

    def _close(self) -> None:
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.close()


def _library() -> Any:
    import tensorboardX

    return tensorboardX
