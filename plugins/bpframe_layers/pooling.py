"""Common code of pooling layers over one or two axes of space: windows, and what their places see.

Shapes: x (B, *S, C), y and dy (B, *O, C): S axes of space, windows of size K at O positions, channels last.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Literal

import numpy as np

from bpframe.plugin import HostArray, Params, Shape, ops
from bpframe_layers.sliding import along_axes, checked_padding, fixed, space_of, windows_over


@dataclass(frozen=True)
class Pooling:
    """A number for each window and channel; its subclasses have a name, and say which number."""

    pool_size: int | Sequence[int] = 2
    stride: int | Sequence[int] | None = None
    padding: Literal["valid", "same", "causal"] | int | Sequence[Any] = "valid"
    AXES: ClassVar[int] = 0
    NAME: ClassVar[str] = ""

    def __post_init__(self) -> None:
        for name in ("pool_size", "stride", "padding"):
            object.__setattr__(self, name, fixed(getattr(self, name)))
        _ = self._sizes, self._padding

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
        return windows_over(self.NAME, space, *self._sizes, (1,) * self.AXES, self._padding)

    @cached_property
    def _sizes(self) -> tuple[Shape, Shape]:
        """(size, stride), a number for each axis."""
        size = along_axes(self.NAME, self.AXES, 1, pool_size=self.pool_size)
        return size, size if self.stride is None else along_axes(self.NAME, self.AXES, 1, stride=self.stride)

    @cached_property
    def _padding(self) -> Any:
        return checked_padding(self.NAME, self.AXES, self.padding)
