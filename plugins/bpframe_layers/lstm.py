"""Long short-term memory (lstm).

Shapes: x (B, T, n), y (B, m), or (B, T, m) with `sequences`; m units; weight (n, 4 m) and bias (4 m,) of input gate,
forget gate, candidate and output gate side by side, recurrent weight (m, 4 m); of a step x (B, n), the others (B, m).
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
class Lstm:
    """c <- f c + i g, h <- o tanh(c); i = sigmoid(x w_i + b_i + h u_i), f, o likewise, g = tanh(x w_g + b_g + h u_g).

    From h = c = 0 over the steps of a row; y is the last h, or with `sequences` that of every step. `reverse` goes from
    the last step to the first. `forget_bias` is added to the initial b_f: 1, as in Keras, lets c last from the start;
    PyTorch has 0, and a second bias, whose sum with b counts. Gates are drawn one by one, u as rotations.
    `mask_value`: steps of which every number is that leave the state as it is, as padding behind short rows.
    Source: Hochreiter and Schmidhuber (1997), Long short-term memory, Neural Computation 9; the forget gate: Gers,
    Schmidhuber and Cummins (2000), Neural Computation 12; its bias: Jozefowicz, Zaremba and Sutskever (2015).
    """

    units: int
    sequences: bool = False
    reverse: bool = False
    mask_value: float | None = None
    forget_bias: float = 1.0
    weight_initializer: Initializer = GlorotUniform()
    recurrent_initializer: Initializer = Orthogonal()
    bias_initializer: Initializer = Zeros()
    range: ClassVar[str] = "[-1, 1]"

    def __post_init__(self) -> None:
        checks.whole("lstm", 1, units=self.units)
        checks.finite("lstm", forget_bias=self.forget_bias)

    @classmethod
    def example_configs(cls) -> list[dict[str, Any]]:
        """Both outputs, both ways."""
        return [{"units": 3, "mask_value": 0.0}, {"units": 3, "sequences": True, "reverse": True}]

    def example_input(self, rng: np.random.Generator) -> HostArray:
        """Rows of 3 steps of 2 numbers (4, 3, 2)."""
        return rng.normal(size=(4, 3, 2))

    def init(self, rng: np.random.Generator, in_shape: Shape) -> tuple[Params, Shape]:
        """{"weight", "bias", "recurrent": {"weight"}}; rows (m,) or (T, m)."""
        n, m = recurrent.features("lstm", in_shape), self.units
        weight = recurrent.draw_gates(self.weight_initializer, rng, n, m, 4)
        inner = {"weight": recurrent.draw_gates(self.recurrent_initializer, rng, m, m, 4)}
        bias = np.array(draw_parameter(self.bias_initializer, rng, (4 * m,), n, m), dtype=np.float64)
        bias[m : 2 * m] += self.forget_bias
        return {"weight": weight, "bias": bias, "recurrent": inner}, recurrent.out_shape(in_shape, m, self.sequences)

    def forward(self, params: Params, x: Array, context: Context) -> tuple[Array, Cache]:
        """(y, (x, of each step: h and c before it, i and f, g, o, tanh of c after it))."""
        m, u = self.units, params["recurrent"]["weight"]
        tanh = ops.namespace(x).tanh

        def step(state: Any, at: Any) -> tuple[Any, Any]:
            (h, c), (a, counts) = state, at
            a = a + h @ u
            gates, g, o = sigmoid(a[:, : 2 * m]), tanh(a[:, 2 * m : 3 * m]), sigmoid(a[:, 3 * m :])
            new = gates[:, m:] * c + gates[:, :m] * g
            squashed = tanh(new)
            after, new = recurrent.chosen(counts, o * squashed, h), recurrent.chosen(counts, new, c)
            return (after, new), ((h, c, gates, g, o, squashed), after if self.sequences else None)

        steps, start = (
            (recurrent.steps_of(x, params), recurrent.counted_steps(x, self.mask_value)),
            recurrent.start(x, m),
        )
        (last, _), (kept, outputs) = ops.scan(step, (start, start), steps, reverse=self.reverse)
        return (recurrent.swapped(outputs) if self.sequences else last), (x, *kept)

    def backward(self, params: Params, cache: Cache, dy: Array, context: Context) -> tuple[Array | None, Params]:
        """(dx or None, gradients like the parameters): slopes of i, f, g are multiples of dc, that of o of dh."""
        x, h, *kept = cache
        xp, m, u = ops.namespace(dy), self.units, params["recurrent"]["weight"].T

        def multiples(at: Any) -> Any:
            slope, (c, gates, g, o, squashed), counts = at
            i, f = gates[..., :m], gates[..., m:]
            inner = xp.stack([g * (i * (1 - i)), c * (f * (1 - f)), i * (1 - g * g)], axis=-2)
            return slope, f, o * (1 - squashed * squashed), squashed * (o * (1 - o)), inner, counts

        def step(state: Any, at: Any) -> tuple[Any, Any]:
            dh, dc = state
            slope, f, through, output, multiple, counts = at
            dh = dh if slope is None else dh + slope
            into = dc + dh * through
            inner = xp.reshape(into[:, None, :] * multiple, (dh.shape[0], 3 * m))
            da = recurrent.chosen(counts, xp.concat([inner, dh * output], axis=-1), 0.0)
            return (recurrent.chosen(counts, da @ u, dh), recurrent.chosen(counts, into * f, dc)), da

        last, by_step = recurrent.slopes(dy, self.sequences)
        steps = by_step, tuple(kept), recurrent.counted_steps(x, self.mask_value)
        start = last, recurrent.start(x, m)
        _, da = ops.scan(step, start, steps, reverse=not self.reverse, ahead=multiples)
        dx, gradients = recurrent.steps_backward(x, params, da, context.need_dx)
        return dx, {**gradients, "recurrent": {"weight": ops.matmul_tn(recurrent.joined(h), recurrent.joined(da))}}
