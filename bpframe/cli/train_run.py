"""What `bpframe train` does: read, train, save, test."""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from pathlib import Path
from typing import Any

from bpframe.cli.progress import reporters
from bpframe.cli.score import Outcome, outcome
from bpframe.cli.signals import Stopping
from bpframe.errors import NumericalError
from bpframe.protocols.traits import changeable
from bpframe.registry import Policy, build, registry
from bpframe.runs.config import Config, Override, Parts, load, parse
from bpframe.runs.config.schema import CheckpointTable
from bpframe.runs.folder import Folder, begun, claim, refuse_taken
from bpframe.runs.lock import lock
from bpframe.runs.lock.compare import differences
from bpframe.runs.process_lock import alone
from bpframe.runs.recorder import Checkpoints, Recorder
from bpframe.runs.resume import close, restored
from bpframe.saving.text_files import to_json, write
from bpframe.training.trainer import Trainer


def fit(
    path: Path,
    settings: Sequence[str],
    name: str | None,
    runs: Path,
    quiet: bool,
    no_plugins: bool,
    resume: str | None = None,
    **shortcuts: Any,
) -> str:
    """Train the config's network and leave a run folder; the line that says how it went.

    `settings` are KEY=VALUE overrides, `shortcuts` values for keys of [train]. `resume` "auto": go on with the run of
    that name if there is one.
    """
    start = time.perf_counter()
    overrides = [parse(setting) for setting in settings]
    overrides += [Override(("train", key), value, f"--{key}") for key, value in shortcuts.items() if value is not None]
    allowed = registry.restricted(Policy(frozenset(), origin="--no-plugins")) if no_plugins else nullcontext()
    with ExitStack() as held, allowed:
        config = load(path, overrides)
        name = (name or path.stem) if resume else name
        before = _before(runs, name, config, held) if resume and name else None
        if before is None and name is not None:
            refuse_taken(runs, name, bool(resume))
        parts = config.data()
        claimed = _claimed(runs, config.file.stem, name, resume)
        recorder = Recorder(config, parts, lambda: held.enter_context(claimed), before)
        trainer = config.trainer(*reporters(quiet), recorder, *_saving(config, recorder, resume), Stopping())
        found = before and restored(trainer, before)
        folder = _trained(trainer, config, parts, recorder, found)
        measured = _measured(trainer, parts, folder)
    stopped = f"Stopped early: {recorder.reason}.\n" if recorder.reason else ""
    where = "" if trainer.session.device == "cpu" else f"on {trainer.session.device}, "
    return f"{stopped}{measured.summary}, {where}{time.perf_counter() - start:.1f} s, {folder.path}"


def _before(runs: Path, name: str, config: Config, held: ExitStack) -> Folder | None:
    """The run of that name, if it was begun, in which nobody else trains until `held` is left."""
    before = begun(runs, name, config.text(), changeable(config.settings.train.engine))
    if before is not None:
        held.enter_context(alone(before))
        _warn_of_other_code(before, config)
    return before


@contextmanager
def _claimed(runs: Path, stem: str, name: str | None, resume: str | None) -> Iterator[Folder]:
    """A block in which the run has a folder of its own, and nobody else trains there."""
    folder = claim(runs, stem, name, bool(resume))
    with alone(folder):
        if resume:  # somebody may have come and gone meanwhile
            refuse_taken(runs, folder.path.name, resume=True)
        yield folder


def _warn_of_other_code(folder: Folder, config: Config) -> None:
    found = differences(lock.read(folder.path), lock.tables(config), breaking=True)
    if found:
        told = "; ".join(found)
        warnings.warn(f"{folder.path} was begun with other code or on another machine: {told}.", stacklevel=2)


def _saving(config: Config, recorder: Recorder, resume: str | None) -> list[Any]:
    """The callback that writes checkpoints, where the config or --resume wants them."""
    table = config.settings.train.checkpoint or (CheckpointTable() if resume else None)
    if table is None:
        return []
    return [build("callback", {"name": "checkpoint", "folder": Checkpoints(recorder), **vars(table)})]


def _trained(trainer: Trainer, config: Config, parts: Parts, recorder: Recorder, found: str | None) -> Folder:
    """Fit and save; a run that is stopped or diverges saves what it has, and says so in a note of its error."""
    settings = config.settings.train
    try:
        if found is None or trainer.unfinished:
            trainer.fit(
                *parts.train,
                epochs=settings.epochs,
                batch_size=settings.batch_size,
                validation=parts.validation,
                class_weight=settings.class_weight,
                shuffle=settings.shuffle,
            )
        assert recorder.folder is not None
        trainer.save(recorder.folder.model)
        if recorder.folder.checkpoints.exists():
            close(trainer, recorder.folder, (settings.checkpoint or CheckpointTable()).keep)
    except (KeyboardInterrupt, NumericalError) as error:
        error.add_note(_rescue(trainer, recorder))
        raise
    return recorder.folder


def _measured(trainer: Trainer, parts: Parts, folder: Folder) -> Outcome:
    """How good the trained network is; on a test part, in the run's folder too."""
    measured = outcome(trainer, parts)
    if measured.part == "test":
        write(folder.test, to_json({**measured.values, "rows": measured.rows}) + "\n")
    return measured


def _rescue(trainer: Trainer, recorder: Recorder) -> str:
    """Save the model of a run that ends before its time; what is there now."""
    if recorder.folder is None:
        return "Nothing was trained and nothing written."
    if recorder.steps == 0:
        return f"No step was made; {recorder.folder.path} has the config alone."
    trainer.save(recorder.folder.model)
    epochs = f"{recorder.epochs} whole epoch{'' if recorder.epochs == 1 else 's'}"
    return f"The model after step {recorder.steps} ({epochs}) is saved in {recorder.folder.path}."
