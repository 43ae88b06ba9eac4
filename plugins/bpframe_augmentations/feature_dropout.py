"""Feature dropout on inputs.  x (B, ..., n), n features."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from bpframe.plugin import Array, Hyper, Key, checks, ops


@final
@dataclass(frozen=True)
class FeatureDropout:
    """x <- value where a feature drops out, each with probability `rate` in each row; what is left is not scaled.

    A feature is a place on the last axis, and drops out of a row as a whole, of a sequence at all its steps. So the
    network learns to do without any one of them, as where measurements are missing; `value` is what stands for these.
    Source: Vincent et al. (2008), Extracting and composing robust features with denoising autoencoders, section 2.3.
    """

    rate: float = 0.1
    value: float = 0.0

    def __post_init__(self) -> None:
        checks.fraction("feature_dropout", rate=self.rate)
        checks.finite("feature_dropout", value=self.value)

    def augment(
        self, x: Array, target: Array, weight: Array | None, key: Key, h: Hyper
    ) -> tuple[Array, Array, Array | None]:
        """(x with features that dropped out, the others as they are)."""
        xp, shape = ops.namespace(x), (x.shape[0], *(1 for _ in x.shape[2:]), *x.shape[1:][-1:])
        draws = key.uniform(xp.zeros(shape, dtype=x.dtype, **ops.placement(x)))
        return xp.where(draws < h.rate, h.value, x), target, weight
