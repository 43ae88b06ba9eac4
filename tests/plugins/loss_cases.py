"""Textbook formulas of the losses in extended precision, and the rows to compare them on.

Shapes: B = 7 rows, C = 3 outputs; a formula takes one row, z (C,) and y (M,), and gives a number.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

import bpframe as bp

B, C = 7, 3
LONG = np.longdouble
OTHERS = {  # of no row alone, of other losses, of ordered classes, of surrogate slopes: proven elsewhere
    *("heads", "masked"),  # tests/data/test_heads.py, tests/training/test_fields.py
    *("cox", "ranknet", "triplet"),  # tests/training/test_fields.py, test_ordinal_and_density_losses.py
    *("corn", "cumulative_link", "crps_gaussian", "beta_nll", "mixture_density"),  # the latter
}
Row = Any  # one row of scores or targets, in extended precision


def residual(term: Callable[[Any], Any]) -> Callable[[Row, Row], Any]:
    return lambda z, y: sum(term(a - b) for a, b in zip(z, y, strict=True))


def pairwise(term: Callable[[Any, Any], Any]) -> Callable[[Row, Row], Any]:
    return lambda z, y: sum(term(a, b) for a, b in zip(z, y, strict=True))


def softmax(z: Row) -> Row:
    return np.exp(z) / sum(np.exp(z))


def sigmoid(z: Any) -> Any:
    return 1 / (1 + np.exp(-z))


def of_class(term: Callable[[Any], Any]) -> Callable[[Row, Row], Any]:
    """sum_c y_c term(p_c)."""
    return lambda z, y: sum(b * term(p) for p, b in zip(softmax(z), y, strict=True))


def of_yes(term: Callable[[Any], Any]) -> Callable[[Row, Row], Any]:
    """sum_c y term(p) + (1 - y) term(1 - p), the latter as the probability of -z."""
    return pairwise(lambda a, b: b * term(sigmoid(a)) + (1 - b) * term(sigmoid(-a)))


def of_yes_and_no(alpha: float) -> Callable[[Row, Row], Any]:
    """Focal terms of a yes, times alpha, and of a no, times 1 - alpha."""

    def term(p: Any) -> Any:
        return -((1 - p) ** 2) * np.log(p)

    return pairwise(lambda a, b: alpha * b * term(sigmoid(a)) + (1 - alpha) * (1 - b) * term(sigmoid(-a)))


def of_margin(term: Callable[[Any], Any]) -> Callable[[Row, Row], Any]:
    return pairwise(lambda a, b: term(a if b == 1 else -a))


def pinball(q: float) -> Callable[[Any], Any]:
    return lambda r: max(-q * r, (1 - q) * r)


def several_quantiles(quantiles: tuple[float, ...], crossing: float) -> Callable[[Row, Row], Any]:
    many = len(quantiles)

    def formula(z: Row, y: Row) -> Any:
        total = LONG(0)
        for j, b in enumerate(y):
            own = z[j * many : (j + 1) * many]
            total += sum(pinball(q)(a - b) for q, a in zip(quantiles, own, strict=True))
            total += crossing * sum(max(0, own[k] - own[k + 1]) for k in range(many - 1))
        return total

    return formula


def tweedie(p: float) -> Callable[[Any, Any], Any]:
    """The integral of (mu - y) / mu^p dmu from 1 to mu."""
    return lambda z, y: (np.exp(z) ** (2 - p) - 1) / (2 - p) - y * (np.exp(z) ** (1 - p) - 1) / (1 - p)


def normal_density(z: Row, y: Row) -> Any:
    pairs = zip(z[: len(y)], np.exp(z[len(y) :]), y, strict=True)
    return -sum(np.log(np.exp(-((mean - b) ** 2) / (2 * v)) / np.sqrt(v)) for mean, v, b in pairs)


def weighted_smoothed(weights: tuple[float, ...], smoothing: float) -> Callable[[Row, Row], Any]:
    def formula(z: Row, y: Row) -> Any:
        t = [w * ((1 - LONG(smoothing)) * b + LONG(smoothing) / len(y)) for w, b in zip(weights, y, strict=True)]
        return -sum(share * np.log(p) for share, p in zip(t, softmax(z), strict=True))

    return formula


def weston_watkins(z: Row, y: Row) -> Any:
    c = list(y).index(1)
    return sum(max(0, z[j] - z[c] + 1) for j in range(len(z)) if j != c)


def crammer_singer(z: Row, y: Row) -> Any:
    c = list(y).index(1)
    return max(0, max(z[j] for j in range(len(z)) if j != c) - z[c] + 1)


def angle(z: Row, y: Row) -> Any:
    return 1 - sum(z * y) / (np.sqrt(sum(z**2)) * np.sqrt(sum(y**2)))


def dice(smooth: float) -> Callable[[Row, Row], Any]:
    return lambda z, y: 1 - (2 * sum(sigmoid(z) * y) + smooth) / (sum(sigmoid(z)) + sum(y) + smooth)


def xlogx(y: Any) -> Any:
    return y * np.log(y) if y > 0 else LONG(0)


def draw(kind: str, rng: np.random.Generator, rows: int = B) -> tuple[Any, Any]:
    """Scores and targets of a kind; half of class and yes/no targets are soft where the kind says so."""
    z, y = rng.normal(size=(2, rows, C)) * 1.5
    soft, hard = rng.dirichlet(np.ones(C), size=rows), np.eye(C)[rng.integers(0, C, rows)]
    mixed = np.where(np.arange(rows)[:, None] % 2 == 0, hard, soft)
    return {
        "residual": (z, y),
        "amounts": (z, rng.exponential(2.0, size=(rows, C))),
        "above -1": (rng.uniform(-0.5, 3.0, size=(rows, C)), rng.uniform(-0.85, 3.0, size=(rows, C))),
        "quantiles": (rng.normal(size=(rows, 2 * C)), rng.normal(size=(rows, 2))),
        "normal": (rng.normal(size=(rows, 4)), rng.normal(size=(rows, 2))),
        "yes": (z, (y > 0).astype(float)),
        "soft yes": (z, np.where(np.arange(rows)[:, None] % 2 == 0, (y > 0), rng.uniform(size=(rows, C)))),
        "class": (z, hard),
        "soft class": (z, mixed),
        "probability": (0.1 + 0.7 * rng.dirichlet(np.ones(C), size=rows), mixed),
        "probability of yes": (rng.uniform(0.1, 0.9, size=(rows, C)), rng.integers(0, 2, size=(rows, C)) * 1.0),
    }[kind]


@dataclass(frozen=True)
class Case:
    """A loss, the kind of its scores and targets, and its formula."""

    name: str
    kind: str
    formula: Callable[[Row, Row], Any]
    arguments: tuple[tuple[str, Any], ...] = ()

    @property
    def loss(self) -> Any:
        return getattr(bp.losses, self.name)(**dict(self.arguments))

    def __str__(self) -> str:
        return f"{self.name}({', '.join(f'{key}={value}' for key, value in self.arguments)})"


def case(name: str, kind: str, formula: Callable[[Row, Row], Any], **arguments: Any) -> Case:
    return Case(name, kind, formula, tuple(arguments.items()))


WEIGHTS = (0.5, 2.0, 1.0)
CASES = [
    case("mse", "residual", residual(lambda r: r**2 / 2)),
    case("mae", "residual", residual(abs)),
    case("huber", "residual", residual(lambda r: r**2 / 2 if abs(r) <= 1.3 else 1.3 * (abs(r) - 0.65)), delta=1.3),
    case("log_cosh", "residual", residual(lambda r: np.log(np.cosh(r)))),
    case("quantile", "residual", residual(pinball(0.3)), q=0.3),
    case("multi_quantile", "quantiles", several_quantiles((0.1, 0.5, 0.9), 0.0)),
    case(
        "multi_quantile",
        "quantiles",
        several_quantiles((0.2, 0.4, 0.9), 1.5),
        quantiles=(0.2, 0.4, 0.9),
        crossing=1.5,
    ),
    case("expectile", "residual", residual(lambda r: (0.8 if r > 0 else 0.2) * r**2), q=0.2),
    case("charbonnier", "residual", residual(lambda r: np.sqrt(r**2 + 0.25) - 0.5), eps=0.5),
    case("tukey", "residual", residual(lambda r: (1 - max(0, 1 - (r / 1.5) ** 2) ** 3) * 2.25 / LONG(6)), c=1.5),
    case("mape", "residual", pairwise(lambda a, b: abs(a - b) / max(abs(b), 0.25)), eps=0.25),
    case("msle", "above -1", pairwise(lambda a, b: np.log((1 + a) / (1 + b)) ** 2 / 2)),
    case("poisson", "amounts", pairwise(lambda a, b: np.exp(a) - b * a)),
    case("gamma", "amounts", pairwise(lambda a, b: b / np.exp(a) + a)),
    case("tweedie", "amounts", pairwise(tweedie(1.5))),
    case("tweedie", "amounts", pairwise(tweedie(1.2)), power=1.2),
    case("gaussian_nll", "normal", normal_density),
    case("sigmoid_cross_entropy", "soft yes", of_yes(lambda p: -np.log(p))),
    case(
        "sigmoid_cross_entropy",
        "soft yes",
        pairwise(lambda a, b: -2.5 * b * np.log(sigmoid(a)) - (1 - b) * np.log(sigmoid(-a))),
        pos_weight=2.5,
    ),
    case("softmax_cross_entropy", "soft class", of_class(lambda p: -np.log(p))),
    case("softmax_cross_entropy", "soft class", weighted_smoothed(WEIGHTS, 0.0), class_weights=WEIGHTS),
    case("softmax_cross_entropy", "soft class", weighted_smoothed((1, 1, 1), 0.2), label_smoothing=0.2),
    case(
        "softmax_cross_entropy",
        "soft class",
        weighted_smoothed(WEIGHTS, 0.2),
        class_weights=WEIGHTS,
        label_smoothing=0.2,
    ),
    case("binary_focal", "soft yes", of_yes(lambda p: -((1 - p) ** 2) * np.log(p))),
    case("binary_focal", "soft yes", of_yes(lambda p: -((1 - p) ** LONG(0.5)) * np.log(p)), gamma=0.5),
    case("binary_focal", "soft yes", of_yes_and_no(0.25), alpha=0.25),
    case("focal", "soft class", of_class(lambda p: -((1 - p) ** 2) * np.log(p))),
    case("focal", "soft class", of_class(lambda p: -0.25 * (1 - p) ** 2 * np.log(p)), alpha=0.25),
    case("focal", "soft class", of_class(lambda p: -((1 - p) ** LONG(0.5)) * np.log(p)), gamma=0.5),
    case("generalized_cross_entropy", "soft class", of_class(lambda p: (1 - p ** LONG(0.7)) / LONG(0.7)), q=0.7),
    case("generalized_cross_entropy", "soft class", of_class(lambda p: 1 - p), q=1.0),
    case("poly1_cross_entropy", "soft class", of_class(lambda p: 1 - p - np.log(p))),
    case("poly1_cross_entropy", "soft class", of_class(lambda p: -0.5 * (1 - p) - np.log(p)), eps=-0.5),
    case(
        "kl_divergence",
        "soft class",
        lambda z, y: sum(xlogx(b) - b * np.log(p) for b, p in zip(y, softmax(z), strict=True)),
    ),
    case("cross_entropy", "probability", pairwise(lambda p, b: -b * np.log(p))),
    case("binary_cross_entropy", "probability of yes", pairwise(lambda p, b: -b * np.log(p) - (1 - b) * np.log(1 - p))),
    case("hinge", "yes", of_margin(lambda m: max(0, 1 - m))),
    case("squared_hinge", "yes", of_margin(lambda m: max(0, 1 - m) ** 2)),
    case("modified_huber", "yes", of_margin(lambda m: max(0, 1 - m) ** 2 if m >= -1 else -4 * m)),
    case("multiclass_hinge", "class", weston_watkins),
    case("crammer_singer", "class", crammer_singer),
    case("cosine", "residual", angle),
    case("dice", "yes", dice(1.0)),
    case("dice", "yes", dice(0.1), smooth=0.1),
]
CLASSES = [
    ("softmax_cross_entropy", 3),
    ("cross_entropy", 3),
    ("focal", 3),
    ("generalized_cross_entropy", 3),
    ("poly1_cross_entropy", 3),
    ("kl_divergence", 3),
    ("multiclass_hinge", 3),
    ("crammer_singer", 3),
    ("sigmoid_cross_entropy", 1),
    ("binary_cross_entropy", 1),
    ("binary_focal", 1),
    ("dice", 1),
    ("hinge", 1),
    ("squared_hinge", 1),
    ("modified_huber", 1),
]
