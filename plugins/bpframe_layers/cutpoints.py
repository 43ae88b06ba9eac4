"""Cutpoints on one latent number.  K classes; x (B, ..., 1), y (B, ..., K - 1), shift (K - 1,)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar, final

import numpy as np

from bpframe.plugin import Array, Cache, Context, Params, Shape, ShapeError, checks, ops

UNIT = math.log(math.e - 1)  # softplus of it is 1


@final
@dataclass(frozen=True)
class Cutpoints:
    """y_k = x - c_k, c_0 = shift_0, c_k = c_(k-1) + log(1 + exp(shift_k)): cutpoints that rise, whatever is trained.

    dx = sum_k dy_k; with dc_k = -sum of dy_k over rows dshift_0 = sum_k dc_k, dshift_j = sigmoid(shift_j) times the sum
    of dc_k over k >= j. They start at distances of 1 around 0. With the loss cumulative_link: proportional odds.
    Source: McCullagh (1980), Regression models for ordinal data, section 2; the distances by softplus are customary.
    """

    classes: int
    range: ClassVar[str] = "(-inf, inf)"

    def __post_init__(self) -> None:
        checks.whole("cutpoints", 2, classes=self.classes)

    @classmethod
    def example_configs(cls) -> list[dict[str, Any]]:
        """Four classes, and two."""
        return [{"classes": 4}, {"classes": 2}]

    def example_input(self, rng: np.random.Generator) -> Any:
        """Rows of one number (4, 1)."""
        return rng.normal(size=(4, 1))

    def init(self, rng: np.random.Generator, in_shape: Shape) -> tuple[Params, Shape]:
        """{"shift" (K - 1,)}; ShapeError but for rows whose last axis has one number."""
        if in_shape[-1:] != (1,):
            raise ShapeError(f"cutpoints needs rows of one number, (..., 1), got {in_shape}. Put dense(1) before it.")
        shift = np.full(self.classes - 1, UNIT)
        shift[0] = -(self.classes - 2) / 2
        return {"shift": shift}, (*in_shape[:-1], self.classes - 1)

    def forward(self, params: Params, x: Array, context: Context) -> tuple[Array, Cache]:
        """(y, nothing)."""
        shift = params["shift"]
        xp = ops.namespace(shift)
        gaps = xp.maximum(shift[1:], xp.zeros_like(shift[1:])) + xp.log1p(xp.exp(-abs(shift[1:])))
        return x - xp.cumulative_sum(xp.concat([shift[:1], gaps])), None

    def backward(self, params: Params, cache: Cache, dy: Array, context: Context) -> tuple[Array | None, Params]:
        """(dx or None, {"shift"})."""
        xp, shift = ops.namespace(dy), params["shift"]
        dc = -xp.sum(dy, axis=tuple(range(dy.ndim - 1)))
        behind = xp.flip(xp.cumulative_sum(xp.flip(dc)))
        e = xp.exp(-abs(shift[1:]))
        slope = xp.where(shift[1:] >= 0, 1.0, e) / (1 + e)
        gradient = xp.concat([behind[:1], slope * behind[1:]])
        return (xp.sum(dy, axis=-1, keepdims=True) if context.need_dx else None), {"shift": gradient}
