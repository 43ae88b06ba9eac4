"""Dialect of a language with loops: how it says numbers, declarations and elementwise operations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from bpframe.types import HostArray


class Dialect(Protocol):
    """The parts of a language that loops need; texts are expressions or whole lines of it."""

    quotient: str  # of two whole numbers, as a text with two places
    counter: str  # the declaration of a loop's counter: "int" or "let"

    def literal(self, value: Any, dtype: np.dtype[Any]) -> str:
        """One number."""

    def variable(self, name: str, dtype: np.dtype[Any], value: str, changes: bool = False) -> str:
        """The line that declares a number with its value."""

    def array(self, name: str, dtype: np.dtype[Any], size: int) -> str:
        """The line that declares an array of so many numbers."""

    def view(self, name: str, dtype: np.dtype[Any], array: str, start: str, size: int) -> str:
        """The line that declares a part of an array, which shares its numbers."""

    def constant(self, name: str, value: HostArray) -> str:
        """The line that declares an array with its numbers, in row-major order."""

    def operation(self, op: str, dtype: np.dtype[Any], operands: Sequence[str], to: np.dtype[Any]) -> str:
        """An elementwise operation on operands of a dtype, whose result is of dtype `to`."""
