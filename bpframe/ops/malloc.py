"""Thresholds of glibc's malloc, from which freed memory goes back to the system."""

from __future__ import annotations

import numpy as np


def raise_thresholds() -> None:
    """Have glibc keep freed blocks: otherwise arrays above 128 KB fault in their pages again at each step.

    Its thresholds (M_MMAP_THRESHOLD, M_TRIM_THRESHOLD) follow the largest block freed so far, up to 32 MB: one such
    block, never touched, is enough for the process.
    """
    np.empty(31 * 2**20, dtype=np.uint8)
