"""Hard thresholding.  u pre-activation, v value; any shape."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

from bpframe.plugin import Array, checks, ops


@final
@dataclass(frozen=True)
class Hardshrink:
    """v = u where |u| > threshold, else 0; phi'(u) = 1 where v is not 0, else 0 (so 0 at |u| = threshold).

    v itself jumps by `threshold` there. Its default is PyTorch's, there called lambd.
    Source: Donoho and Johnstone (1994), Ideal spatial adaptation by wavelet shrinkage.
    """

    threshold: float = 0.5
    range: ClassVar[str] = "(-inf, inf)"

    def __post_init__(self) -> None:
        checks.positive("hardshrink", threshold=self.threshold)
        checks.finite("hardshrink", threshold=self.threshold)

    @property
    def kinks(self) -> tuple[float, ...]:
        """Where value and derivative jump."""
        return -self.threshold, self.threshold

    def value(self, u: Array) -> Array:
        """u, or 0 where |u| <= threshold, shape of u."""
        xp = ops.namespace(u)
        return xp.where(abs(u) <= self.threshold, xp.zeros_like(u), u)  # not >: a nan must not become 0

    def derivative(self, v: Array) -> Array:
        """1 where v is not 0, else 0, shape of v."""
        return ops.namespace(v).astype(abs(v) > 0, v.dtype)
