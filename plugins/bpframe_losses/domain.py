"""Targets that lie in a loss's domain, checked once, before training.  target (N, C)."""

from __future__ import annotations

import numpy as np

from bpframe.plugin import DataError, HostArray


def admit(owner: str, target: HostArray, holds: HostArray, wanted: str, remedy: str) -> HostArray:
    """The target where `holds` (N, C) is true throughout; otherwise DataError that names the first bad number."""
    if not holds.all():
        row, column = (int(i) for i in np.argwhere(~holds)[0])
        place = f"row {row}" + (f", column {column}" if target.shape[1] > 1 else "")
        raise DataError(f"{owner} needs {wanted} as y, got {target[row, column]:g} at {place}. {remedy}")
    return target
