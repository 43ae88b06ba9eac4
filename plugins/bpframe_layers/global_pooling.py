"""Common code of global pooling layers.  Shapes: x (B, *S, C), y (B, C)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from bpframe.plugin import HostArray, Params, Shape, ShapeError


@dataclass(frozen=True)
class GlobalPooling:
    """A number for each channel; its subclasses have a name, and say which number."""

    NAME: ClassVar[str] = ""

    def example_input(self, rng: np.random.Generator) -> HostArray:
        """Rows of 3 x 2 with 4 channels (3, ...)."""
        return rng.normal(size=(3, 3, 2, 4))

    def init(self, rng: np.random.Generator, in_shape: Shape) -> tuple[Params, Shape]:
        """No parameters; rows (C,)."""
        if len(in_shape) < 2:
            raise ShapeError(
                f"{self.NAME} needs rows with axes of space, (..., channels), got {in_shape}. Leave it out."
            )
        return {}, in_shape[-1:]

    def range_after(self, inputs: str | None) -> str | None:
        """That of the inputs."""
        return inputs
