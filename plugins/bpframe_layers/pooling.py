"""Common code of pooling layers over one or two axes of space: windows, and what their places see.

Shapes: x (B, *S, C), y and dy (B, *O, C): S axes of space, windows of size K at O positions, channels last.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, cast

import numpy as np

from bpframe.plugin import HostArray, Params, Shape, ops
from bpframe_layers.sliding import along_axes, checked_padding, space_of, windows_over


@dataclass(frozen=True)
class Pooling:
    """A number for each window and channel; its subclasses have a name, and say which number."""

    pool_size: int | Sequence[int] = 2
    stride: int | Sequence[int] | None = None
    padding: Literal["valid", "same", "causal"] | int | Sequence[Any] = "valid"
    AXES: ClassVar[int] = 0
    NAME: ClassVar[str] = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "pool_size", along_axes(self.NAME, self.AXES, 1, pool_size=self.pool_size))
        stride = self.pool_size if self.stride is None else self.stride
        object.__setattr__(self, "stride", along_axes(self.NAME, self.AXES, 1, stride=stride))
        object.__setattr__(self, "padding", checked_padding(self.NAME, self.AXES, self.padding))

    @classmethod
    def example_configs(cls) -> list[dict[str, Any]]:
        """Windows side by side; windows that overlap, with padding."""
        return [{}, {"pool_size": 3, "stride": 2, "padding": "same"}, {"pool_size": 3, "stride": 1, "padding": 1}]

    def example_input(self, rng: np.random.Generator) -> HostArray:
        """Rows of 5 x 6 with 2 channels (3, ...), no two numbers alike."""
        shape = (3, *(5, 6)[: self.AXES], 2)
        return rng.permutation(float(np.prod(shape)) * np.arange(np.prod(shape)) / 1000).reshape(shape)

    def init(self, rng: np.random.Generator, in_shape: Shape) -> tuple[Params, Shape]:
        """No parameters; rows (*O, C)."""
        return {}, (*self.windows(in_shape)[1], in_shape[-1])

    def windows(self, in_shape: Shape) -> tuple[ops.Windows, Shape]:
        """(the windows over rows of this shape, their positions)."""
        space = space_of(self.NAME, self.AXES, in_shape)
        size, stride = cast(tuple[Shape, ...], (self.pool_size, self.stride))
        return windows_over(self.NAME, space, size, stride, (1,) * self.AXES, self.padding)
