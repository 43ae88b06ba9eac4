"""The run of `bpframe train`: read the config and the data, train, save, evaluate."""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from bpframe.cli.no_plugins import core_only
from bpframe.cli.progress_bar import progress_callbacks
from bpframe.cli.score import Score, score
from bpframe.cli.signals import SignalHandler
from bpframe.errors import NumericalError
from bpframe.protocols.traits import changeable
from bpframe.registry import build
from bpframe.runs.config import Config, Override, Partition, load, parse_override
from bpframe.runs.config.schema import CheckpointTable
from bpframe.runs.folder import RunFolder, create_folder, find_run, require_free_name
from bpframe.runs.lock import lock
from bpframe.runs.lock.compare import difference_texts
from bpframe.runs.process_lock import process_lock
from bpframe.runs.recorder import CheckpointPath, Recorder
from bpframe.runs.resume import restore_latest, write_final_checkpoint
from bpframe.saving.atomic import write_file
from bpframe.saving.json_values import to_json
from bpframe.training.trainer import Trainer


def run_training(
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
    overrides = [parse_override(setting) for setting in settings]
    overrides += [Override(("train", key), value, f"--{key}") for key, value in shortcuts.items() if value is not None]
    with ExitStack() as stack, core_only(no_plugins):
        config = load(path, overrides)
        name = (name or path.stem) if resume else name
        earlier = _earlier_run(runs, name, config, stack) if resume and name else None
        if earlier is None and name is not None:
            require_free_name(runs, name, bool(resume))
        parts = config.data()
        claimed = _claim_folder(runs, config.file.stem, name, resume)
        recorder = Recorder(config, parts, lambda: stack.enter_context(claimed), earlier)
        trainer = config.trainer(
            *progress_callbacks(quiet), recorder, *_checkpoint_callbacks(config, recorder, resume), SignalHandler()
        )
        checkpoint = earlier and restore_latest(trainer, earlier)
        folder = _train(trainer, config, parts, recorder, checkpoint)
        result = _evaluate(trainer, parts, folder)
    stopped = f"Stopped early: {recorder.reason}.\n" if recorder.reason else ""
    where = "" if trainer.session.device == "cpu" else f"on {trainer.session.device}, "
    return f"{stopped}{result.summary}, {where}{time.perf_counter() - start:.1f} s, {folder.path}"


def _earlier_run(runs: Path, name: str, config: Config, stack: ExitStack) -> RunFolder | None:
    """The run of that name, if it was begun, locked against other processes until `stack` is closed."""
    earlier = find_run(runs, name, config.text(), changeable(config.settings.train.engine))
    if earlier is not None:
        stack.enter_context(process_lock(earlier))
        _warn_of_other_code(earlier, config)
    return earlier


@contextmanager
def _claim_folder(runs: Path, stem: str, name: str | None, resume: str | None) -> Iterator[RunFolder]:
    """A block in which the run has a folder of its own, locked against other processes."""
    folder = create_folder(runs, stem, name, bool(resume))
    with process_lock(folder):
        if resume:  # another process may have run meanwhile
            require_free_name(runs, folder.path.name, resume=True)
        yield folder


def _warn_of_other_code(folder: RunFolder, config: Config) -> None:
    changed = difference_texts(lock.read_lock(folder.path), lock.lock_tables(config), breaking=True)
    if changed:
        listing = "; ".join(changed)
        warnings.warn(f"{folder.path} was begun with other code or on another machine: {listing}.", stacklevel=2)


def _checkpoint_callbacks(config: Config, recorder: Recorder, resume: str | None) -> list[Any]:
    """The callback that writes checkpoints, where the config or --resume wants them."""
    table = config.settings.train.checkpoint or (CheckpointTable() if resume else None)
    if table is None:
        return []
    return [build("callback", {"name": "checkpoint", "folder": CheckpointPath(recorder), **vars(table)})]


def _train(trainer: Trainer, config: Config, parts: Partition, recorder: Recorder, checkpoint: str | None) -> RunFolder:
    """Fit and save; a run that is stopped or diverges saves what it has, and says so in a note of its error."""
    settings = config.settings.train
    try:
        if checkpoint is None or trainer.unfinished:
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
            write_final_checkpoint(trainer, recorder.folder, (settings.checkpoint or CheckpointTable()).keep)
    except (KeyboardInterrupt, NumericalError) as error:
        error.add_note(_save_interrupted(trainer, recorder))
        raise
    return recorder.folder


def _evaluate(trainer: Trainer, parts: Partition, folder: RunFolder) -> Score:
    """How good the trained network is; on a test part, in the run's folder too."""
    result = score(trainer, parts)
    if result.part == "test":
        write_file(folder.test, to_json({**result.values, "rows": result.rows}) + "\n")
    return result


def _save_interrupted(trainer: Trainer, recorder: Recorder) -> str:
    """Save the model of a run that ends before its time; what is there now."""
    if recorder.folder is None:
        return "Nothing was trained and nothing written."
    if recorder.steps == 0:
        return f"No step was made; {recorder.folder.path} has the config alone."
    trainer.save(recorder.folder.model)
    epochs = f"{recorder.epochs} whole epoch{'' if recorder.epochs == 1 else 's'}"
    return f"The model after step {recorder.steps} ({epochs}) is saved in {recorder.folder.path}."
