"""L2 penalty, on squared norms.  p any weight."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

from bpframe.plugin import Array, Hyper, checks, ops


@final
@dataclass(frozen=True)
class L2:
    """penalty = strength / 2 sum w^2, undivided by the batch; gradient = strength w.

    Keras has no 1/2: its L2(s) is strength 2 s. The weight_decay of PyTorch's SGD is the strength.
    Source: Hoerl and Kennard (1970), Ridge regression; as a prior, Bishop (2006), equation 5.112.
    """

    strength: float = 1e-4
    decay_settings: ClassVar[tuple[str, ...]] = ("strength",)

    def __post_init__(self) -> None:
        checks.not_negative("l2", strength=self.strength)

    def value_and_gradient(self, p: Array, h: Hyper) -> tuple[Array, Array]:
        """(0-d penalty, gradient in p's shape)."""
        return 0.5 * h.strength * ops.inner(p, p), h.strength * p
