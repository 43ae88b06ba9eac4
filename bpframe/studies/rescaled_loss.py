"""A rescaled loss: another loss times a constant, for the diagnosis of what that does to a rule.

Shapes: scores (B, C), target as the inner loss has it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, cast, final

from bpframe.protocols import Loss
from bpframe.registry import build
from bpframe.types import Array


@final
@dataclass(frozen=True)
class RescaledLoss:
    """loss = factor inner(scores, target); so is delta."""

    inner: Loss
    factor: float
    pure: ClassVar[bool] = True

    @classmethod
    def of(cls, loss: Any, factor: float) -> RescaledLoss:
        """A loss by its specification, rescaled."""
        return cls(cast(Loss, build("loss", loss)), factor)

    @property
    def link(self) -> str:
        """That of the inner loss."""
        return str(self.inner.link)

    def value_and_delta(self, scores: Array, target: Array) -> tuple[Array, Array]:
        """Both of the inner loss, times the factor."""
        value, delta = self.inner.value_and_delta(scores, target)
        return value * self.factor, delta * self.factor
