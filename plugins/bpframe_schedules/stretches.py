"""Stretches of a run, split at given numbers of updates."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from bpframe.plugin import ConfigError


def check(owner: str, boundaries: Sequence[int], stretches: int) -> None:
    """ConfigError unless the boundaries rise from above 0 and are one fewer than the stretches."""
    if len(boundaries) != stretches - 1:
        raise ConfigError(
            f"{owner} needs one boundary between two stretches, {stretches - 1} for {stretches}, got {len(boundaries)}."
        )
    if any(a >= b for a, b in pairwise((0, *boundaries))):
        raise ConfigError(f"{owner} needs boundaries that rise from above 0, got {tuple(boundaries)}.")
