"""Going on with a run: its newest checkpoint that can be read, and the one that closes it."""

from __future__ import annotations

import warnings

from bpframe.errors import CheckpointError
from bpframe.runs.folder import Folder
from bpframe.saving.atomic import keep_latest, told
from bpframe.training.trainer import Trainer

PATTERN = "step-*.safetensors"


def restored(trainer: Trainer, folder: Folder) -> str | None:
    """The name of the checkpoint whose state the trainer has now; None where the folder has none.

    A file that is damaged is passed over for the one before it, with a warning.
    """
    for path in sorted(folder.checkpoints.glob(PATTERN), reverse=True):
        try:
            trainer.restore(path)
        except CheckpointError as error:
            warnings.warn(f"{error} The checkpoint before it is taken.", stacklevel=2)
            continue
        return path.name
    return None


def close(trainer: Trainer, folder: Folder, keep: int) -> None:
    """The checkpoint of a run that is over, so that nobody trains it further; the latest `keep` stay."""
    trainer.checkpoint(folder.checkpoints / f"step-{trainer.session.step:08d}.safetensors")
    with told(folder.checkpoints):
        keep_latest(folder.checkpoints, PATTERN, keep)
