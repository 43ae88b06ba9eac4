"""A block of a transformer: attention and a dense network by step, each behind a norm and beside a skip connection.

Shapes: x and y (B, T, n), hidden rows (B, T, hidden).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, final

import numpy as np

from bpframe.plugin import Activation, Array, Cache, Context, HostArray, Layer, Params, Shape, checks
from bpframe_activations.gelu import Gelu
from bpframe_layers.attention import Attention, kept_steps
from bpframe_layers.dense import Dense
from bpframe_layers.dropout import Dropout
from bpframe_layers.layer_norm import LayerNorm

NORM = LayerNorm()


@final
@dataclass(frozen=True)
class TransformerBlock:
    """a = x + dropout(attention(norm(x))), y = a + dropout(dense(phi(dense(norm(a))))): the block with norms first.

    Attention has `heads`, and `causal`, `rotary` and `mask_zeros` as in its own layer; with `mask_zeros` steps of x
    whose numbers are all 0 are padding: no step sees them, and their y is 0. The dense network by step has `hidden`
    units, 4 n if left out. Slopes go the same ways back, those of both branches added at each fork.
    Source: Vaswani et al. (2017), Attention is all you need, arXiv:1706.03762, section 3; norms first: Xiong et al.
    (2020), arXiv:2002.04745.
    """

    heads: int
    hidden: int | None = None
    activation: Activation | Layer = Gelu()
    dropout: float = 0.0
    causal: bool = False
    rotary: bool = False
    mask_zeros: bool = False
    attention: Attention = field(init=False, repr=False, compare=False)
    drop: Dropout = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.hidden is not None:
            checks.whole("transformer_block", 1, hidden=self.hidden)
        checks.fraction("transformer_block", dropout=self.dropout)
        attention = Attention(self.heads, causal=self.causal, rotary=self.rotary, mask_zeros=self.mask_zeros)
        object.__setattr__(self, "attention", attention)
        object.__setattr__(self, "drop", Dropout(self.dropout))

    @property
    def stochastic(self) -> bool:
        """Whether it draws at all."""
        return self.dropout > 0

    @classmethod
    def example_configs(cls) -> list[dict[str, Any]]:
        """Causal; with dropout and padding."""
        return [
            {"heads": 2, "hidden": 3, "causal": True, "rotary": True},
            {"heads": 1, "hidden": 3, "dropout": 0.25, "mask_zeros": True, "activation": "tanh"},
        ]

    def example_input(self, rng: np.random.Generator) -> HostArray:
        """Rows of 3 steps of 4 numbers (4, 3, 4)."""
        return rng.normal(size=(4, 3, 4))

    def init(self, rng: np.random.Generator, in_shape: Shape) -> tuple[Params, Shape]:
        """{"norm_1", "attention", "norm_2", "hidden", "dense"}, each as of its layer; rows keep their shape."""
        params: Params = {}
        params["attention"], _ = self.attention.init(rng, in_shape)
        for name in ("norm_1", "norm_2"):
            params[name], _ = NORM.init(rng, in_shape)
        inner, outer = self._network(in_shape[-1])
        params["hidden"], shape = inner.init(rng, in_shape)
        params["dense"], _ = outer.init(rng, shape)
        return params, in_shape

    def forward(self, params: Params, x: Array, context: Context) -> tuple[Array, Cache]:
        """(y, what each part keeps, by its name)."""
        inner, outer = self._network(x.shape[-1])
        kept: dict[str, Cache] = {"mask": self.attention.padding(x)}

        def through(name: str, layer: Any, rows: Array) -> Array:
            made, kept[name] = layer.forward(params.get(name, {}), rows, context.child(name))
            return made  # type: ignore[no-any-return]

        seen, kept["attention"] = self.attention.attend(params["attention"], through("norm_1", NORM, x), kept["mask"])
        a: Any = x + through("drop_1", self.drop, seen)
        b = through("dense", outer, through("hidden", inner, through("norm_2", NORM, a)))
        return kept_steps(a + through("drop_2", self.drop, b), kept["mask"]), kept

    def backward(self, params: Params, cache: Cache, dy: Array, context: Context) -> tuple[Array | None, Params]:
        """(dx or None, gradients by the name of a part)."""
        inner, outer = self._network(dy.shape[-1])
        gradients: Params = {}

        def back(name: str, layer: Any, slope: Array, need_dx: bool = True) -> Any:
            own = context.child(name) if need_dx else context.child(name, False)
            dx, made = layer.backward(params.get(name, {}), cache[name], slope, own)
            if made:
                gradients[name] = made
            return dx

        da: Any = kept_steps(dy, cache["mask"])
        db = back("dense", outer, back("drop_2", self.drop, da))
        da = da + back("norm_2", NORM, back("hidden", inner, db))
        seen = back("attention", self.attention, back("drop_1", self.drop, da))
        dx = back("norm_1", NORM, seen, context.need_dx)
        return (da + dx if context.need_dx else None), gradients

    def _network(self, n: int) -> tuple[Dense, Dense]:
        return Dense(self.hidden or 4 * n, activation=self.activation), Dense(n)
