"""Soft thresholding.  u pre-activation, v value; any shape."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

from bpframe.plugin import Array, checks, ops


@final
@dataclass(frozen=True)
class Softshrink:
    """v = u - clip(u, -threshold, threshold); phi'(u) = 1 where v is not 0, else 0 (so 0 at |u| = threshold).

    Values shrink towards 0 by `threshold`, small ones to 0. Its default is PyTorch's, there called lambd.
    Source: Donoho (1995), De-noising by soft-thresholding.
    """

    threshold: float = 0.5
    range: ClassVar[str] = "(-inf, inf)"

    def __post_init__(self) -> None:
        checks.positive("softshrink", threshold=self.threshold)
        checks.finite("softshrink", threshold=self.threshold)

    @property
    def kinks(self) -> tuple[float, ...]:
        """Where the derivative jumps."""
        return -self.threshold, self.threshold

    def value(self, u: Array) -> Array:
        """u moved towards 0 by at most `threshold`, shape of u."""
        return u - ops.namespace(u).clip(u, -self.threshold, self.threshold)

    def derivative(self, v: Array) -> Array:
        """1 where v is not 0, else 0, shape of v."""
        return ops.namespace(v).astype(abs(v) > 0, v.dtype)
