"""Resume a run: restore its latest readable checkpoint, and write its final one."""

from __future__ import annotations

import warnings

from bpframe.errors import CheckpointError
from bpframe.runs.folder import RunFolder
from bpframe.saving.atomic import keep_latest, reraise_as_checkpoint_error
from bpframe.training.trainer import Trainer

PATTERN = "step-*.safetensors"


def restore_latest(trainer: Trainer, folder: RunFolder) -> str | None:
    """Restore the latest checkpoint into the trainer and return its name; None if the folder has none.

    A damaged file is skipped for the one before it, with a warning.
    """
    for path in sorted(folder.checkpoints.glob(PATTERN), reverse=True):
        try:
            trainer.restore(path)
        except CheckpointError as error:
            warnings.warn(f"{error} The checkpoint before it is taken.", stacklevel=2)
            continue
        return path.name
    return None


def write_final_checkpoint(trainer: Trainer, folder: RunFolder, keep: int) -> None:
    """Write the checkpoint at the end of a run, from which a resume continues with nothing; keep the latest `keep`."""
    trainer.checkpoint(folder.checkpoints / f"step-{trainer.session.step:08d}.safetensors")
    with reraise_as_checkpoint_error(folder.checkpoints):
        keep_latest(folder.checkpoints, PATTERN, keep)
