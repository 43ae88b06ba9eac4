"""Yes/no labels for losses of margins.  z (B, C) scores, target (B, C) zeros and ones, each output on its own.

The margin m = s z, with s = 2 y - 1 in {-1, 1}, says how far a score is on the right side of 0.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from bpframe.plugin import HostArray, binary
from bpframe_losses.domain import admit


def encode(owner: str, y: HostArray, learned: dict[str, Any]) -> HostArray:
    """Zeros and ones for labels of two classes (N,), or (N, C) columns of them; DataError for shares in between."""
    target = binary(y, learned)
    remedy = "For soft labels use sigmoid_cross_entropy."
    return admit(owner, target, (target == 0) | (target == 1), "labels of two classes, or columns of 0 and 1,", remedy)


def predict(scores: HostArray) -> HostArray:
    """(N,) zeros and ones of one output, (N, C) of several: 1 where the score is at least 0."""
    yes = (scores >= 0).astype(np.int64)
    return yes[:, 0] if yes.shape[1] == 1 else yes
