"""Loss of targets of which some are missing.  Shapes: scores (B, C), target (B, M), NaN where it is missing."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar, final

import numpy as np

from bpframe.plugin import Array, ConfigError, HostArray, Loss, ops

COPIED = ("encode_target", "predict", "classes", "target_labels", "target_width", "point", "sample_target", "order")


@final
@dataclass(frozen=True)
class Masked:
    """loss = that of `inner` where the target is there, 0 where it is NaN; delta alike.

    Where the inner loss is a sum over outputs, each with a target of its own (mse, huber, sigmoid_cross_entropy, ...),
    a value that is missing leaves out its output alone: the sum is over the others. Of any other loss a row with a
    missing value counts 0. The mean is over all rows, so that rows weigh by how much is known of them; to leave a row
    out of the mean give it a sample weight of 0. Metrics are of what is known. Labels are missing where y has None or
    NaN; in `heads` each loss that may miss targets is masked by itself.
    Source: customary, as in multitask learning with incomplete labels: Ramsundar et al. (2015), arXiv:1502.02072,
    section 3.
    """

    inner: Loss
    by_output: bool = field(init=False, repr=False, compare=False)
    missing: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if hasattr(self.inner, "target_fields") or hasattr(self.inner, "parts"):
            raise ConfigError(
                "masked needs a loss of one target, got one of several fields or heads. Mask those inside."
            )
        object.__setattr__(self, "by_output", _is_sum_of_outputs(self.inner))
        for name in COPIED:
            if getattr(self.inner, name, None) is not None:
                object.__setattr__(self, name, getattr(self.inner, name))

    @property
    def link(self) -> Any:
        """That of the inner loss."""
        return self.inner.link

    @property
    def domain(self) -> str:
        """That of the inner loss."""
        return str(getattr(self.inner, "domain", "(-inf, inf)"))

    @property
    def surrogate(self) -> Any:
        """That of the inner loss."""
        return getattr(self.inner, "surrogate", None)

    @classmethod
    def example_configs(cls) -> list[dict[str, Any]]:
        """A loss of outputs one by one, and one of whole rows."""
        return [{"inner": "mse"}, {"inner": "sigmoid_cross_entropy"}, {"inner": "softmax_cross_entropy"}]

    @property
    def class_numbers(self) -> bool:
        """Whether the inner loss takes class numbers as they are."""
        return bool(getattr(self.inner, "class_numbers", False))

    def value_and_delta(self, scores: Array, target: Array) -> tuple[Array, Array]:
        """(loss (B,), delta (B, C)); numbers that every loss takes stand in for those that are missing."""
        xp = ops.namespace(scores)
        gaps = xp.isnan(target)
        if self.by_output:
            one = (scores.size, 1)
            known = xp.where(gaps, 1.0, target)
            values, delta = self.inner.value_and_delta(xp.reshape(scores, one), xp.reshape(known, one))
            value = xp.sum(xp.where(gaps, 0.0, xp.reshape(values, scores.shape)), axis=-1)
            return value, xp.where(gaps, 0.0, xp.reshape(delta, scores.shape))
        missing = xp.any(gaps, axis=-1)
        known = xp.where(missing[:, None], 1.0 / target.shape[-1], target)
        values, delta = self.inner.value_and_delta(scores, known)
        if values.ndim == 0:
            raise ConfigError(
                f"masked needs a loss of one value a row, but {self.inner!r} couples the rows of a batch."
            )
        return xp.where(missing, 0.0, values), xp.where(missing[:, None], 0.0, delta)

    def example(self, rng: np.random.Generator) -> tuple[HostArray, HostArray]:
        """Scores and targets, of which some are missing."""
        if hasattr(self.inner, "example"):
            scores, target = self.inner.example(rng)
        elif self.by_output:
            scores, target = rng.normal(size=(5, 3)), np.where(rng.normal(size=(5, 3)) > 0, 1.0, 0.5)
        else:
            scores, target = rng.normal(size=(5, 3)), np.eye(3)[rng.integers(0, 3, 5)]
        target = np.array(target, dtype=np.float64)
        target[2] = np.nan
        if self.by_output:
            target[0, 0] = np.nan
        return scores, target


def _is_sum_of_outputs(loss: Loss) -> bool:
    """Whether a loss is the sum of what it is for each output and target alone: tried on two rows of numbers in (0, 1).

    Those are scores, probabilities and targets to almost any loss.
    """
    scores, target = np.array([[0.2, 0.7], [0.6, 0.4]]), np.array([[0.5, 0.25], [0.75, 0.9]])
    try:
        whole = np.asarray(loss.value_and_delta(scores, target)[0])
        parts = [np.asarray(loss.value_and_delta(scores[:, k, None], target[:, k, None])[0]) for k in range(2)]
    except Exception:  # a loss of other widths, or of other targets
        return False
    return loss.link != "softmax" and whole.shape == (2,) and bool(np.allclose(whole, parts[0] + parts[1], rtol=1e-9))
