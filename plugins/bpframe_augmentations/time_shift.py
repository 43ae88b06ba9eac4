"""Time shift: sequences moved along their steps.  x (B, T, ...) or (B, T); target and weight as they come."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, final

from bpframe.plugin import Array, Hyper, Key, checks, ops
from bpframe_augmentations.images import of_rows, refuse_positions, row_numbers


@final
@dataclass(frozen=True)
class TimeShift:
    """x_i[t] <- x_i[t - s_i], s_i a whole number from -steps to steps, all alike probable.

    Steps that come in from outside are 0, or with `wrap` those that went out at the other end, as of signals that
    repeat. It takes log2(2 steps) copies of a batch, however far rows move; along every axis of space, `shift`.
    Source: Salamon and Bello (2017), Deep convolutional neural networks and data augmentation for environmental sound
    classification, arXiv:1608.04363, section II (there of the time of an excerpt).
    """

    steps: int = 1
    wrap: bool = False

    def __post_init__(self) -> None:
        checks.whole("time_shift", 1, steps=self.steps)

    @classmethod
    def example_configs(cls) -> list[dict[str, Any]]:
        """With zeros; round the end."""
        return [{}, {"steps": 2, "wrap": True}]

    def augment(
        self, x: Array, target: Array, weight: Array | None, key: Key, h: Hyper
    ) -> tuple[Array, Array, Array | None]:
        """(sequences moved, target, weight)."""
        refuse_positions("time_shift", target)
        xp, size, t = ops.namespace(x), 2 * self.steps + 1, x.shape[1]
        drawn: Any = xp.floor(key.uniform(row_numbers(x)) * size)
        moved, rest, length = xp.roll(x, -self.steps, axis=1), drawn, 1
        while length < size:  # digit by digit of the binary number
            half = xp.floor(rest / 2)
            moved = xp.where(of_rows(rest - 2 * half > 0, x), xp.roll(moved, length, axis=1), moved)
            rest, length = half, 2 * length
        if self.wrap:
            return moved, target, weight
        step: Any = xp.astype(xp.arange(t, **ops.placement(x)), x.dtype)
        before = step - xp.reshape(drawn - self.steps, (-1, 1))  # where each step comes from
        inside = xp.logical_and(before >= 0, before < t)
        return xp.where(xp.reshape(inside, (*inside.shape, *(1,) * (x.ndim - 2))), moved, 0.0), target, weight
