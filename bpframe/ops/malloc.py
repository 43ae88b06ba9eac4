"""The allocation thresholds of glibc's malloc: freed memory stays with the process."""

from __future__ import annotations

import numpy as np


def raise_thresholds() -> None:
    """Raise the sizes from which glibc returns freed memory to the system; arrays above 128 KB otherwise refault
    their pages each step.

    The thresholds follow the largest block freed so far, up to 32 MB: one such block, never touched, is enough for the
    process.
    """
    np.empty(31 * 2**20, dtype=np.uint8)
