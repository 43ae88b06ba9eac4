"""Gated recurrent unit (gru).

Shapes: x (B, T, n), y (B, m), or (B, T, m) with `sequences`; m units; weight (n, 3 m) and bias (3 m,) of update, reset
and candidate side by side, recurrent weight (m, 3 m), recurrent bias (m,) of the candidate; of a step x (B, n), h, z, r
and c (B, m).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, final

import numpy as np

from bpframe.plugin import Array, Cache, Context, HostArray, Initializer, Params, Shape, checks, draw_parameter, ops
from bpframe_activations.sigmoid import Sigmoid
from bpframe_initializers.glorot_uniform import GlorotUniform
from bpframe_initializers.orthogonal import Orthogonal
from bpframe_initializers.zeros import Zeros
from bpframe_layers import recurrent

sigmoid = Sigmoid().value


@final
@dataclass(frozen=True)
class Gru:
    """h <- (1 - z) c + z h, z = sigmoid(x w_z + b_z + h u_z), r likewise, c = tanh(x w_c + b_c + r (h u_c + b')).

    From h = 0 over the steps of a row; y is the last h, or with `sequences` that of every step. `reset_after` False is
    the first form, c = tanh(x w_c + b_c + (r h) u_c). `reverse` goes from the last step to the first. Gates are drawn
    one by one, u as rotations. PyTorch and Keras have b' for z and r as well, where only its sum with b counts; PyTorch
    puts r before z.
    `mask_value`: steps of which every number is that leave the state as it is, as padding behind short rows.
    Source: Cho et al. (2014), arXiv:1406.1078, equations 5 to 8, whose z is 1 - z here; reset after the product: Chung
    et al. (2014), arXiv:1412.3555, in the form of cuDNN.
    """

    units: int
    sequences: bool = False
    reset_after: bool = True
    reverse: bool = False
    mask_value: float | None = None
    weight_initializer: Initializer = GlorotUniform()
    recurrent_initializer: Initializer = Orthogonal()
    bias_initializer: Initializer = Zeros()
    range: ClassVar[str] = "[-1, 1]"

    def __post_init__(self) -> None:
        checks.whole("gru", 1, units=self.units)

    @classmethod
    def example_configs(cls) -> list[dict[str, Any]]:
        """Both forms, both outputs, both ways."""
        return [
            {"units": 3},
            {"units": 3, "sequences": True, "reverse": True},
            {"units": 3, "reset_after": False, "mask_value": 0.0},
            {"units": 3, "reset_after": False, "sequences": True},
        ]

    def example_input(self, rng: np.random.Generator) -> HostArray:
        """Rows of 3 steps of 2 numbers (4, 3, 2)."""
        return rng.normal(size=(4, 3, 2))

    def init(self, rng: np.random.Generator, in_shape: Shape) -> tuple[Params, Shape]:
        """{"weight", "bias", "recurrent": {"weight", "bias"}}, the last with `reset_after`; rows (m,) or (T, m)."""
        n, m = recurrent.features("gru", in_shape), self.units
        weight = recurrent.draw_gates(self.weight_initializer, rng, n, m, 3)
        inner: Params = {"weight": recurrent.draw_gates(self.recurrent_initializer, rng, m, m, 3)}
        bias = draw_parameter(self.bias_initializer, rng, (3 * m,), n, m)
        if self.reset_after:
            inner["bias"] = draw_parameter(self.bias_initializer, rng, (m,), m, m)
        shape = recurrent.out_shape(in_shape, m, self.sequences)
        return {"weight": weight, "bias": bias, "recurrent": inner}, shape

    def forward(self, params: Params, x: Array, context: Context) -> tuple[Array, Cache]:
        """(y, (x, of each step: h before it, z and r, c, and what r multiplies))."""
        m, u = self.units, params["recurrent"]["weight"]
        tanh = ops.namespace(x).tanh

        def step(h: Any, at: Any) -> tuple[Any, Any]:
            a, counts = at
            if self.reset_after:
                s = h @ u
                gates = sigmoid(a[:, : 2 * m] + s[:, : 2 * m])
                inner = s[:, 2 * m :] + params["recurrent"]["bias"]
                c = tanh(a[:, 2 * m :] + gates[:, m:] * inner)
            else:
                gates, inner = sigmoid(a[:, : 2 * m] + h @ u[:, : 2 * m]), h
                c = tanh(a[:, 2 * m :] + (gates[:, m:] * h) @ u[:, 2 * m :])
            after = recurrent.chosen(counts, c + gates[:, :m] * (h - c), h)
            return after, ((h, gates, c, inner), after if self.sequences else None)

        steps = recurrent.steps_of(x, params), recurrent.counted_steps(x, self.mask_value)
        last, (kept, outputs) = ops.scan(step, recurrent.start(x, m), steps, reverse=self.reverse)
        return (recurrent.swapped(outputs) if self.sequences else last), (x, *kept)

    def backward(self, params: Params, cache: Cache, dy: Array, context: Context) -> tuple[Array | None, Params]:
        """(dx or None, gradients like the parameters): the slope dh goes back through the steps."""
        x, h, gates, c, inner = cache
        z, r = gates[..., : self.units], gates[..., self.units :]
        candidate, update = (1 - z) * (1 - c * c), (h - c) * (z * (1 - z))  # slopes before tanh, sigmoid for dh = 1
        counts = recurrent.counted_steps(x, self.mask_value)
        candidate, update = (recurrent.chosen(counts, slope, 0.0) for slope in (candidate, update))
        z = recurrent.chosen(counts, z, 1.0)  # a step that does not count hands dh on
        back = self._back_after if self.reset_after else self._back_before
        da, gradients = back(params["recurrent"], dy, (h, z, r, inner), candidate, update)
        dx, outer = recurrent.steps_backward(x, params, da, context.need_dx)
        return dx, {**outer, "recurrent": gradients}

    def _back_after(self, params: Params, dy: Any, kept: Any, candidate: Any, update: Any) -> tuple[Any, Params]:
        """(slopes in x w + b (T, B, 3 m), gradients of "recurrent"); all slopes in h u are multiples of dh."""
        h, z, r, inner = kept
        xp, m, u = ops.namespace(dy), self.units, params["weight"].T
        multiples = xp.stack([update, candidate * inner * (r * (1 - r)), candidate * r], axis=2)

        def step(dh: Any, at: Any) -> tuple[Any, Any]:
            slope, z, multiple = at
            dh = dh if slope is None else dh + slope
            ds = xp.reshape(dh[:, None, :] * multiple, (dh.shape[0], 3 * m))
            return dh * z + ds @ u, dh

        last, by_step = recurrent.slopes(dy, self.sequences)
        _, dh = ops.scan(step, last, (by_step, z, multiples), reverse=not self.reverse)
        ds = xp.reshape(dh[:, :, None, :] * multiples, (*dh.shape[:2], 3 * m))
        flat = recurrent.joined(ds)
        gradients = {"weight": ops.matmul_tn(recurrent.joined(h), flat), "bias": ops.sum_rows(flat[:, 2 * m :])}
        return xp.concat([ds[..., : 2 * m], dh * candidate], axis=-1), gradients

    def _back_before(self, params: Params, dy: Any, kept: Any, candidate: Any, update: Any) -> tuple[Any, Params]:
        """The same where the reset comes before the product."""
        h, z, r, _ = kept
        xp, m, u = ops.namespace(dy), self.units, params["weight"]
        outer, inner = u[:, : 2 * m].T, u[:, 2 * m :].T

        def step(dh: Any, at: Any) -> tuple[Any, Any]:
            slope, z, r, candidate, update, reset = at
            dh = dh if slope is None else dh + slope
            dc = dh * candidate
            drh = dc @ inner
            dgates = xp.concat([dh * update, drh * reset], axis=-1)
            return dh * z + drh * r + dgates @ outer, (dgates, dc)

        last, by_step = recurrent.slopes(dy, self.sequences)
        at = by_step, z, r, candidate, update, h * (r * (1 - r))
        _, (dgates, dc) = ops.scan(step, last, at, reverse=not self.reverse)
        joined = recurrent.joined
        parts = [ops.matmul_tn(joined(h), joined(dgates)), ops.matmul_tn(joined(r * h), joined(dc))]
        return xp.concat([dgates, dc], axis=-1), {"weight": xp.concat(parts, axis=1)}
