"""The folder of a run: `runs/NAME/` with its config, lock, history, model and test result."""

from __future__ import annotations

import itertools
import tomllib
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import final

from bpframe.errors import CheckpointError, ConfigError
from bpframe.runs.config.toml_writer import dumps
from bpframe.saving.atomic import TEMPORARY
from bpframe.saving.text_files import told
from bpframe.training.checkpoint import without


@final
@dataclass(frozen=True)
class Folder:
    """Where each file of a run is."""

    path: Path

    @property
    def config(self) -> Path:
        """The config, every default filled in."""
        return self.path / "config.toml"

    @property
    def lock(self) -> Path:
        """Which code the run used: the provider, version and hash of every component."""
        return self.path / "run.lock.toml"

    @property
    def history(self) -> Path:
        """An epoch a line, as JSON."""
        return self.path / "history.jsonl"

    @property
    def model(self) -> Path:
        """The model after training, or after the last whole step of a run that was stopped."""
        return self.path / "model.safetensors"

    @property
    def checkpoints(self) -> Path:
        """Files from which the run can go on, the latest with the highest step."""
        return self.path / "checkpoints"

    @property
    def training(self) -> Path:
        """Which process trains here, while one does (`bpframe.runs.process_lock`)."""
        return self.path / "training.pid"

    @property
    def test(self) -> Path:
        """Loss and metrics on the test part, as JSON."""
        return self.path / "test.json"

    @classmethod
    def existing(cls, path: str | Path) -> Folder:
        """The folder of a run that has been made; CheckpointError if it is none, or has no model."""
        folder = cls(Path(path))
        for file in (folder.config, folder.model):
            if not file.is_file():
                raise CheckpointError(f"{folder.path} is not the folder of a trained run: it has no {file.name}.")
        return folder


def refuse_taken(runs: Path, name: str, resume: bool = False) -> None:
    """ConfigError unless `name` is a plain file name that is free among the runs.

    With `resume`, the folder of a run counts as free whose process was killed before it had written anything.
    """
    if name in ("", ".", "..") or any(c in "/\\:\0" or not c.isprintable() for c in name):
        raise ConfigError(f"--name needs a plain file name, got {name!r}. It becomes a folder in {runs}.")
    if (runs / name).exists() and not (resume and _bare(runs / name)):
        raise ConfigError(f"--name needs a free name, but {runs / name} exists. Choose another, or leave it out.")


def _bare(folder: Path) -> bool:
    """Whether nothing is in a folder but what a process that was killed at the start of its run leaves."""
    started = {Folder(folder).training.name, Folder(folder).lock.name}
    return folder.is_dir() and all(f.name in started or TEMPORARY.fullmatch(f.name) for f in folder.iterdir())


def begun(runs: Path, name: str, text: str, free: Collection[str] = ()) -> Folder | None:
    """The folder of a run of that name that was begun with this config; None if there is none.

    ConfigError if it was begun with another, of which the first line that differs is named. `free`: arguments of the
    engine that may differ.
    """
    folder = Folder(runs / name)
    if not folder.config.exists():
        return None
    with told(folder.config):
        held = folder.config.read_text(encoding="utf-8")
    for before, now in itertools.zip_longest(_lines(held, free), _lines(text, free), fillvalue=""):
        if before != now:
            raise ConfigError(
                f"--resume needs the config that {folder.path} was begun with: there '{before}', now '{now}'. Take "
                f"{folder.config}, or another --name."
            )
    return folder


def _lines(text: str, free: Collection[str]) -> list[str]:
    """The lines of a config, its engine without some of its arguments."""
    with suppress(tomllib.TOMLDecodeError, KeyError, TypeError):  # of a file that somebody has spoilt
        tables = tomllib.loads(text)
        engine = without(free, tables["train"]["engine"])
        alone = isinstance(engine, dict) and engine.keys() == {"name"}
        tables["train"]["engine"] = engine["name"] if alone else engine
        return dumps(tables).splitlines()
    return text.splitlines()


def claim(runs: Path, stem: str, name: str | None, resume: bool = False) -> Folder:
    """A new folder: `name`, which must be free, or else `stem`, `stem-2`, `stem-3`, ..., the first that is free.

    With `resume`, the folder of that name may be there all the same: who may train in it is then to be found out.
    """
    if name is not None and not resume:
        refuse_taken(runs, name)
    numbered = (stem if i == 1 else f"{stem}-{i}" for i in itertools.count(1))
    with told(runs):
        runs.mkdir(parents=True, exist_ok=True)
        for candidate in numbered if name is None else [name]:
            with suppress(FileExistsError):
                (runs / candidate).mkdir()
                return Folder(runs / candidate)
    if resume and name is not None:
        return Folder(runs / name)
    raise ConfigError(f"--name needs a free name, but somebody has just taken {name!r}. Choose another.")
