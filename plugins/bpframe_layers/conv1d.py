"""Convolution along one axis, such as time.

Shapes: x (B, T, C), weight w (k, C / groups, F), bias b (F,), u and delta (B, O, F), v (B, O, m); F is filters.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

from bpframe_layers.convolution import Convolution


@final
@dataclass(frozen=True)
class Conv1d(Convolution):
    """u[p] = sum_k x[stride p + dilation k - padding] w[k] + b, v = phi(u).

    p from 0 to O - 1, O = floor((T + padding - reach) / stride) + 1.
    delta = dv phi'(v); dw[k] = sum of x^T delta over rows and positions, db = sum of delta, dx[stride p + dilation k -
    padding] += delta[p] w[k]^T. A window reaches over (k - 1) dilation + 1 cells. `padding`: "valid" none; "same" for
    ceil(T / stride) positions, halved, one cell more at the end (Keras); "causal" all before; or a number for both
    ends, or a pair. `groups`: parts of the channels, each seen by its part of the filters; as many as channels make a
    depthwise convolution. Kernels are not turned round. Layout as in Keras; PyTorch's weight is (F, C / groups, k).
    Source: LeCun et al. (1989), Backpropagation applied to handwritten zip code recognition, Neural Computation 1;
    Waibel et al. (1989), Phoneme recognition using time-delay neural networks.
    """

    AXES: ClassVar[int] = 1
    NAME: ClassVar[str] = "conv1d"
