"""Constant value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final


@final
@dataclass(frozen=True)
class Constant:
    """value(t) = initial."""

    initial: float

    def value(self, step: int) -> float:
        """`initial`, after any number of updates."""
        return self.initial
