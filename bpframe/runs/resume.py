"""Resume a run: how far it is, its latest readable checkpoint, and its final one."""

from __future__ import annotations

import warnings
from enum import Enum

from bpframe.errors import CheckpointError
from bpframe.runs.folder import RunFolder
from bpframe.runs.history_file import HistoryFile
from bpframe.saving.atomic import keep_latest, reraise_as_checkpoint_error
from bpframe.training.trainer import Trainer

PATTERN = "step-*.safetensors"


class Stage(Enum):
    """How far the run in a folder is."""

    NEW = "nothing of it was kept: it starts"
    UNFINISHED = "the trainer has the state of its latest checkpoint: it goes on"
    FINISHED = "the trainer has the state of its end"
    MODEL = "it is over, and its model is all that is left"


def restore_run(trainer: Trainer, folder: RunFolder, epochs: int) -> Stage:
    """Put the trainer where the run of so many `epochs` is.

    Nothing that a run has made is written over: CheckpointError where there is something, but nothing to go on from.
    """
    if restore_latest(trainer, folder) is not None:
        return Stage.UNFINISHED if trainer.unfinished else Stage.FINISHED
    made = len(HistoryFile(folder.history).records())
    if folder.model.exists():
        if folder.results or made == epochs:
            return Stage.MODEL
        raise CheckpointError(
            f"{folder.path} needs a checkpoint to go on from, but holds a model after {made} epochs alone. Start a run "
            f"of another name from that: --from {folder.path} --name NAME."
        )
    folder.set_history_aside()
    return Stage.NEW


def restore_latest(trainer: Trainer, folder: RunFolder) -> str | None:
    """Restore the latest checkpoint into the trainer and return its name; None if the folder has none.

    A damaged file is skipped for the one before it, with a warning; CheckpointError where no file is left.
    """
    failure: CheckpointError | None = None
    for path in sorted(folder.checkpoints.glob(PATTERN), reverse=True):
        if failure is not None:
            warnings.warn(f"{failure} The checkpoint before it is taken.", stacklevel=2)
        try:
            trainer.restore(path)
        except CheckpointError as error:
            failure = error
            continue
        return path.name
    if failure is not None:
        raise CheckpointError(f"{failure} No checkpoint before it can be read: choose another --name to start anew.")
    return None


def write_final_checkpoint(trainer: Trainer, folder: RunFolder, keep: int) -> None:
    """Write the checkpoint at the end of a run, from which a resume continues with nothing; keep the latest `keep`."""
    trainer.checkpoint(folder.checkpoints / f"step-{trainer.session.step:08d}.safetensors")
    with reraise_as_checkpoint_error(folder.checkpoints):
        keep_latest(folder.checkpoints, PATTERN, keep)
