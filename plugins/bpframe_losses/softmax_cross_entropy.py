"""Cross-entropy of class scores.

Shapes: z (B, C) scores, target (B, C) one-hot or soft labels, rows sum to 1; or class numbers (B, 1).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, final

from bpframe.plugin import Array, Key, ShapeError, checks, ops


@final
@dataclass(frozen=True)
class SoftmaxCrossEntropy:
    """loss = logsumexp(z) - sum_c y_c z_c, in nats; with the softmax link, delta = p - y.

    `label_smoothing` s puts (1 - s) y + s / C in the place of y; `class_weights` then multiply it, t = w y, which gives
    (sum_c t_c) logsumexp(z) - sum_c t_c z_c and delta (sum_c t_c) p - t. The mean over rows is divided by the number of
    rows, as in Keras, not by the sum of their class weights, as in PyTorch.
    Source: Bishop (2006), Pattern Recognition and Machine Learning, section 5.3.1; Szegedy et al. (2016), Rethinking
    the Inception architecture, section 7.
    """

    class_weights: tuple[float, ...] | None = None
    label_smoothing: float = 0.0
    link: ClassVar[str] = "softmax"
    class_numbers: ClassVar[bool] = True

    def __post_init__(self) -> None:
        checks.fraction("softmax_cross_entropy", label_smoothing=self.label_smoothing)
        weights = {f"class_weights[{c}]": weight for c, weight in enumerate(self.class_weights or ())}
        checks.not_negative("softmax_cross_entropy", **weights)

    def value_and_delta(self, scores: Array, target: Array) -> tuple[Array, Array]:
        """(loss (B,), delta (B, C)); shifted by the row's maximum, so nothing overflows."""
        xp = ops.namespace(scores)
        z = scores - xp.max(scores, axis=-1, keepdims=True)
        e = xp.exp(z)
        total = xp.sum(e, axis=-1, keepdims=True)
        if target.shape[-1] == 1 < scores.shape[-1]:
            if ops.is_constant(self.label_smoothing, 0) and self.class_weights is None:
                return _of_class_numbers(z, e / total, total, target)
            target = xp.astype(_is_class(scores, target), scores.dtype)
        if not ops.is_constant(self.label_smoothing, 0):
            target = (1 - self.label_smoothing) * target + self.label_smoothing / scores.shape[-1]
        if self.class_weights is None:
            return xp.log(total[..., 0]) - xp.sum(target * z, axis=-1), e / total - target
        t = self._weights(scores) * target
        mass = xp.sum(t, axis=-1, keepdims=True)
        return mass[..., 0] * xp.log(total[..., 0]) - xp.sum(t * z, axis=-1), mass * (e / total) - t

    def sample_target(self, scores: Array, key: Key) -> Array:
        """(B, C) one-hot rows: class c with probability softmax(z)_c, whatever the weights and the smoothing."""
        xp = ops.namespace(scores)
        e = xp.exp(scores - xp.max(scores, axis=-1, keepdims=True))
        below = xp.cumulative_sum(e, axis=-1)
        drawn = key.uniform(scores[..., :1]) * below[..., -1:]
        number = xp.sum(xp.astype(below[..., :-1] <= drawn, scores.dtype), axis=-1, keepdims=True)
        return xp.astype(_is_class(scores, number), scores.dtype)

    def _weights(self, scores: Array) -> Array:
        weights = self.class_weights or ()
        if len(weights) != scores.shape[-1]:
            raise ShapeError(
                f"softmax_cross_entropy needs {scores.shape[-1]} class weights, one a score, got {len(weights)}. "
                "They stand in the order of the sorted classes."
            )
        return ops.namespace(scores).asarray(weights, dtype=scores.dtype, **ops.placement(scores))


def _is_class(scores: Array, numbers: Array) -> Any:
    """(B, C) whether a score is that of the row's class, of class numbers (B, 1)."""
    xp = ops.namespace(scores)
    return xp.arange(scores.shape[-1], dtype=scores.dtype, **ops.placement(scores)) == numbers


def _of_class_numbers(z: Array, p: Array, total: Array, numbers: Array) -> tuple[Array, Array]:
    """(loss (B,), delta (B, C)) without a column for each class: z shifted scores, p probabilities, total (B, 1)."""
    xp = ops.namespace(z)
    right = xp.take_along_axis(z, xp.astype(numbers, xp.int32), axis=-1)
    return xp.log(total[..., 0]) - right[..., 0], xp.where(_is_class(z, numbers), p - 1, p)
