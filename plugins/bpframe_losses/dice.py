"""Soft Dice loss.  Shapes: z (B, C) scores, target (B, C) in [0, 1], each output a yes/no of one set."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, final

from bpframe.plugin import Array, checks, ops


@final
@dataclass(frozen=True)
class Dice:
    """loss = 1 - (2 sum p y + smooth) / (sum p + sum y + smooth), in [0, 1), with p = sigmoid(z).

    delta = ((2 sum p y + smooth) - 2 y (sum p + sum y + smooth)) / (sum p + sum y + smooth)^2 * p (1 - p). Sums run
    over the outputs of a row; with over="batch" over the whole batch, whose rows are then coupled: one value, and no
    sample weights.
    Source: Drozdzal et al. (2016), The importance of skip connections in biomedical image segmentation;
    `smooth`, which decides where both sets are empty, is customary.
    """

    smooth: float = 1.0
    over: Literal["row", "batch"] = "row"
    link: ClassVar[str] = "sigmoid"

    def __post_init__(self) -> None:
        checks.positive("dice", smooth=self.smooth)

    def value_and_delta(self, scores: Array, target: Array) -> tuple[Array, Array]:
        """(loss (B,), or 0-d over the batch; delta (B, C))."""
        xp = ops.namespace(scores)
        axis = -1 if self.over == "row" else None
        e = xp.exp(-abs(scores))
        p = xp.where(scores >= 0, 1.0, e) / (1 + e)
        both = 2 * xp.sum(p * target, axis=axis, keepdims=True) + self.smooth
        sizes = xp.sum(p + target, axis=axis, keepdims=True) + self.smooth
        value = xp.reshape((sizes - both) / sizes, scores.shape[:1] if self.over == "row" else ())
        return value, (both - 2 * target * sizes) / (sizes * sizes) * (e / (1 + e) ** 2)

    @classmethod
    def example_configs(cls) -> list[dict[str, object]]:
        """A value a row, and one for the batch."""
        return [{}, {"over": "batch", "smooth": 0.5}]
