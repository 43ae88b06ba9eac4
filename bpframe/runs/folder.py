"""The folder of a run: `runs/NAME/` with its config, lock, history, model and test result."""

from __future__ import annotations

import itertools
import os
import tomllib
from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

from bpframe.errors import CheckpointError, ConfigError
from bpframe.runs.config.toml_writer import dumps
from bpframe.saving.atomic import TEMPORARY, reraise_as_checkpoint_error
from bpframe.training.checkpoint import without

MEASURED = ("test", "validation", "train")  # parts, the first that there is is measured
LONGEST_NAME = 255  # bytes of a file name that the file systems of all platforms take


@final
@dataclass(frozen=True)
class _File:
    """The path of a file in a run folder, as an attribute of the folder."""

    name: str

    def __get__(self, folder: RunFolder, owner: type) -> Path:
        return folder.path / self.name


@final
@dataclass(frozen=True)
class RunFolder:
    """The folder of a run, with the path of each of its files as an attribute."""

    path: Path

    config = _File("config.toml")  # with every default filled in
    lock = _File("run.lock.toml")  # provider, version and hash of every component of the run
    history = _File("history.jsonl")  # one line of JSON for each epoch
    model = _File("model.safetensors")  # after training, or after the last complete step of an interrupted run
    checkpoints = _File("checkpoints")  # a folder of files to resume from, the latest with the highest step
    training = _File("training.pid")  # the process that is training here (`bpframe.runs.process_lock`)
    test = _File("test.json")  # loss and metrics on the test part

    def result(self, part: str) -> Path:
        """The file of loss and metrics on the part that was measured last: the run is over once it is there."""
        return self.path / f"{part}.json"

    def set_history_aside(self) -> None:
        """Keep the history under the first free of history-1.jsonl, history-2.jsonl, ...: the run starts once more."""
        free = (self.history.with_stem(f"{self.history.stem}-{i}") for i in itertools.count(1))
        with reraise_as_checkpoint_error(self.history):
            if self.history.exists():
                self.history.rename(next(path for path in free if not path.exists()))

    @property
    def results(self) -> list[Path]:
        """Those files, if the run is over."""
        return [file for part in MEASURED if (file := self.result(part)).exists()]

    def remove_results(self) -> None:
        """Have the run not be over."""
        with reraise_as_checkpoint_error(self.path):
            for file in self.results:
                file.unlink()

    @classmethod
    def existing(cls, path: str | Path) -> RunFolder:
        """The folder of an existing run; CheckpointError if the config or the model is missing."""
        folder = cls(Path(path))
        for file in (folder.config, folder.model):
            if not file.is_file():
                raise CheckpointError(f"{folder.path} is not the folder of a trained run: it has no {file.name}.")
        return folder


def model_file(path: Path) -> Path:
    """The model in the folder of a run; another path as it is."""
    return RunFolder(path).model if path.is_dir() else path


def require_plain_name(runs: Path, name: str, who: str = "--name") -> None:
    """ConfigError, in the name of `who`, unless `name` is a plain file name, of a length that file systems take."""
    if len(os.fsencode(name)) > LONGEST_NAME:
        raise ConfigError(
            f"{who} needs at most {LONGEST_NAME} bytes, got {len(os.fsencode(name))}. It becomes a folder in {runs}."
        )
    if name in ("", ".", "..") or any(c in "/\\:\0" or not c.isprintable() for c in name):
        raise ConfigError(f"{who} needs a plain file name, got {name!r}. It becomes a folder in {runs}.")


def require_free_name(runs: Path, name: str, resume: bool = False, who: str = "--name") -> None:
    """ConfigError unless `name` is a plain file name that no other run has.

    With `resume`, the name of a run that was killed before it had written its config is free, too.
    """
    require_plain_name(runs, name, who)
    if (runs / name).exists() and not (resume and _has_no_result(runs / name)):
        raise ConfigError(f"{who} needs a free name, but {runs / name} exists. Choose another, or leave it out.")


def _has_no_result(folder: Path) -> bool:
    """Whether a folder has only the files that a run writes before its config."""
    early = {RunFolder(folder).training.name, RunFolder(folder).lock.name}
    return folder.is_dir() and all(f.name in early or TEMPORARY.fullmatch(f.name) for f in folder.iterdir())


def find_run(runs: Path, name: str, text: str, free: Collection[str] = ()) -> RunFolder | None:
    """The folder of the run of that name, if it has this config; None if there is no such run.

    ConfigError that quotes the first different line if its config is another. `free`: arguments of the engine that
    may differ.
    """
    folder = RunFolder(runs / name)
    if not folder.config.exists():
        return None
    for before, now in config_differences(folder, text, free):
        raise ConfigError(
            f"--resume needs the config that {folder.path} was begun with: there '{before}', now '{now}'. Take "
            f"{folder.config}, or another --name."
        )
    return folder


def config_differences(folder: RunFolder, text: str, free: Collection[str] = ()) -> Iterator[tuple[str, str]]:
    """(line of the folder's config, line of this text) where they differ, arguments of the engine in `free` aside."""
    with reraise_as_checkpoint_error(folder.config):
        previous = folder.config.read_text(encoding="utf-8")
    lines = (_comparable_lines(config, free) for config in (previous, text))
    return ((before, now) for before, now in itertools.zip_longest(*lines, fillvalue="") if before != now)


def _comparable_lines(text: str, free: Collection[str]) -> list[str]:
    """The lines of a config, without the arguments of the engine that may differ."""
    with suppress(tomllib.TOMLDecodeError, KeyError, TypeError):  # the file may be damaged
        tables = tomllib.loads(text)
        engine = without(free, tables["train"]["engine"])
        only_name = isinstance(engine, dict) and engine.keys() == {"name"}
        tables["train"]["engine"] = engine["name"] if only_name else engine
        return dumps(_with_real_paths(tables)).splitlines()
    return text.splitlines()


def _with_real_paths(tables: dict[str, Any]) -> dict[str, Any]:
    """The tables, absolute paths in [data] and [train] as what they point to: a file is one, however it is spelt."""

    def real(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: real(item) for key, item in value.items()}
        return os.path.realpath(value) if isinstance(value, str) and os.path.isabs(value) else value

    return tables | {name: real(tables[name]) for name in ("data", "train") if name in tables}


def create_folder(runs: Path, stem: str, name: str | None, resume: bool = False, who: str = "--name") -> RunFolder:
    """Create a folder: `name`, which must be free, or else the first free one of `stem`, `stem-2`, `stem-3`, ...

    With `resume`, the folder `name` may exist; the caller then needs its process lock.
    """
    if name is not None and not resume:
        require_free_name(runs, name, who=who)
    numbered = (stem if i == 1 else f"{stem}-{i}" for i in itertools.count(1))
    with reraise_as_checkpoint_error(runs):
        runs.mkdir(parents=True, exist_ok=True)
        for candidate in numbered if name is None else [name]:
            with suppress(FileExistsError):
                (runs / candidate).mkdir()
                return RunFolder(runs / candidate)
    if resume and name is not None:
        return RunFolder(runs / name)
    raise ConfigError(f"{who} needs a free name, but somebody has just taken {name!r}. Choose another.")
