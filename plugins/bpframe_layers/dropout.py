"""Dropout.  Shapes: x and y (B, ...), alike."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

from bpframe.plugin import Array, Cache, Context, Params, Shape, checks
from bpframe_layers.dropout_mask import keep_mask, kept_numbers, range_after_dropout


@final
@dataclass(frozen=True)
class Dropout:
    """y = x / (1 - rate) with probability 1 - rate, else 0, each number on its own; dx = dy / (1 - rate) or 0 alike.

    Scaled in training ("inverted"), so that E[y] = x and evaluation is the identity. `rate` is the share that drops
    out, as in Keras and PyTorch; others name the share that is kept.
    Source: Srivastava et al. (2014), Dropout: a simple way to prevent neural networks from overfitting.
    """

    rate: float = 0.5
    training_only: ClassVar[bool] = True

    def __post_init__(self) -> None:
        checks.fraction("dropout", rate=self.rate)

    @property
    def stochastic(self) -> bool:
        """Whether it draws at all."""
        return self.rate != 0

    def init(self, rng: np.random.Generator, in_shape: Shape) -> tuple[Params, Shape]:
        """No parameters; rows keep their shape."""
        return {}, in_shape

    def range_after(self, inputs: str | None) -> str | None:
        """Of either sign, or of at least 0, as the inputs: what is kept is made larger in training."""
        return range_after_dropout(inputs, self.rate)

    def forward(self, params: Params, x: Array, context: Context) -> tuple[Array, Cache]:
        """(y, which numbers were kept; None for all)."""
        kept = keep_mask(self.rate, x, context)
        if kept is None:
            return x, None
        return kept_numbers(kept, x, self.rate), kept

    def backward(self, params: Params, cache: Cache, dy: Array, context: Context) -> tuple[Array | None, Params]:
        """dy through the same mask."""
        return (dy if cache is None else kept_numbers(cache, dy, self.rate)), {}
