"""The losses of estimators: scikit-learn's own definitions, and the loss named by an estimator's argument.

Shapes: z (B, C) scores, target (B, C).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, final

import numpy as np

from bpframe import ops
from bpframe.errors import ConfigError
from bpframe.protocols import ClassTargets, EncodeTarget, Loss, PredictLabels, SeveralHeads, TargetWidth
from bpframe.protocols.implements import implements
from bpframe.protocols.traits import order_of
from bpframe.registry import Spec, build
from bpframe.types import Array, HostArray

LINKS = {"sigmoid": "logistic", "exponential": "exp", "BoundedVariance": "identity"}  # their names in scikit-learn
REGISTERED = {"LogLoss": "softmax_cross_entropy", "LogLosses": "sigmoid_cross_entropy", "PoissonDeviance": "poisson"}


@final
@dataclass(frozen=True)
class LogLoss:
    """loss = -log p_y, p = softmax(z) clipped to [eps, 1 - eps], eps the precision of the scores; delta = p - y.

    softmax_cross_entropy for one-hot targets, with its value computed from the clipped p as in scikit-learn: a row
    with p_y = 0 counts 36.04 in float64, 15.94 in float32. The gradient is not clipped.
    """

    link: ClassVar[str] = "softmax"

    def value_and_delta(self, scores: Array, target: Array) -> tuple[Array, Array]:
        """(loss (B,), delta (B, C))."""
        xp = ops.namespace(scores)
        e = xp.exp(scores - xp.max(scores, axis=-1, keepdims=True))
        p = e / xp.sum(e, axis=-1, keepdims=True)
        return -xp.log(_clipped(xp.sum(target * p, axis=-1))), p - target

    def example(self, rng: np.random.Generator) -> tuple[HostArray, HostArray]:
        """For checks: scores and one-hot targets, (5, 3) each."""
        return rng.normal(size=(5, 3)), np.eye(3)[rng.integers(0, 3, size=5)]


@final
@dataclass(frozen=True)
class LogLosses:
    """loss = -sum_c log q_c, q_c the clipped probability of the target in column c; delta = sigmoid(z) - y.

    sigmoid_cross_entropy for targets of 0 and 1, with its value computed from the clipped p = sigmoid(z) and 1 - p.
    """

    link: ClassVar[str] = "sigmoid"

    def value_and_delta(self, scores: Array, target: Array) -> tuple[Array, Array]:
        """(loss (B,), delta (B, C)); exp(-|z|) alone, so nothing overflows."""
        xp = ops.namespace(scores)
        e = xp.exp(-abs(scores))
        p = xp.where(scores >= 0, 1.0, e) / (1 + e)
        clipped = _clipped(p)
        return -xp.sum(xp.log(xp.where(target > 0.5, clipped, 1 - clipped)), axis=-1), p - target

    def example(self, rng: np.random.Generator) -> tuple[HostArray, HostArray]:
        """For checks: scores and targets of 0 and 1, (5, 3) each."""
        return rng.normal(size=(5, 3)), rng.integers(0, 2, size=(5, 3)).astype(np.float64)


@final
@dataclass(frozen=True)
class PoissonDeviance:
    """loss = sum_c y log(y / mu) - y + mu, mu = exp(z): half the deviance; delta = mu - y.

    The loss poisson with the constant that makes it 0 where mu = y, as in scikit-learn.
    Source: McCullagh and Nelder (1989), Generalized Linear Models, section 2.3.
    """

    link: ClassVar[str] = "exponential"

    def value_and_delta(self, scores: Array, target: Array) -> tuple[Array, Array]:
        """(loss (B,), delta (B, C))."""
        xp = ops.namespace(scores)
        value, delta = _poisson().value_and_delta(scores, target)
        constant = target * xp.log(xp.where(target > 0, target, 1.0)) - target
        return value + xp.sum(constant, axis=-1), delta

    def encode_target(self, y: HostArray, learned: dict[str, Any]) -> HostArray:
        """(N, C) numbers; DataError for a negative one."""
        encoder = _poisson()
        assert isinstance(encoder, EncodeTarget)
        return encoder.encode_target(y, learned)


def classification_loss(spec: Spec, classes: int, multilabel: bool) -> tuple[Loss, int, bool]:
    """(the loss, the number of scores, whether targets are columns of 0 and 1) for classes or for multilabel targets.

    A loss with independent scores takes two classes as one column, and more classes each against the rest; targets of
    other losses are class numbers, or one-hot rows for a regression loss. A loss of ordered classes says itself how
    many scores tell them apart.
    """
    if spec == "log_loss":
        spec = LogLosses() if multilabel or classes <= 2 else LogLoss()
    loss: Loss = build("loss", spec)
    if implements(loss, ClassTargets) and not multilabel:
        if order_of(loss) is not None:
            name = type(loss).__name__
            raise ConfigError(f"{name} has an order of labels, but an estimator sorts them. Leave it out.")
        return loss, _outputs(loss, loss.classes, classes, "classes"), False
    if implements(loss, TargetWidth) or implements(loss, SeveralHeads):
        raise ConfigError(f"Classes need a loss with one score for each, got {loss!r}. Take log_loss.")
    if scores_are_independent(loss):
        return (loss, classes, True) if multilabel or classes > 2 else (loss, 1, False)
    if multilabel:
        raise ConfigError(f"Several labels a row need a loss of yes/no columns, got {loss!r}. Take log_loss.")
    return loss, classes, not (loss.link == "softmax" or implements(loss, PredictLabels))


def scores_are_independent(loss: Loss) -> bool:
    """Whether each score of the loss is a binary classification of its own (sigmoid), not one of several (softmax)."""
    if implements(loss, PredictLabels):
        return loss.predict(np.zeros((1, 2))).ndim == 2
    return loss.link == "sigmoid"


def regression_loss(spec: Spec, targets: int) -> tuple[Loss, int]:
    """(the loss, the number of scores) for this number of targets; a loss may need several scores for each."""
    spec = {"squared_error": "mse", "poisson": PoissonDeviance()}.get(spec, spec) if isinstance(spec, str) else spec
    loss: Loss = build("loss", spec)
    if not isinstance(loss, TargetWidth):
        return loss, targets
    return loss, _outputs(loss, loss.target_width, targets, "targets")


def _outputs(loss: Loss, given_by: Callable[[int], int], wanted: int, what: str) -> int:
    """The least number of scores by which a loss gives so many targets or classes."""
    for outputs in range(1, 1000 * wanted):
        try:
            if given_by(outputs) == wanted:
                return outputs
        except ValueError:  # a ShapeError, or a plugin's own
            continue
    raise ConfigError(f"{loss!r} has no number of scores that fits {wanted} {what}. Take another loss.")


def output_activation(loss: Loss) -> str:
    """scikit-learn's name for the loss's link: out_activation_."""
    name = loss.link if isinstance(loss.link, str) else type(loss.link).__name__
    return LINKS.get(name, name)


def registered_loss(loss: Loss) -> Spec:
    """The registered loss with the same gradient, for a model file: scikit-learn's differ in their values only."""
    return (
        build("loss", REGISTERED[type(loss).__name__])
        if isinstance(loss, LogLoss | LogLosses | PoissonDeviance)
        else loss
    )


def _poisson() -> Loss:
    loss: Loss = build("loss", "poisson")
    return loss


def _clipped(p: Array) -> Array:
    xp = ops.namespace(p)
    eps = float(xp.finfo(p.dtype).eps)  # type: ignore[attr-defined]  # an Array's namespace is not typed in full
    return xp.minimum(xp.maximum(p, eps), 1 - eps)
