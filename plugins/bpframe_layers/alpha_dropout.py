"""Alpha dropout, which keeps the mean and variance of selu's output.  Shapes: x and y (B, ...), alike."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, final

import numpy as np

from bpframe.plugin import Array, Cache, Context, Params, Shape, checks, ops
from bpframe_layers.dropout_mask import keep_mask

LOWEST = -1.0507009873554805 * 1.6732632423543772  # -lambda alpha: where selu ends at minus infinity


@final
@dataclass(frozen=True)
class AlphaDropout:
    """y = a x' + b, x' = x with probability q = 1 - rate, else c; dx = a dy where x was kept, else 0.

    c = -lambda alpha is selu's limit at minus infinity; a = (q + c^2 q (1 - q))^(-1/2) and b = -a (1 - q) c bring x of
    mean 0 and variance 1 back to them. The identity in evaluation.
    Source: Klambauer, Unterthiner, Mayr and Hochreiter (2017), arXiv:1706.02515, section "New Dropout Technique".
    """

    rate: float = 0.1
    training_only: ClassVar[bool] = True
    range: ClassVar[str] = "(-inf, inf)"

    def __post_init__(self) -> None:
        checks.fraction("alpha_dropout", rate=self.rate)

    @property
    def stochastic(self) -> bool:
        """Whether it draws at all."""
        return self.rate != 0

    def init(self, rng: np.random.Generator, in_shape: Shape) -> tuple[Params, Shape]:
        """No parameters; rows keep their shape."""
        return {}, in_shape

    def forward(self, params: Params, x: Array, context: Context) -> tuple[Array, Cache]:
        """(y, which numbers were kept; None for all)."""
        kept = keep_mask(self.rate, x, context)
        if kept is None:
            return x, None
        shift = -self._slope * self.rate * LOWEST
        y = ops.namespace(x).where(kept, self._slope * x + shift, self._slope * LOWEST + shift)
        return y, kept

    def backward(self, params: Params, cache: Cache, dy: Array, context: Context) -> tuple[Array | None, Params]:
        """a dy where x was kept."""
        if cache is None:
            return dy, {}
        return ops.namespace(dy).where(cache, self._slope * dy, 0.0), {}

    @property
    def _slope(self) -> Any:
        """a."""
        q = 1 - self.rate
        return 1 / ops.square_root(q + LOWEST**2 * q * self.rate)
