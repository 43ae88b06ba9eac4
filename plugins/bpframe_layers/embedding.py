"""Embedding of integer indices as trained vectors.

Shapes: x (B, ...) ids, N of them in all, y (B, ..., m), weight (k, m), k num_embeddings, m embedding_dim.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar, final

import numpy as np

from bpframe.plugin import (
    Array,
    Cache,
    ConfigError,
    Context,
    DataError,
    HostArray,
    Initializer,
    Params,
    Shape,
    checks,
    draw_parameter,
    ops,
)
from bpframe_initializers.normal import Normal
from bpframe_layers.multiplied import FACTORS, declare_multipliers

ONE_HOT = 2**22  # numbers of ids in one-hot form, up to which a product with them is made
ROUNDING = 1e-3  # how far from a whole number an id may come in


@final
@dataclass(frozen=True)
class Embedding:
    """y = weight[x] for ids x from 0 to num_embeddings - 1; dweight[i] = sum of dy where x is i, and dx = 0.

    x holds ids as floats, as all data come, and is rounded. Rows with an id outside the table, or with a number that is
    no id, are refused where they come in. Behind a layer that makes other numbers, such an id gives NaN, in its own
    place only: training stops there and names the layer, instead of passing another row's vector off. The backward
    pass multiplies by the ids in one-hot form, or, where that takes millions of numbers, adds up the rows of each id.
    Weights start with variance 1, as in PyTorch: as large as a standardised column. `padding_idx` is the id of padding,
    whose y is 0 and whose weights, 0 too, have no slope (as in PyTorch): what `mask_value=0.0` of recurrent layers and
    `mask_zeros` of attention know as no step. `lr_multiplier` and `decay_multiplier` are factors of the learning rate
    and of the decay of the table.
    """

    num_embeddings: int
    embedding_dim: int
    weight_initializer: Initializer = Normal(stddev=1.0)
    padding_idx: int | None = None
    lr_multiplier: float | None = None
    decay_multiplier: float | None = None
    fixed_settings: ClassVar[tuple[str, ...]] = FACTORS
    range: ClassVar[str] = "(-inf, inf)"

    def __post_init__(self) -> None:
        checks.whole("embedding", 1, num_embeddings=self.num_embeddings)
        checks.whole("embedding", 1, embedding_dim=self.embedding_dim)
        declare_multipliers("embedding", self)
        if self.padding_idx is not None and checks.whole("embedding", 0, padding_idx=self.padding_idx) >= (
            self.num_embeddings
        ):
            raise ConfigError(
                f"embedding needs a padding_idx below num_embeddings, {self.num_embeddings}, got {self.padding_idx}."
            )

    @classmethod
    def example_configs(cls) -> list[dict[str, Any]]:
        """A small table; one with padding."""
        return [{"num_embeddings": 6, "embedding_dim": 3}, {"num_embeddings": 3, "embedding_dim": 2, "padding_idx": 0}]

    def example_input(self, rng: np.random.Generator) -> HostArray:
        """Rows of two ids (4, 2)."""
        return rng.integers(0, self.num_embeddings, (4, 2)).astype(np.float64)

    def init(self, rng: np.random.Generator, in_shape: Shape) -> tuple[Params, Shape]:
        """{"weight" (k, m)}, for which fan_in is 1, since an id picks one row of it; rows of (..., m)."""
        k, m = self.num_embeddings, self.embedding_dim
        weight = draw_parameter(self.weight_initializer, rng, (k, m), 1, m)
        if self.padding_idx is not None:
            weight = np.where(np.arange(k)[:, None] == self.padding_idx, 0.0, weight)
        return {"weight": weight}, (*in_shape, m)

    def check_inputs(self, x: HostArray) -> None:
        """DataError for the first number of x (N, ...) that is no id of the table."""
        ids = np.round(x)
        known = (ids >= 0) & (ids < self.num_embeddings) & (np.abs(x - ids) <= ROUNDING)
        if known.all():
            return
        row, *columns = map(int, np.argwhere(~known)[0])
        got, where = x[row, *columns], f"row {row}, column {', '.join(map(str, columns))}"
        last = self.num_embeddings - 1
        if abs(got - np.round(got)) > ROUNDING:
            error = DataError(
                f"ids are whole numbers from 0 to {last}, got {got:g} at {where}. Encode them as integers."
            )
        else:
            error = DataError(
                f"id {got:.0f} is outside 0 .. {last} (num_embeddings {self.num_embeddings}), at {where}. Give the "
                "layer a larger num_embeddings, or the id a number of its own below it."
            )
        error.row = row
        raise error

    def forward(self, params: Params, x: Array, context: Context) -> tuple[Array, Cache]:
        """(the row of each id, x)."""
        xp = ops.namespace(x)
        ids: Any = xp.reshape(xp.round(x), (x.size,))
        known = xp.logical_and(ids >= 0, ids < self.num_embeddings)
        rows = xp.take(params["weight"], xp.astype(xp.where(known, ids, 0.0), xp.int32), axis=0)
        y = xp.where(known[:, None], rows, math.nan)
        if self.padding_idx is not None:
            y = xp.where((ids == self.padding_idx)[:, None], 0.0, y)
        return xp.reshape(y, (*x.shape, self.embedding_dim)), x

    def backward(self, params: Params, cache: Cache, dy: Array, context: Context) -> tuple[Array | None, Params]:
        """(0, since rounding is flat, or None; {"weight"})."""
        xp, x = ops.namespace(dy), cache
        ids, rows = xp.reshape(xp.round(x), (x.size, 1)), xp.reshape(dy, (x.size, self.embedding_dim))
        if x.size * self.num_embeddings > ONE_HOT:
            inside = xp.clip(ids[:, 0], 0.0, float(self.num_embeddings - 1))  # those outside have NaN behind them
            gradients = {"weight": ops.segment_sum(rows, xp.astype(inside, xp.int32), self.num_embeddings)}
        else:
            numbers = xp.arange(self.num_embeddings, dtype=x.dtype, **ops.placement(x))
            gradients = {"weight": ops.matmul_tn(xp.astype(ids == numbers, dy.dtype), rows)}
        if self.padding_idx is not None:
            own: Any = xp.arange(self.num_embeddings, **ops.placement(x))
            gradients["weight"] = xp.where((own == self.padding_idx)[:, None], 0.0, gradients["weight"])
        return (xp.zeros_like(x) if context.need_dx else None), gradients
