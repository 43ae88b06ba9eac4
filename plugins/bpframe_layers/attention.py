"""Self-attention with several heads.

Shapes: x and y (B, T, n), heads h of width d, m = h d; weight (n, 3 m) and bias (3 m,) of queries, keys and values side
by side, output weight (m, n) and bias (n,); of a head q, k, v (B, h, T, d), s and p (B, h, T, T); mask (B, T).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar, cast, final

import numpy as np

from bpframe.plugin import (
    Array,
    Cache,
    ConfigError,
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
from bpframe_initializers.glorot_uniform import GlorotUniform
from bpframe_initializers.zeros import Zeros
from bpframe_layers.affine_rows import affine_rows, affine_rows_backward, transposed
from bpframe_layers.rotary import rotated


@final
@dataclass(frozen=True)
class Attention:
    """y = concat_h(p v) w_o + b_o, p = softmax(s), s = q k^T / sqrt(d): each step a mean of what all steps say.

    q, k, v = x w + b. Back: do = dy w_o^T, dv = p^T do, dp = do v^T, ds = p (dp - sum(dp p)), dq = ds k / sqrt(d), dk =
    ds^T q / sqrt(d). `causal`: a step sees itself and those before it. `rotary`: queries and keys are turned by their
    place, each pair of numbers by an angle of its own, so that s depends on distances. `mask_zeros`: a step whose
    numbers are all 0 is padding: no step sees it, and its y is 0. `width` is d, n / h if left out. Scores are scaled
    before the softmax and shifted by their largest, so that none overflows.
    Source: Vaswani et al. (2017), Attention is all you need, arXiv:1706.03762, section 3.2; rotary: Su et al. (2021),
    RoFormer, arXiv:2104.09864, section 3.4.2.
    """

    heads: int
    width: int | None = None
    causal: bool = False
    rotary: bool = False
    mask_zeros: bool = False
    bias: bool = True
    weight_initializer: Initializer = GlorotUniform()
    bias_initializer: Initializer = Zeros()
    range: ClassVar[str] = "(-inf, inf)"

    def __post_init__(self) -> None:
        checks.whole("attention", 1, heads=self.heads)
        if self.width is not None:
            checks.whole("attention", 1, width=self.width)
            if self.rotary and self.width % 2:
                raise ConfigError(f"attention needs an even width for rotary, which turns pairs, got {self.width}.")

    @classmethod
    def example_configs(cls) -> list[dict[str, Any]]:
        """Plain; causal with turned queries and keys; with padding."""
        return [
            {"heads": 2},
            {"heads": 1, "width": 2, "causal": True, "rotary": True, "bias": False},
            {"heads": 2, "mask_zeros": True},
        ]

    def example_input(self, rng: np.random.Generator) -> HostArray:
        """Rows of 3 steps of 4 numbers (4, 3, 4)."""
        return rng.normal(size=(4, 3, 4))

    def init(self, rng: np.random.Generator, in_shape: Shape) -> tuple[Params, Shape]:
        """{"weight" (n, 3 m), "bias" (3 m,), "output": {"weight" (m, n), "bias" (n,)}}; rows keep their shape."""
        if len(in_shape) != 2:
            raise ShapeError(f"attention needs rows of steps, (steps, numbers), got {in_shape}.")
        n = in_shape[1]
        if self.width is None and (n % self.heads or (self.rotary and n // self.heads % 2)):
            raise ShapeError(
                f"attention needs numbers a step that {self.heads} heads share{' in pairs' if self.rotary else ''}, "
                f"got {n}. Give it a width, or another number of heads."
            )
        m = self.heads * (self.width or n // self.heads)
        thirds = [draw_parameter(self.weight_initializer, rng, (n, m), n, m) for _ in range(3)]
        outer: Params = {"weight": draw_parameter(self.weight_initializer, rng, (m, n), m, n)}
        params: Params = {"weight": np.concatenate(thirds, axis=1), "output": outer}
        if self.bias:
            params["bias"] = draw_parameter(self.bias_initializer, rng, (3 * m,), n, m)
            outer["bias"] = draw_parameter(self.bias_initializer, rng, (n,), m, n)
        return params, in_shape

    def forward(self, params: Params, x: Array, context: Context) -> tuple[Array, Cache]:
        """(y, (x, q, k, v, p, joined heads, mask))."""
        return self.attend(params, x, self.padding(x))

    def padding(self, x: Array) -> Any:
        """Which steps (B, T) are none; None where all count."""
        xp, steps = ops.namespace(x), cast(Any, x)
        return xp.any(steps != 0, axis=-1) if self.mask_zeros else None

    def attend(self, params: Params, x: Array, mask: Any) -> tuple[Array, Cache]:
        """As forward, with a mask of the steps that count."""
        outer = params["output"]
        q, k, v = self._heads(affine_rows(x, params))
        if self.rotary:
            q, k = rotated(q), rotated(k)
        p = self._weights(q @ transposed(k) * (1 / math.sqrt(q.shape[-1])), mask)
        together = _side_by_side(p @ v)
        y = affine_rows(together, outer)
        return kept_steps(y, mask), (x, q, k, v, p, together, mask)

    def backward(self, params: Params, cache: Cache, dy: Array, context: Context) -> tuple[Array | None, Params]:
        """(dx or None, gradients like the parameters)."""
        x, q, k, v, p, together, mask = cache
        xp, outer = ops.namespace(dy), params["output"]
        dtogether, inner = affine_rows_backward(together, outer, kept_steps(dy, mask), True)
        (do,) = self._parted(dtogether, 1)
        dp: Any = do @ transposed(v)
        ds = p * (dp - xp.sum(dp * p, axis=-1, keepdims=True)) * (1 / math.sqrt(q.shape[-1]))
        dq, dk, dv = ds @ k, transposed(ds) @ q, transposed(p) @ do
        if self.rotary:
            dq, dk = rotated(dq, -1), rotated(dk, -1)
        du = xp.concat([_side_by_side(each) for each in (dq, dk, dv)], axis=-1)
        dx, gradients = affine_rows_backward(x, params, du, context.need_dx)
        return dx, {**gradients, "output": inner}

    def _heads(self, u: Array) -> list[Any]:
        """Queries, keys and values (B, h, T, d) of u (B, T, 3 m)."""
        return self._parted(u, 3)

    def _parted(self, u: Array, parts: int) -> list[Any]:
        """Parts (B, h, T, d) that stand side by side in u (B, T, parts m)."""
        xp, (count, steps, wide) = ops.namespace(u), u.shape
        shape = (count, steps, parts, self.heads, wide // (parts * self.heads))
        apart: Any = xp.permute_dims(xp.reshape(u, shape), (2, 0, 3, 1, 4))
        return [apart[k, ...] for k in range(parts)]

    def _weights(self, s: Any, mask: Any) -> Any:
        """p of scores s, 0 where a step is not seen; of a step that sees none all are 0."""
        xp: Any = ops.namespace(s)
        steps = s.shape[-1]
        seen: Any = None if mask is None else mask[:, None, None, :]
        if self.causal:
            order: Any = xp.arange(steps, **ops.placement(s))
            before = order[:, None] >= order[None, :]
            seen = before if seen is None else xp.logical_and(seen, before)
        if seen is not None:
            s = xp.where(seen, s, float(xp.finfo(s.dtype).min))
        e = xp.exp(s - xp.max(s, axis=-1, keepdims=True))
        if seen is not None:
            e = xp.where(seen, e, 0.0)
        total = xp.sum(e, axis=-1, keepdims=True)
        return e / xp.where(total > 0, total, 1.0)


def _side_by_side(heads: Array) -> Array:
    """(B, h, T, d) as (B, T, h d)."""
    xp, (count, h, steps, d) = ops.namespace(heads), heads.shape
    return xp.reshape(xp.permute_dims(heads, (0, 2, 1, 3)), (count, steps, h * d))


def kept_steps(y: Array, mask: Any) -> Array:
    """y (B, T, n), 0 where a step does not count."""
    return y if mask is None else ops.namespace(y).where(mask[:, :, None], y, 0.0)
