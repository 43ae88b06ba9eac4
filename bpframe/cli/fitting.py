"""What `bpframe train` does: read, train, save, test."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from bpframe.cli.outcome import outcome
from bpframe.cli.progress import reporters
from bpframe.config import Config, Override, Parts, load, parse
from bpframe.errors import NumericalError
from bpframe.registry import Policy, registry
from bpframe.runs.files import to_json, write
from bpframe.runs.folder import Folder, claim, refuse_taken
from bpframe.runs.recorder import Recorder
from bpframe.trainer import Trainer


def fit(
    path: Path, settings: Sequence[str], name: str | None, runs: Path, quiet: bool, no_plugins: bool, **shortcuts: Any
) -> str:
    """Train the config's network and leave a run folder; the line that says how it went.

    `settings` are KEY=VALUE overrides, `shortcuts` values for keys of [train].
    """
    start = time.perf_counter()
    overrides = [parse(setting) for setting in settings]
    overrides += [Override(("train", key), value, f"--{key}") for key, value in shortcuts.items() if value is not None]
    with registry.restricted(Policy(frozenset(), origin="--no-plugins")) if no_plugins else nullcontext():
        config = load(path, overrides)
        if name is not None:
            refuse_taken(runs, name)
        parts = config.data()
        recorder = Recorder(config, parts, lambda: claim(runs, config.file.stem, name))
        trainer = config.trainer(*reporters(quiet), recorder)
        folder = _trained(trainer, config, parts, recorder)
        measured = outcome(trainer, parts)
    if measured.part == "test":
        write(folder.test, to_json({**measured.values, "rows": measured.rows}) + "\n")
    stopped = f"Stopped early: {recorder.reason}.\n" if recorder.reason else ""
    return f"{stopped}{measured.summary}, {time.perf_counter() - start:.1f} s, {folder.path}"


def _trained(trainer: Trainer, config: Config, parts: Parts, recorder: Recorder) -> Folder:
    """Fit and save; a run that is stopped or diverges saves what it has, and says so in a note of its error."""
    settings = config.settings.train
    try:
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
    except (KeyboardInterrupt, NumericalError) as error:
        error.add_note(_rescue(trainer, recorder))
        raise
    return recorder.folder


def _rescue(trainer: Trainer, recorder: Recorder) -> str:
    """Save the model of a run that ends before its time; what is there now."""
    if recorder.folder is None:
        return "Nothing was trained and nothing written."
    if recorder.steps == 0:
        return f"No step was made; {recorder.folder.path} has the config alone."
    trainer.save(recorder.folder.model)
    epochs = f"{recorder.epochs} whole epoch{'' if recorder.epochs == 1 else 's'}"
    return f"The model after step {recorder.steps} ({epochs}) is saved in {recorder.folder.path}."
