"""Going on with a run: its newest checkpoint that can be read."""

from __future__ import annotations

import warnings

from bpframe.errors import CheckpointError
from bpframe.runs.folder import Folder
from bpframe.trainer import Trainer


def restored(trainer: Trainer, folder: Folder) -> str | None:
    """The name of the checkpoint whose state the trainer has now; None where the folder has none.

    A file that is damaged is passed over for the one before it, with a warning.
    """
    for path in sorted(folder.checkpoints.glob("step-*.safetensors"), reverse=True):
        try:
            trainer.restore(path)
        except CheckpointError as error:
            warnings.warn(f"{error} The checkpoint before it is taken.", stacklevel=2)
            continue
        return path.name
    return None
