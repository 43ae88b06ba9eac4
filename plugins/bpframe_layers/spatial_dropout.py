"""Dropout of whole channels (spatial).  Shapes: x and y (B, *S, C), mask (B, 1, ..., C)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, final

import numpy as np

from bpframe.plugin import Array, Cache, Context, HostArray, Params, Shape, checks
from bpframe_layers.dropout_mask import keep_mask, kept_numbers, range_after_dropout


@final
@dataclass(frozen=True)
class SpatialDropout:
    """y = x / (1 - rate) with probability 1 - rate, else 0, each channel of a row as a whole; dx = dy alike.

    For outputs of convolutions, whose neighbours in space are alike, so that numbers left out one by one would be known
    from those beside them. Scaled in training, so that E[y] = x and evaluation is the identity.
    Source: Tompson et al. (2015), Efficient object localization using convolutional networks, arXiv:1411.4280, 3.2.
    """

    rate: float = 0.5
    training_only: ClassVar[bool] = True

    def __post_init__(self) -> None:
        checks.fraction("spatial_dropout", rate=self.rate)

    @property
    def stochastic(self) -> bool:
        """Whether it draws at all."""
        return self.rate > 0

    def example_input(self, rng: np.random.Generator) -> HostArray:
        """Rows of 3 x 2 with 4 channels (3, ...)."""
        return rng.normal(size=(3, 3, 2, 4))

    def init(self, rng: np.random.Generator, in_shape: Shape) -> tuple[Params, Shape]:
        """No parameters; rows keep their shape."""
        return {}, in_shape

    def range_after(self, inputs: str | None) -> str | None:
        """Of either sign, or of at least 0, as the inputs: what is kept is made larger in training."""
        return range_after_dropout(inputs, self.rate)

    def forward(self, params: Params, x: Array, context: Context) -> tuple[Array, Cache]:
        """(y, which channels were kept; None for all)."""
        rows: Any = x
        kept = keep_mask(self.rate, rows[(slice(None), *(slice(0, 1),) * (x.ndim - 2), ...)], context)
        return (x if kept is None else kept_numbers(kept, x, self.rate)), kept

    def backward(self, params: Params, cache: Cache, dy: Array, context: Context) -> tuple[Array | None, Params]:
        """dy through the same mask."""
        return (dy if cache is None else kept_numbers(cache, dy, self.rate)), {}
