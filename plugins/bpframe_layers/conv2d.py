"""Convolution over height and width.

Shapes: x (B, H, W, C), weight w (k, l, C / groups, F), bias b (F,), u and delta (B, O, P, F), v (B, O, P, m); F is
filters.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

from bpframe_layers.convolution import Convolution


@final
@dataclass(frozen=True)
class Conv2d(Convolution):
    """u[p, q] = sum_{k, l} x[stride p + dilation k - padding, ...] w[k, l] + b, v = phi(u); channels last.

    delta = dv phi'(v); dw[k, l] = sum of x^T delta over rows and positions, db = sum of delta, dx[stride p + dilation k
    - padding, ...] += delta[p, q] w[k, l]^T. Along an axis of n cells there are floor((n + padding - reach) / stride) +
    1 positions, a window reaches over (k - 1) dilation + 1. `padding`: "valid" none; "same" for ceil(n / stride)
    positions, halved, one cell more at the end (as in Keras; PyTorch pads alike at both ends: give pairs); a number for
    all ends, or a pair (before, after) for each axis. `groups`: parts of the channels, each seen by its part of the
    filters; as many as channels make a depthwise convolution. Kernels are not turned round. The weight lies as in
    Keras; PyTorch's is (F, C / groups, k, l).
    Source: LeCun et al. (1989), Backpropagation applied to handwritten zip code recognition, Neural Computation 1.
    """

    AXES: ClassVar[int] = 2
    NAME: ClassVar[str] = "conv2d"
