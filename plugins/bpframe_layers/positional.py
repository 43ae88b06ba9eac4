"""Positions of steps, added to them (positional).  Shapes: x, y and dy (B, T, n), weight (T, n)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, cast, final

import numpy as np

from bpframe.plugin import (
    Array,
    Cache,
    Context,
    HostArray,
    Initializer,
    Params,
    Shape,
    ShapeError,
    checks,
    draw_parameter,
    ops,
)
from bpframe_initializers.normal import Normal
from bpframe_layers.attention import kept_steps

BASE = 10000.0


@final
@dataclass(frozen=True)
class Positional:
    """y = x + weight, a vector for each step that is trained, or one of sines and cosines that is not; dx = dy.

    "sinusoidal": number 2 i of step t is sin(t / 10000^(2 i / n)), number 2 i + 1 the cosine of the same angle.
    `mask_zeros`: a step whose numbers are all 0 is padding, and stays 0.
    Source: Vaswani et al. (2017), Attention is all you need, arXiv:1706.03762, section 3.5; learned: Gehring et al.
    (2017), arXiv:1705.03122, section 3.1.
    """

    form: Literal["learned", "sinusoidal"] = "learned"
    mask_zeros: bool = False
    weight_initializer: Initializer = Normal(stddev=0.02)
    range: ClassVar[str] = "(-inf, inf)"

    def __post_init__(self) -> None:
        checks.one_of("positional", ("learned", "sinusoidal"), form=self.form)

    @classmethod
    def example_configs(cls) -> list[dict[str, Any]]:
        """Both forms."""
        return [{}, {"form": "sinusoidal", "mask_zeros": True}]

    def example_input(self, rng: np.random.Generator) -> HostArray:
        """Rows of 3 steps of 4 numbers (4, 3, 4)."""
        return rng.normal(size=(4, 3, 4))

    def init(self, rng: np.random.Generator, in_shape: Shape) -> tuple[Params, Shape]:
        """{"weight" (T, n)} if it is learned; rows keep their shape."""
        if len(in_shape) != 2:
            raise ShapeError(f"positional needs rows of steps, (steps, numbers), got {in_shape}.")
        if self.form == "sinusoidal":
            return {}, in_shape
        return {"weight": draw_parameter(self.weight_initializer, rng, in_shape, 1, in_shape[1])}, in_shape

    def forward(self, params: Params, x: Array, context: Context) -> tuple[Array, Cache]:
        """(y, which steps count; None for all)."""
        xp, steps = ops.namespace(x), cast(Any, x)
        mask: Any = xp.any(steps != 0, axis=-1) if self.mask_zeros else None
        own: Any = params["weight"] if self.form == "learned" else _sines(x)
        return kept_steps(x + own, mask), mask

    def backward(self, params: Params, cache: Cache, dy: Array, context: Context) -> tuple[Array | None, Params]:
        """(dy, {"weight": the sum over the rows})."""
        dx = kept_steps(dy, cache)
        return dx, ({"weight": ops.sum_rows(dx)} if self.form == "learned" else {})


def _sines(x: Array) -> Any:
    """(T, n), in the dtype of x."""
    xp, (steps, n), where = ops.namespace(x), x.shape[1:], ops.placement(x)
    number: Any = xp.arange(n, dtype=x.dtype, **where)
    pair: Any = xp.floor(number / 2) * 2
    place: Any = xp.arange(steps, dtype=x.dtype, **where)
    angles = place[:, None] * xp.exp(pair * (-math.log(BASE) / n))[None, :]
    return xp.where(number == pair, xp.sin(angles), xp.cos(angles))
