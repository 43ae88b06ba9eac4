"""Half a cosine between two values, level at both ends."""

from __future__ import annotations

import math


def between(start: float, end: float, part: float) -> float:
    """end + (start - end) (1 + cos(pi part)) / 2: `start` at part 0, `end` at part 1."""
    return end + (start - end) * (1 + math.cos(math.pi * part)) / 2
