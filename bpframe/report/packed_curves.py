"""Packed curves: numbers as short texts for a page, each curve once.

A value takes 24 bits: a float32 without its last 8 bits, so that about 5 digits are right. Positions, where they are
not 0, 1, 2, ..., are steps from one to the next, in as few bytes each as the largest needs. Both are base64.
Where nothing was measured stands NaN, over which the page draws on; what is infinite is a gap.
"""

from __future__ import annotations

import base64
from typing import Any, final

import numpy as np

from bpframe.report.thinning import MOST_POINTS, thinned_positions
from bpframe.types import HostArray

Packed = dict[str, Any]


@final
class PackedCurves:
    """Curves by number; one that is added again has the number of the first."""

    def __init__(self, most: int | None = MOST_POINTS) -> None:
        self._most = most
        self._numbers: dict[bytes, int] = {}
        self.curves: list[Packed] = []
        self.longest = 0  # points of the longest curve that was thinned; 0: none was

    def add(self, values: HostArray) -> int:
        """The number of a curve, thinned if it is long."""
        return self.add_at(thinned_positions(values, self._most), values)

    def add_at(self, positions: HostArray, values: HostArray) -> int:
        """The number of a curve of which the values at these positions are kept."""
        if len(positions) < len(values):
            self.longest = max(self.longest, len(values))
        packed = pack(positions, values[positions])
        key = repr(packed).encode()
        if key not in self._numbers:
            self._numbers[key] = len(self.curves)
            self.curves.append(packed)
        return self._numbers[key]


def pack(positions: HostArray, values: HostArray) -> Packed:
    """{"y": values, "x": steps between positions, "b": bytes of a step}; without "x" for positions 0, 1, 2, ..."""
    packed: Packed = {"y": _base64(_24_bits(values))}
    steps = np.diff(positions, prepend=0)
    if len(positions) and (positions[0] != 0 or (steps[1:] != 1).any()):
        size = next(b for b in (1, 2, 4) if steps.max() < 256**b)
        packed |= {"x": _base64(steps.astype(f"<u{size}").tobytes()), "b": size}
    return packed


def _24_bits(values: HostArray) -> bytes:
    """Each value rounded to the upper three bytes of its float32, little-endian."""
    with np.errstate(over="ignore"):  # what is too large for a float32 is a gap
        bits = values.astype("<f4").view("<u4")
    unknown = np.isnan(values)
    rounded = np.where(unknown, np.uint32(0x7FC000), (bits + np.uint32(0x80)) >> np.uint32(8))
    return rounded.astype("<u4").view(np.uint8).reshape(-1, 4)[:, :3].tobytes()


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode("ascii")
