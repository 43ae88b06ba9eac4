"""Class labels for losses that compare the scores of classes.  z (B, C) scores, target (B, C) one-hot."""

from __future__ import annotations

from typing import Any

import numpy as np

from bpframe.plugin import HostArray, one_hot
from bpframe_losses.domain import admit


def encode(owner: str, y: HostArray, learned: dict[str, Any]) -> HostArray:
    """One-hot rows over the sorted classes; DataError for rows that share their weight among classes."""
    target = one_hot(y, learned)
    remedy = "For soft labels use softmax_cross_entropy."
    return admit(owner, target, (target == 0) | (target == 1), "a single class a row", remedy)


def predict(scores: HostArray) -> HostArray:
    """(N,) the class of the largest score."""
    numbers: HostArray = scores.argmax(axis=1)
    return numbers


def example(rng: np.random.Generator) -> tuple[HostArray, HostArray]:
    """Scores on either side of the margins of their classes."""
    return 2 * rng.normal(size=(5, 3)), np.eye(3)[rng.integers(0, 3, 5)]


def example_at_kink(rng: np.random.Generator) -> tuple[HostArray, HostArray]:
    """Rows whose margins are met exactly, and rows whose scores are equal, or are but that of the class."""
    y = np.eye(3)[rng.integers(0, 3, 5)]
    return y * np.array([[1.0], [0.0], [-1.0], [1.0], [0.0]]), y
