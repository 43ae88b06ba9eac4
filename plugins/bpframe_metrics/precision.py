"""Precision.  Shapes: prediction and target (B,) class numbers or (B, k) zeros and ones, weight (B,)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal, final

from bpframe.plugin import HostArray, checks
from bpframe_metrics import class_counts


@final
@dataclass(frozen=True)
class Precision:
    """Weight of rows of a class that are predicted as it / weight of all that are predicted as it; 0 for none.

    `average` says how classes are joined: "binary" (class 1 alone, of two), "macro" (their mean), "weighted" (their
    mean by how often each is true), or "micro" (over all of them together); as in scikit-learn.
    """

    average: Literal["binary", "macro", "micro", "weighted"] = "binary"
    of: ClassVar[Literal["labels"]] = "labels"
    best: ClassVar[Literal["max"]] = "max"

    def __post_init__(self) -> None:
        checks.one_of("precision", class_counts.AVERAGES, average=self.average)

    @classmethod
    def example_configs(cls) -> list[dict[str, Any]]:
        """For the checks, whose labels are of three classes."""
        return [{"average": average} for average in class_counts.AVERAGES if average != "binary"]

    def value(self, prediction: HostArray, target: HostArray, weight: HostArray) -> float:
        """In [0, 1]; DataError for more than two classes with average "binary"."""
        return class_counts.ratio("precision", self.average, (prediction, target, weight), _right_of_predicted)


def _right_of_predicted(counts: class_counts.Counts) -> tuple[HostArray, HostArray]:
    right, predicted, _ = counts
    return right, predicted
