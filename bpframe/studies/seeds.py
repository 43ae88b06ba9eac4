"""Seeds of a comparison: scoring has others than tuning, so that no rule is judged by what it was tuned on.

Studies count from 1. All contestants have the same seeds, but for those with an `offset`.
"""

from __future__ import annotations

TUNING_SEED, SCORING_SEED = 100_001, 1
OFFSET = 10_000  # between the seeds of contestants that have other ones


def tuning_seed(study: int, offset: int = 0) -> int:
    """The seed of the tuning trials of a study."""
    return TUNING_SEED + OFFSET * offset + study - 1


def scoring_seed(study: int, number: int, seeds: int, offset: int = 0) -> int:
    """The seed of scoring trial `number`, from 0, of a study that has so many of them."""
    return SCORING_SEED + OFFSET * offset + (study - 1) * seeds + number
