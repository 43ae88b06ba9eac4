"""Maximum pooling over height and width (pool).  Shapes: x (B, H, W, C), y and dy (B, O, P, C)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

from bpframe_layers.max_pooling import MaxPooling


@final
@dataclass(frozen=True)
class MaxPool2d(MaxPooling):
    """y = the largest number of each window, channel by channel; dx = dy where it stood.

    Windows of `pool_size`, `stride` apart (side by side if left out). `padding` as of conv2d.
    Of several largest numbers alike the first of the window, the last axis fastest, has the whole slope, as in PyTorch
    and TensorFlow. Padding never wins.
    Source: Riesenhuber and Poggio (1999), Hierarchical models of object recognition in cortex, Nature Neuroscience 2.
    """

    AXES: ClassVar[int] = 2
    NAME: ClassVar[str] = "max_pool2d"
