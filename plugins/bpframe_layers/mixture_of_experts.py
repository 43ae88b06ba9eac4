"""Mixture of experts.

Shapes: x (B, n), E experts' outputs f (B, E, m), y (B, m); logits of the gate z, probabilities p and gates g (B, E);
weight of the gate (n, E).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar, final

import numpy as np

from bpframe.plugin import (
    Array,
    Cache,
    ConfigError,
    Context,
    HostArray,
    Initializer,
    Layer,
    Params,
    Shape,
    ShapeError,
    checks,
    draw_parameter,
    label_layers,
    ops,
)
from bpframe_initializers.glorot_uniform import GlorotUniform
from bpframe_layers.held import take_after
from bpframe_layers.parallel import Parallel


@final
@dataclass(frozen=True)
class MixtureOfExperts:
    """y = sum_e g_e f_e(x), g = softmax of z = x w over the `top_k` largest z of a row, 0 elsewhere.

    With `top_k` 1 the gate is g_e = p_e, p = softmax(z), so that it learns. Adds balance E sum_e s_e P_e to the
    objective, s_e the share of rows (and of their choices) that go to expert e, P_e the mean of p_e, over the rows that
    count: least where both are 1 / E. Shares count as constants, as which they change. Every expert computes every row:
    what is saved is parameters that learn apart, not time. All experts give rows of one shape (m,); their parameters
    stand under each one's label, the gate's under "gate".
    Source: Shazeer et al. (2017), Outrageously large neural networks, arXiv:1701.06538, equation 3; the balance, and
    top_k 1: Fedus, Zoph and Shazeer (2022), Switch transformers, arXiv:2101.03961, equations 2 and 4.
    """

    experts: tuple[Layer, ...]
    top_k: int = 2
    balance: float = 0.01
    gate_initializer: Initializer = GlorotUniform()
    branches: Parallel = field(init=False, repr=False, compare=False)
    reserved: ClassVar[str] = "gate"

    def __post_init__(self) -> None:
        object.__setattr__(self, "experts", tuple(self.experts))
        count = len(self.experts)
        if count < 2:
            raise ConfigError(f"mixture_of_experts needs at least two experts, got {count}.")
        checks.whole("mixture_of_experts", 1, top_k=self.top_k)
        if self.top_k > count:
            raise ConfigError(f"mixture_of_experts needs a top_k of at most its {count} experts, got {self.top_k}.")
        checks.not_negative("mixture_of_experts", balance=self.balance)
        labels = [label for label, _ in label_layers(self.experts, "mixture_of_experts")]
        if self.reserved in labels:
            raise ConfigError("mixture_of_experts needs the label 'gate' itself. Call the expert otherwise.")
        object.__setattr__(self, "branches", Parallel(self.experts))
        take_after(self, self.branches.inner, every_from_x=True)
        object.__setattr__(self, "auxiliary", self._auxiliary)

    @classmethod
    def example_configs(cls) -> list[dict[str, Any]]:
        """Three experts, of which each row has two, one, or all."""
        experts = [{"name": "dense", "units": 3, "activation": "tanh"}] * 3
        return [
            {"experts": experts},
            {"experts": experts, "top_k": 1},
            {"experts": experts, "top_k": 3, "balance": 0.0},
        ]

    def init(self, rng: np.random.Generator, in_shape: Shape) -> tuple[Params, Shape]:
        """{"gate": {"weight"}} and each expert's parameters by its label; rows (m,)."""
        if len(in_shape) != 1:
            raise ShapeError(f"mixture_of_experts needs rows of one axis, (n,), got {in_shape}. Flatten them first.")
        n, count = in_shape[0], len(self.experts)
        params: Params = {self.reserved: {"weight": draw_parameter(self.gate_initializer, rng, (n, count), n, count)}}
        shapes = []
        for label, layer in self.branches.inner:
            params[label], shape = layer.init(rng, in_shape)
            shapes.append(shape)
        if len(set(shapes)) > 1 or len(shape) != 1:
            raise ShapeError(f"mixture_of_experts needs experts that give rows of one shape, (m,), got {shapes}.")
        return params, shape

    def forward(self, params: Params, x: Array, context: Context) -> tuple[Array, Cache]:
        """(y, (x, p, which experts have a row, g, f, what the experts keep))."""
        joined, kept = self.branches.forward(params, x, context)
        f = ops.namespace(x).reshape(joined, (x.shape[0], len(self.experts), joined.shape[1] // len(self.experts)))
        p, chosen, g = self._gates(ops.matmul(x, params[self.reserved]["weight"]))
        return ops.namespace(x).sum(g[:, :, None] * f, axis=1), (x, p, chosen, g, f, kept)

    def backward(self, params: Params, cache: Cache, dy: Array, context: Context) -> tuple[Array | None, Params]:
        """(dx or None, gradients): dg_e = dy f_e back through the softmax, and g_e dy through each expert."""
        x, p, chosen, g, f, kept = cache
        xp = ops.namespace(dy)
        dg = xp.where(chosen, xp.sum(dy[:, None, :] * f, axis=2), 0.0)
        among = p if self.top_k == 1 else g  # the softmax that g is of
        dz = among * (dg - xp.sum(among * dg, axis=1, keepdims=True))
        df = xp.reshape(g[:, :, None] * dy[:, None, :], (dy.shape[0], f.shape[1] * f.shape[2]))
        dx, gradients = self.branches.backward(params, kept, df, context)
        return self._with_gate(params, x, dz, dx, gradients, context)

    def _auxiliary(self, params: Params, cache: Cache, context: Context) -> tuple[Array, Array | None, Params]:
        """(balance E sum_e s_e P_e and what experts add themselves, the slopes of both)."""
        x, p, chosen, _, _, kept = cache
        xp, mask = ops.namespace(x), ops.mask_of(context, x)
        counts = xp.ones_like(p[:, :1]) if mask is None else xp.astype(ops.along_rows(mask, p), p.dtype)
        rows = xp.maximum(xp.sum(counts), 1.0)
        shares = xp.sum(xp.astype(chosen, p.dtype) * counts, axis=0) / (rows * self.top_k)
        scale = self.balance * len(self.experts) / rows
        dp = scale * shares * counts
        value = xp.sum(dp * p)
        dz = p * (dp - xp.sum(p * dp, axis=1, keepdims=True))
        total, dx, gradients = self.branches._auxiliary(params, kept, context)
        dx, gradients = self._with_gate(params, x, dz, dx, gradients, context)
        return value + total, dx, gradients

    def _gates(self, z: Array) -> tuple[Any, Any, Any]:
        """(p, which are among the top_k of a row, g)."""
        z = ops.barrier(z)
        xp = ops.namespace(z)
        e = xp.exp(z - xp.max(z, axis=1, keepdims=True))
        p = e / xp.sum(e, axis=1, keepdims=True)
        chosen = z >= xp.sort(z, axis=1)[:, len(self.experts) - self.top_k, None]
        g = xp.where(chosen, e, 0.0)
        return p, chosen, xp.where(chosen, p, 0.0) if self.top_k == 1 else g / xp.sum(g, axis=1, keepdims=True)

    def _with_gate(
        self, params: Params, x: Array, dz: Array, dx: Array | None, gradients: Params, context: Context
    ) -> tuple[Array | None, Params]:
        """Slopes with those of the gate, from dz."""
        gradients = {self.reserved: {"weight": ops.matmul_tn(x, dz)}, **gradients}
        if not context.need_dx:
            return None, gradients
        own = ops.matmul(dz, params[self.reserved]["weight"].T)
        return (own if dx is None else own + dx), gradients

    def _refresh(self, params: Params, cache: Cache) -> Params:
        """The same parameters with the new buffers of the experts."""
        return self.branches._refresh(params, cache[-1])

    def _statistics(self, params: Params, cache: Cache) -> Params:
        """The same parameters with the statistics with which experts saw this batch."""
        return self.branches._statistics(params, cache[-1])

    def _fit(self, params: Params, x: HostArray) -> Params:
        """The parameters with buffers that experts learn, each from x."""
        return self.branches._fit(params, x)

    def _weighted_fit(self, params: Params, x: HostArray, weight: HostArray) -> Params:
        """The same of rows with weights."""
        return self.branches._weighted_fit(params, x, weight)
