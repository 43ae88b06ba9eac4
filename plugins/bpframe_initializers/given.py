"""Initialization with given values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, final

import numpy as np

from bpframe.plugin import ConfigError, HostArray, Shape, ShapeError

Nested = Any  # a number, an array, or a sequence of these; kept as nested tuples of floats, which files can hold


@final
@dataclass(frozen=True)
class Given:
    """These values, of the parameter's own shape: of a trained network, of another library, of a textbook.

    `values` is a number, nested sequences of numbers, or an array, of finite numbers. Weights are (n, m), inputs
    first: transpose those of torch.
    """

    values: Nested

    def __post_init__(self) -> None:
        try:
            array = np.asarray(self.values)
        except ValueError:  # rows of different lengths
            array = np.array("")
        if array.dtype.kind not in "iuf" or not np.isfinite(array).all():
            raise ConfigError(f"given needs finite numbers in rows of one length as values, got {self.values!r}.")
        object.__setattr__(self, "values", _tuples(array.astype(np.float64).tolist()))

    @classmethod
    def example_configs(cls) -> list[dict[str, Any]]:
        """For the checks: the shape of a weight that they ask for."""
        return [{"values": np.linspace(-1, 1, 24).reshape(6, 4).tolist()}]

    def sample(self, rng: np.random.Generator, shape: Shape, fan_in: int, fan_out: int) -> HostArray:
        """float64 array of `shape`; ShapeError where the values have another. Draws nothing."""
        array = np.array(self.values, dtype=np.float64)
        if array.shape != tuple(shape):
            raise ShapeError(f"given needs values of the parameter's shape {shape}, got {array.shape}.")
        return array


def _tuples(nested: Nested) -> Nested:
    return tuple(map(_tuples, nested)) if isinstance(nested, list) else nested
