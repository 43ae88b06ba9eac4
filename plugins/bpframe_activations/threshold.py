"""Linear unit with a threshold.  u pre-activation, v value; any shape."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from bpframe.plugin import Array, ConfigError, checks, ops


@final
@dataclass(frozen=True)
class Threshold:
    """v = u where u > threshold, else default_value; phi'(u) = 1 where v > threshold, else 0 (so 0 at the threshold).

    v tells the two branches apart because default_value <= threshold is asked for. v itself jumps where they differ.
    Names as in Keras; what PyTorch calls value is default_value, since `value` is the method.
    Source: Konda, Memisevic and Krueger (2015), Zero-bias autoencoders and the benefits of co-adapting features,
    arXiv:1402.3337: threshold 1, default_value 0.
    """

    threshold: float = 1.0
    default_value: float = 0.0

    def __post_init__(self) -> None:
        checks.finite("threshold", threshold=self.threshold, default_value=self.default_value)
        if self.default_value > self.threshold:
            raise ConfigError(
                f"threshold needs a default_value that is not above its threshold {self.threshold!r}, "
                f"got {self.default_value!r}: the derivative could not be told from the value."
            )

    @property
    def kinks(self) -> tuple[float, ...]:
        """Where the derivative jumps, and the value unless default_value is the threshold."""
        return (self.threshold,)

    @property
    def range(self) -> str:
        """From default_value up."""
        return f"[{float(self.default_value)}, inf)"

    def value(self, u: Array) -> Array:
        """u above the threshold, default_value elsewhere, shape of u."""
        xp = ops.namespace(u)
        return xp.where(u <= self.threshold, xp.full_like(u, self.default_value), u)  # not >: a nan stays one

    def derivative(self, v: Array) -> Array:
        """1 where v is above the threshold, else 0, shape of v."""
        return ops.namespace(v).astype(v > self.threshold, v.dtype)
