"""Average pooling over one axis, such as time (pool).  Shapes: x (B, T, C), y and dy (B, O, C)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

from bpframe_layers.average_pooling import AveragePooling


@final
@dataclass(frozen=True)
class AvgPool1d(AveragePooling):
    """y = the mean of each window, channel by channel; dx = the sum of dy / count over the windows that see a number.

    Windows of `pool_size`, `stride` apart (side by side if left out). `padding` as of conv1d.
    Numbers of padding are left out of a window's count (as in Keras and ONNX); with `count_padding` they are zeros that
    count (as in PyTorch, where it is the default).
    Source: LeCun et al. (1989), Backpropagation applied to handwritten zip code recognition, Neural Computation 1.
    """

    AXES: ClassVar[int] = 1
    NAME: ClassVar[str] = "avg_pool1d"
