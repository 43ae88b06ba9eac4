"""The run of `bpframe train`: read the config and the data, train, save, evaluate."""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import final

from bpframe.cli.interruption import Interruption, remove_if_empty
from bpframe.cli.score import score
from bpframe.cli.signals import SignalHandler
from bpframe.cli.train_options import TrainOptions
from bpframe.errors import ConfigError
from bpframe.protocols.traits import changeable
from bpframe.registry import build
from bpframe.runs.config import Config, Partition, load
from bpframe.runs.config.schema import CheckpointTable
from bpframe.runs.folder import RunFolder, create_folder, find_run, require_free_name, require_plain_name
from bpframe.runs.lock import lock
from bpframe.runs.lock.compare import difference_texts
from bpframe.runs.process_lock import process_lock
from bpframe.runs.recorder import CheckpointPath, Recorder
from bpframe.runs.resume import Stage, restore_run, write_final_checkpoint
from bpframe.runs.wanted_data import WantedData, parts_fingerprint
from bpframe.saving.atomic import write_file
from bpframe.saving.json_values import to_json
from bpframe.training.trainer import Trainer

ONLY_AT_THE_END = CheckpointTable(every_seconds=None)  # or rather at an end that comes before its time


def run_training(path: Path, options: TrainOptions, frozen: Path | None = None) -> str:
    """Train the config's network and leave a run folder; the line that says how it went.

    With `options.resume`: go on with the run of that name if there is one; of one that is over, say how it went.
    `frozen`: the lock file that holds what the run has to be.
    """
    start = time.perf_counter()
    with ExitStack() as stack, options.allowed(), options.cached(), options.threads(path, frozen):
        config = load(path, options.overrides, files=True)
        earlier = _earlier_run(config, options, stack)
        run = _Run.of(config, options, earlier, frozen, stack)
        trainer, stage = run.trainer()
        if stage in (Stage.FINISHED, Stage.MODEL):
            trainer, stage = run.finished(trainer, stage)
        if stage in (Stage.NEW, Stage.UNFINISHED):
            run.train(trainer)
        where = "" if trainer.session.device == "cpu" else f"on {trainer.session.device}, "
        summary = run.evaluate(trainer)
    stopped = f"Stopped early: {run.recorder.reason}.\n" if run.recorder.reason else ""
    seconds = time.perf_counter() - start
    return f"{stopped}{_others_to_resume(config, options)}{summary}, {where}{seconds:.1f} s, {run.folder.path}"


@final
@dataclass(frozen=True)
class _Run:
    """A run with its data, about to start, to go on, or over."""

    config: Config
    options: TrainOptions
    parts: Partition
    recorder: Recorder
    wanted: WantedData
    signals: SignalHandler = field(default_factory=SignalHandler)

    @classmethod
    def of(
        cls, config: Config, options: TrainOptions, earlier: RunFolder | None, frozen: Path | None, stack: ExitStack
    ) -> _Run:
        """The run of a config; its folder, if it gets one, is locked until `stack` is closed."""
        parts, name = config.data(ready=True), options.run_name(config.file)
        claimed = _claim_folder(options.runs, config.file.stem, name, options.resume)
        wanted = WantedData(frozen, earlier)
        recorder = Recorder(config, parts, lambda: stack.enter_context(claimed), earlier, wanted.admit)
        return cls(config, options, parts, recorder, wanted)

    @property
    def folder(self) -> RunFolder:
        """The folder of the run, once it has one."""
        assert self.recorder.folder is not None
        return self.recorder.folder

    @property
    def checkpoints(self) -> CheckpointTable:
        """When checkpoints are written: as the config says; where it does not, and nobody resumes, at a stop alone."""
        return self.config.settings.train.checkpoint or (CheckpointTable() if self.options.resume else ONLY_AT_THE_END)

    def trainer(self) -> tuple[Trainer, Stage]:
        """The trainer where the run is, and where that is."""
        keep = {"name": "checkpoint", "folder": CheckpointPath(self.recorder), **vars(self.checkpoints)}
        own = self.recorder, build("callback", keep), self.signals
        trainer, stage = self.config.trainer(*own), Stage.NEW
        if self.wanted.earlier is not None:
            stage = restore_run(trainer, self.wanted.earlier, self.config.settings.train.epochs)
        fresh = stage is Stage.NEW and self.config.start is not None
        if fresh:
            from bpframe.runs.model import start_from_model  # only here, and below: most runs start from no model

            trainer = start_from_model(self.config, *own)
        return trainer, stage

    def finished(self, trainer: Trainer, stage: Stage) -> tuple[Trainer, Stage]:
        """The trainer of a run that is over; if it is to be fitted on new data, one that is to be trained."""
        from bpframe.runs.model import load_model

        over = trainer if stage is Stage.FINISHED else load_model(self.folder, self.config)
        if not self.folder.model.exists():  # the state of the end has it
            over.save(self.folder.model)
        data = parts_fingerprint(over, self.parts, self.config)
        self.wanted.admit_new(data)
        differences = self.wanted.other_than_before(data)
        if not differences:
            return over, stage
        if stage is Stage.MODEL or not self.options.new_data:
            further = "Give --new-data to train it further on these, or another --name."
            if stage is Stage.MODEL:
                further = (
                    "--new-data needs a checkpoint of its end, which it has none of. Start another run from its model: "
                    f"--from {self.folder.path} --name NAME."
                )
            raise ConfigError(
                f"{self.folder.path} is over, and was trained on other data: {'; '.join(differences)}. {further}"
            )
        self.recorder.anew = True
        return over, Stage.UNFINISHED

    def train(self, trainer: Trainer) -> None:
        """Fit and save; a run that ends before its time saves what it has, and says so in a note of its error."""
        try:
            self.config.fit(trainer, self.parts, 0 if self.options.quiet else 1)
            trainer.save(self.folder.model)
            if self.checkpoints is not ONLY_AT_THE_END:
                write_final_checkpoint(trainer, self.folder, self.checkpoints.keep)
        except BaseException as error:
            if note := Interruption(self.config, self.options, self.recorder, trainer).note(error):
                error.add_note(note)
            raise
        finally:
            self.signals.release()

    def evaluate(self, trainer: Trainer) -> str:
        """How good the trained network is; in the run's folder too, where that says that the run is over."""
        result, folder = score(trainer, self.parts), self.folder
        write_file(folder.result(result.part), to_json({**result.values, "rows": result.rows}) + "\n")
        remove_if_empty(folder)
        return result.summary


def _earlier_run(config: Config, options: TrainOptions, stack: ExitStack) -> RunFolder | None:
    """The run to go on with, if it was begun, locked against other processes until `stack` is closed.

    ConfigError for a name that is no name, or not free for a run that is not begun.
    """
    name, runs = options.run_name(config.file), options.runs
    if name is None:
        return None
    require_plain_name(runs, name)
    free = changeable(config.settings.train.engine)
    earlier = find_run(runs, name, config.text(), free) if options.resume else None
    if earlier is None:
        require_free_name(runs, name, options.resume)
    else:
        stack.enter_context(process_lock(earlier))
        _warn_of_other_code(earlier, config)
    return earlier


def _others_to_resume(config: Config, options: TrainOptions) -> str:
    """Lines about runs of the config that were stopped, where a resume named none and so has taken the first."""
    if not options.resume or options.name is not None:
        return ""
    from bpframe.runs.stopped_runs import stopped_runs  # only here: as below, start-up can do without

    others = stopped_runs(options.runs, config.file.stem, config.text(), changeable(config.settings.train.engine))
    return "".join(
        f"{folder.path} was stopped. To go on with it: "
        f"{options.command(folder, '--name', folder.path.name, '--resume', 'auto')}\n"
        for folder in others
    )


@contextmanager
def _claim_folder(runs: Path, stem: str, name: str | None, resume: bool) -> Iterator[RunFolder]:
    """A block in which the run has a folder of its own, locked against other processes."""
    folder = create_folder(runs, stem, name, resume)
    with process_lock(folder):
        if resume:  # another process may have run meanwhile
            require_free_name(runs, folder.path.name, resume=True)
        yield folder


def _warn_of_other_code(folder: RunFolder, config: Config) -> None:
    changed = difference_texts(lock.read_lock(folder.path), lock.lock_tables(config), breaking=True)
    if changed:
        listing = "; ".join(changed)
        warnings.warn(f"{folder.path} was begun with other code or on another machine: {listing}.", stacklevel=2)
