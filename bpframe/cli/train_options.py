"""The options of `bpframe train`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

from bpframe.cli.local_files import plugin_words
from bpframe.cli.machine_table import machine_table, table_of_lock
from bpframe.cli.no_plugins import OPTION, core_only
from bpframe.engine.numpy.thread_table import default_table
from bpframe.engine.program_folder import programs_in
from bpframe.errors import ConfigError
from bpframe.runs.config import Override, parse_override
from bpframe.runs.folder import RunFolder
from bpframe.runs.lock.lock import read_lock
from bpframe.saving.cache_folder import cache_folder

SHORTCUTS = {"epochs": "epochs", "engine": "engine", "start": "from"}  # keys of [train] by their options


@final
@dataclass(frozen=True)
class TrainOptions:
    """`settings`: KEY=VALUE; `shortcuts`: values for keys of [train]; the others as `bpframe train --help` has them."""

    settings: Sequence[str]
    name: str | None
    runs: Path
    resume: bool
    new_data: bool
    quiet: bool
    no_plugins: bool
    no_cache: bool
    shortcuts: Mapping[str, Any]

    @classmethod
    def of(cls, resume: str | None, **given: Any) -> TrainOptions:
        """The options as click gives them; ConfigError for some that only make sense with others."""
        shortcuts = {key: given.pop(key) for key in SHORTCUTS}
        if given["new_data"] and resume is None:
            raise ConfigError("--new-data needs a run that is over, to fit it on: give --resume auto, too.")
        return cls(resume=resume is not None, shortcuts=shortcuts, **given)

    @property
    def overrides(self) -> list[Override]:
        """The settings that options override."""
        given = {key: value for key, value in self.shortcuts.items() if value is not None}
        overrides = [parse_override(setting) for setting in self.settings]
        return overrides + [Override(("train", key), value, f"--{SHORTCUTS[key]}") for key, value in given.items()]

    def allowed(self) -> AbstractContextManager[None]:
        """A block in which --no-plugins holds."""
        return core_only(self.no_plugins)

    def cached(self) -> AbstractContextManager[None]:
        """A block in which compiled programs are kept for the next process, but for --no-cache."""
        return programs_in(None if self.no_cache else cache_folder() / "programs")

    def threads(self, config: Path, frozen: Path | None) -> AbstractContextManager[None]:
        """A block in which new engines have the thread table of the lock of a run, or else that of this machine.

        `frozen`: the lock that holds what the run has to be.
        """
        run = RunFolder(self.runs / (self.name or config.stem))
        begun = self.resume and run.config.is_file() and run.lock.is_file()
        lock = frozen or (run.lock if begun else None)
        return default_table(machine_table() if lock is None else table_of_lock(read_lock(lock)))

    def run_name(self, config: Path) -> str | None:
        """The name that the run has to have; None: any that is free."""
        return (self.name or config.stem) if self.resume else self.name

    def command(self, run: RunFolder, *more: str) -> str:
        """A command that trains by the config of a run, as a shell takes it."""
        import shlex  # only here: a run that ends in its time names no command

        same = [OPTION] if self.no_plugins else plugin_words()
        same += ["--no-cache"] if self.no_cache else []
        same += [] if self.runs == Path("runs") else ["--runs", str(self.runs)]
        return shlex.join(["bpframe", "train", str(run.config), *more, *same])
