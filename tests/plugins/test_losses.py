"""Every loss against its textbook formula in extended precision, and the laws that single losses promise.

Shapes: B = 7 rows, C = 3 outputs; a formula takes one row, z (C,) and y (M,), and gives a number.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import scipy.special
import scipy.stats
import sklearn.metrics

import bpframe as bp
from bpframe.data.task import Task
from bpframe.errors import ConfigError, DataError, ShapeError
from bpframe.network.backprop import CostLayer
from bpframe.random import HashKey
from bpframe.registry import registry
from bpframe.training.evaluation import measure, named_metrics

B, C = 7, 3
LONG = np.longdouble
Row = Any  # one row of scores or targets, in extended precision


# ------------------------------------------------------------------------------------------------ textbook formulas


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


# ------------------------------------------------------------------------------------------------------- the domains


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
    case("focal", "soft class", of_class(lambda p: -((1 - p) ** 2) * np.log(p))),
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
EACH = pytest.mark.parametrize("case", CASES, ids=str)


def test_every_loss_of_bpframe_is_proven_here_or_among_the_heads():
    own = {p.name for p in registry.providers("loss") if p.dist == "bpframe"}
    assert own - {"heads"} == {case.name for case in CASES}


# ------------------------------------------------------------------------------------------------ values and slopes


@EACH
def test_the_value_is_that_of_the_formula_in_extended_precision(case, rng):
    scores, target = draw(case.kind, rng, rows=20)
    values, _ = case.loss.value_and_delta(scores, target)
    expected = [case.formula(z, y) for z, y in zip(scores.astype(LONG), target.astype(LONG), strict=True)]
    np.testing.assert_allclose(values, np.array(expected, dtype=float), rtol=1e-12, atol=1e-13)


def slope(f: Callable[[Any], Any], h: float = 1e-3) -> Any:
    """f'(0), to the fourth order in h."""
    return (8 * (f(h) - f(-h)) - (f(2 * h) - f(-2 * h))) / (12 * h)


@EACH
def test_delta_is_the_slope_of_the_formula_output_by_output(case, rng):
    scores, target = draw(case.kind, rng)
    _, delta = case.loss.value_and_delta(scores, target)
    for z, y, found in zip(scores.astype(LONG), target.astype(LONG), delta, strict=True):
        unit = np.eye(len(z), dtype=LONG)
        expected = [slope(lambda h, z=z, y=y, e=e: case.formula(z + LONG(h) * e, y)) for e in unit]
        np.testing.assert_allclose(found, np.array(expected, dtype=float), rtol=1e-8, atol=1e-9)


@EACH
@pytest.mark.parametrize("rows", [0, 1])
def test_no_rows_and_a_single_row_keep_their_shapes(case, rows, rng):
    scores, target = draw(case.kind, rng)
    values, delta = case.loss.value_and_delta(scores, target)
    few, slopes = case.loss.value_and_delta(scores[:rows], target[:rows])
    np.testing.assert_allclose(few, values[:rows], rtol=1e-13)
    np.testing.assert_allclose(slopes, delta[:rows], rtol=1e-13)


@EACH
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_scores_far_from_the_answer_give_finite_numbers_without_a_warning_in_their_own_dtype(case, dtype, rng):
    _, target = draw(case.kind, rng)
    width = draw(case.kind, rng)[0].shape[1]
    ends = [0.0, 1.0, 1e-30] if case.kind.startswith("probability") else [-1e4, 1e4, 1e-30]
    for seed in range(5):
        scores = np.random.default_rng(seed).choice(ends, size=(B, width))
        with np.errstate(over="raise", invalid="raise", divide="raise"):
            values, delta = case.loss.value_and_delta(scores.astype(dtype), target.astype(dtype))
        assert values.dtype == delta.dtype == dtype
        assert np.isfinite(values).all()
        assert np.isfinite(delta).all()


@EACH
def test_rows_of_weight_zero_change_nothing_however_wrong_they_are(case, rng):
    scores, target = draw(case.kind, rng)
    weight = np.array([1.0, 0.0, 2.0, 1.0, 0.0, 1.0, 0.5])
    cost, kept = CostLayer.of(case.loss), weight > 0
    wrong = np.where(kept[:, None], scores, 1e-30 if case.kind.startswith("probability") else -1e4)
    mean, delta = cost.mean_and_delta(wrong, target, weight / weight.sum())
    alone, slopes = cost.mean_and_delta(scores[kept], target[kept], weight[kept] / weight.sum())
    np.testing.assert_allclose(mean, alone, rtol=1e-13)
    np.testing.assert_allclose(delta[kept], slopes, rtol=1e-13)
    np.testing.assert_array_equal(delta[~kept], 0)


# ----------------------------------------------------------------------------------------------- against libraries


def mean_of(name: str, scores: Any, target: Any, **arguments: Any) -> float:
    return float(np.mean(getattr(bp.losses, name)(**arguments).value_and_delta(scores, target)[0]))


def test_scikit_learns_metrics_of_quantities_are_the_same_numbers(rng):
    z, y = draw("residual", rng, rows=50)
    assert mean_of("mae", z, y) == pytest.approx(C * sklearn.metrics.mean_absolute_error(y, z), rel=1e-12)
    assert mean_of("mse", z, y) == pytest.approx(C / 2 * sklearn.metrics.mean_squared_error(y, z), rel=1e-12)
    pinball = sklearn.metrics.mean_pinball_loss(y, z, alpha=0.3)
    assert mean_of("quantile", z, y, q=0.3) == pytest.approx(C * pinball, rel=1e-12)
    relative = sklearn.metrics.mean_absolute_percentage_error(y, z)
    assert mean_of("mape", z, y) == pytest.approx(C * relative, rel=1e-12)
    z, y = draw("above -1", rng, rows=50)
    squared_log = sklearn.metrics.mean_squared_log_error(y, z)
    assert mean_of("msle", z, y) == pytest.approx(C / 2 * squared_log, rel=1e-12)


@pytest.mark.parametrize(
    ("name", "power", "arguments"), [("poisson", 1, {}), ("gamma", 2, {}), ("tweedie", 1.7, {"power": 1.7})]
)
def test_above_its_least_value_a_loss_of_amounts_is_half_of_scikit_learns_deviance(name, power, arguments, rng):
    z, y = draw("amounts", rng, rows=50)
    above = mean_of(name, z, y, **arguments) - mean_of(name, np.log(y), y, **arguments)
    pairs = zip(y.T, np.exp(z).T, strict=True)
    deviance = sum(sklearn.metrics.mean_tweedie_deviance(b, mean, power=power) for b, mean in pairs)
    assert above == pytest.approx(deviance / 2, rel=1e-11)


def test_scikit_learns_losses_of_classes_are_the_same_numbers(rng):
    z, y = draw("class", rng, rows=50)
    number, p = y.argmax(axis=1), scipy.special.softmax(z, axis=1)
    assert mean_of("softmax_cross_entropy", z, y) == pytest.approx(sklearn.metrics.log_loss(number, p), rel=1e-12)
    assert mean_of("cross_entropy", p, y) == pytest.approx(sklearn.metrics.log_loss(number, p), rel=1e-12)
    assert mean_of("crammer_singer", z, y) == pytest.approx(sklearn.metrics.hinge_loss(number, z), rel=1e-12)
    yes = (number == 0)[:, None].astype(float)
    hinge = sklearn.metrics.hinge_loss(np.where(yes[:, 0] == 1, 1, -1), z[:, 0])
    assert mean_of("hinge", z[:, :1], yes) == pytest.approx(hinge, rel=1e-12)
    log_loss = sklearn.metrics.log_loss(yes[:, 0], scipy.special.expit(z[:, 0]))
    assert mean_of("sigmoid_cross_entropy", z[:, :1], yes) == pytest.approx(log_loss, rel=1e-12)
    assert mean_of("binary_cross_entropy", scipy.special.expit(z[:, :1]), yes) == pytest.approx(log_loss, rel=1e-12)


def test_scipys_special_functions_are_the_same_numbers(rng):
    z, y = draw("residual", rng, rows=50)
    assert mean_of("huber", z, y, delta=0.7) == pytest.approx(scipy.special.huber(0.7, z - y).sum() / 50, rel=1e-12)
    pseudo = scipy.special.pseudo_huber(0.4, z - y).sum() / 50
    assert mean_of("charbonnier", z, y, eps=0.4) == pytest.approx(pseudo / 0.4, rel=1e-12)
    z, y = draw("soft class", rng, rows=50)
    divergence = scipy.special.rel_entr(y, scipy.special.softmax(z, axis=1)).sum() / 50
    assert mean_of("kl_divergence", z, y) == pytest.approx(divergence, rel=1e-12)
    z, y = draw("normal", rng, rows=50)
    density = scipy.stats.norm.logpdf(y, z[:, :2], np.exp(z[:, 2:] / 2)).sum() / 50
    assert mean_of("gaussian_nll", z, y) == pytest.approx(-density - math.log(2 * math.pi), rel=1e-12)


# -------------------------------------------------------------------------------------------------- kinks and joints

KINKED = ("mae", "quantile", "multi_quantile", "mape", "hinge", "multiclass_hinge", "crammer_singer")


@pytest.mark.parametrize("name", KINKED)
@pytest.mark.parametrize("seed", range(5))
def test_at_a_kink_delta_lies_between_the_slopes_on_either_side(name, seed):
    loss, rng = getattr(bp.losses, name)(), np.random.default_rng(seed)
    scores, target = loss.example_at_kink(rng)
    values, delta = loss.value_and_delta(scores, target)
    axes = [np.broadcast_to(e, scores.shape) for e in np.eye(scores.shape[1])]
    for d in [*axes, *rng.normal(size=(5, *scores.shape))]:
        ahead, behind = (s * (loss.value_and_delta(scores + s * 1e-6 * d, target)[0] - values) / 1e-6 for s in (1, -1))
        slack = 1e-7 * (1 + np.abs(delta).sum(axis=1))
        assert (behind - slack <= (delta * d).sum(axis=1)).all()
        assert ((delta * d).sum(axis=1) <= ahead + slack).all()


def test_the_slope_at_a_kink_is_what_its_docstring_says():
    zero = np.zeros((1, 1))
    assert bp.losses.mae().value_and_delta(zero, zero)[1] == 0
    assert bp.losses.mape().value_and_delta(zero, zero)[1] == 0
    assert bp.losses.quantile(q=0.2).value_and_delta(zero, zero)[1] == pytest.approx(0.3)
    assert bp.losses.hinge().value_and_delta(zero + 1, zero + 1)[1] == 0


@pytest.mark.parametrize(
    ("name", "score", "target", "delta"),
    [
        ("huber", 1.0, 0.0, 1.0),
        ("huber", -1.0, 0.0, -1.0),
        ("expectile", 0.0, 0.0, 0.0),
        ("tukey", 4.685, 0.0, 0.0),
        ("log_cosh", 1.0, 0.0, math.tanh(1)),
        ("squared_hinge", 1.0, 1.0, 0.0),
        ("modified_huber", 1.0, 1.0, 0.0),
        ("modified_huber", -1.0, 1.0, -4.0),
        ("modified_huber", 1.0, 0.0, 4.0),
    ],
)
def test_where_branches_join_value_and_slope_are_continuous(name, score, target, delta):
    loss = getattr(bp.losses, name)()
    near = [np.full((1, 1), score * (1 + e) + e) for e in (-1e-9, 0.0, 1e-9)]
    found = [loss.value_and_delta(z, np.full((1, 1), target)) for z in near]
    np.testing.assert_allclose([float(slope[0, 0]) for _, slope in found], delta, atol=3e-8)
    assert max(float(value[0]) for value, _ in found) - min(float(value[0]) for value, _ in found) < 3e-8


# ------------------------------------------------------------------------------------------------- digits and bounds


@pytest.mark.parametrize("r", [1e-9, 1e-5, 0.3, 0.999999, 1.0, 1.000001, 5.0, 700.0, 1e4])
@pytest.mark.parametrize("sign", [1, -1])
def test_log_cosh_keeps_its_digits_from_small_residuals_to_large_ones(r, sign):
    series = r**2 / 2 * (1 - r**2 / 6)
    expected = series if r < 1e-3 else r - math.log(2) + math.log1p(math.exp(-2 * r))
    value, delta = bp.losses.log_cosh().value_and_delta(np.array([[sign * r]]), np.zeros((1, 1)))
    assert value[0] == pytest.approx(expected, rel=1e-12)
    assert delta[0, 0] == pytest.approx(sign * math.tanh(r), rel=1e-14)


@pytest.mark.parametrize("name", ["charbonnier", "tukey"])
def test_a_small_residual_is_not_lost_in_a_difference(name):
    loss = {"charbonnier": bp.losses.charbonnier(eps=1.0), "tukey": bp.losses.tukey()}[name]
    value, _ = loss.value_and_delta(np.array([[1e-10]]), np.zeros((1, 1)))
    assert value[0] == pytest.approx(0.5e-20, rel=1e-12)


@pytest.mark.parametrize("gamma", [0.0, 0.25, 1.0, 2.0, 5.0])
@pytest.mark.parametrize("z", [30.0, 40.0, 500.0, 1e4])
@pytest.mark.parametrize("name", ["focal", "binary_focal"])
def test_a_focal_loss_that_is_right_already_goes_to_zero_with_all_its_digits(name, z, gamma):
    """With q = exp(-z) the value is q^(gamma + 1) and the slope -(gamma + 1) q^(gamma + 1), to the first order."""
    loss = getattr(bp.losses, name)(gamma=gamma)
    scores, target = (np.array([[z]]), np.array([[1.0]])) if name == "binary_focal" else np.array([[[z, 0]], [[1, 0]]])
    value, delta = loss.value_and_delta(scores, target)
    q = math.exp(-z) ** (gamma + 1)
    if name == "binary_focal":
        assert value[0] == pytest.approx(q, rel=1e-11, abs=0)
        assert delta[0, 0] == pytest.approx(-(gamma + 1) * q, rel=1e-11, abs=0)
    assert value[0] == pytest.approx(q, abs=1e-13)  # log p of a softmax is known to its last digit below 1
    assert np.isfinite(delta).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("gap", [100.0, 2e4])
def test_losses_of_classes_know_how_wrong_a_hopeless_score_is(dtype, gap):
    """The right class lies `gap` below: -log p = gap, p = 0."""
    scores, target = np.array([[0.0, -gap, -gap]], dtype), np.array([[0, 1, 0]], dtype)
    expected = {
        "softmax_cross_entropy": (gap, [1, -1, 0]),
        "kl_divergence": (gap, [1, -1, 0]),
        "focal": (gap, [1, -1, 0]),
        "poly1_cross_entropy": (gap + 1, [1, -1, 0]),
        "generalized_cross_entropy": (1 / 0.7, [0, 0, 0]),
    }
    for name, (value, delta) in expected.items():
        values, slopes = getattr(bp.losses, name)().value_and_delta(scores, target)
        np.testing.assert_allclose(values, value, rtol=1e-6, err_msg=name)
        np.testing.assert_allclose(slopes, [delta], atol=1e-12, err_msg=name)
    for name in ("sigmoid_cross_entropy", "binary_focal"):
        values, slopes = getattr(bp.losses, name)().value_and_delta(scores[:, 1:2], target[:, 1:2])
        assert (float(values[0]), float(slopes[0, 0])) == (gap, -1.0)


@pytest.mark.parametrize(("dtype", "bound"), [(np.float32, 40), (np.float64, 350)])
@pytest.mark.parametrize(("name", "side"), [("poisson", 1), ("gamma", -1), ("tweedie", 1), ("tweedie", -1)])
def test_beyond_the_bound_of_an_exponential_value_and_delta_are_those_of_the_bound(name, side, dtype, bound):
    loss, y = getattr(bp.losses, name)(), np.full((1, 1), 3.0, dtype)
    at, beyond, inside = (
        loss.value_and_delta(np.full((1, 1), side * z, dtype), y) for z in (bound, bound + 1000, bound - 1)
    )
    np.testing.assert_array_equal(beyond[0], at[0])
    np.testing.assert_array_equal(beyond[1], at[1])
    assert inside[0] < at[0]
    assert np.isfinite(at[1] * at[1]).all()
    assert np.sign(at[1]) == side  # the way back is downhill


@pytest.mark.parametrize("side", [1, -1])
def test_beyond_the_bound_of_a_variance_value_and_delta_are_those_of_the_bound(side):
    loss, y = bp.losses.gaussian_nll(eps=0.01), np.array([[1.0]])
    end = 40.0 if side > 0 else math.log(0.01)
    at, beyond = (loss.value_and_delta(np.array([[3.0, s]]), y) for s in (end, end + side * 100))
    np.testing.assert_array_equal(beyond[0], at[0])
    np.testing.assert_array_equal(beyond[1], at[1])
    assert np.sign(at[1][0, 1]) == side


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_probabilities_down_to_the_smallest_number_count_with_their_own_logarithm(dtype):
    tiny = float(np.finfo(dtype).smallest_normal)
    for p in (1e-30, tiny):
        expected = -math.log(float(dtype(p)))
        values, delta = bp.losses.cross_entropy().value_and_delta(
            np.array([[p, 1 - p]], dtype), np.array([[1, 0]], dtype)
        )
        assert float(values[0]) == pytest.approx(expected, rel=1e-6)
        assert float(delta[0, 0]) == pytest.approx(-1 / p, rel=1e-6)
        values, delta = bp.losses.binary_cross_entropy().value_and_delta(np.array([[p]], dtype), np.array([[1]], dtype))
        assert float(values[0]) == pytest.approx(expected, rel=1e-6)
        assert float(delta[0, 0]) == pytest.approx(-1 / p, rel=1e-6)


@pytest.mark.parametrize("beyond", [0.0, -0.5])
def test_probabilities_beyond_their_ends_have_value_and_delta_of_the_bound(beyond):
    tiny = float(np.finfo(np.float64).smallest_normal)
    for y, p in ((1.0, beyond), (0.0, 1 - beyond)):
        values, delta = bp.losses.binary_cross_entropy().value_and_delta(np.array([[p]]), np.array([[y]]))
        assert values[0] == pytest.approx(-math.log(tiny), rel=1e-14)
        assert abs(delta[0, 0]) == pytest.approx(1 / tiny, rel=1e-14)
        assert np.sign(delta[0, 0]) == (-1 if y else 1)
    for y, p in ((0.0, beyond), (1.0, 1 - beyond)):
        values, delta = bp.losses.binary_cross_entropy().value_and_delta(np.array([[p]]), np.array([[y]]))
        assert (float(values[0]), float(delta[0, 0])) == (0, -1 if y else 1)
    values, delta = bp.losses.cross_entropy().value_and_delta(np.array([[beyond, 1.0]]), np.array([[1.0, 0.0]]))
    assert values[0] == pytest.approx(-math.log(tiny), rel=1e-14)


def test_msle_below_its_bound_pulls_back_with_the_slope_of_the_bound():
    loss, y = bp.losses.msle(eps=0.5), np.array([[1.0]])
    at, below = (loss.value_and_delta(np.array([[z]]), y) for z in (-0.5, -1e4))
    np.testing.assert_array_equal(below[0], at[0])
    np.testing.assert_array_equal(below[1], at[1])
    assert at[1][0, 0] == pytest.approx(math.log(0.5 / 2) / 0.5, rel=1e-12)


def test_cosine_ignores_lengths_and_is_finite_where_there_is_no_direction():
    loss, z, y = bp.losses.cosine(), np.array([[3.0, 4.0]]), np.array([[4.0, 3.0]])
    assert loss.value_and_delta(z, y)[0][0] == pytest.approx(1 - 24 / 25, rel=1e-12)
    assert loss.value_and_delta(1e-3 * z, 1e6 * y)[0][0] == pytest.approx(1 - 24 / 25, rel=1e-9)
    for scores, target in ((np.zeros((1, 2)), y), (z, np.zeros((1, 2)))):
        value, delta = loss.value_and_delta(scores, target)
        assert value[0] == 1
        assert np.isfinite(delta).all()
    assert (loss.value_and_delta(z, np.zeros((1, 2)))[1] == 0).all()
    np.testing.assert_allclose(loss.value_and_delta(np.zeros((1, 2)), y)[1], -y / 5 / 1e-8, rtol=1e-12)


# ------------------------------------------------------------------------------------------------------------- limits


def both(name: str, scores: Any, target: Any, **arguments: Any) -> tuple[Any, Any]:
    values, delta = getattr(bp.losses, name)(**arguments).value_and_delta(scores, target)
    return values, delta


@pytest.mark.parametrize(
    ("one", "other", "kind", "tolerance"),
    [
        (("focal", {"gamma": 0.0}), ("softmax_cross_entropy", {}), "soft class", 1e-13),
        (("binary_focal", {"gamma": 0.0}), ("sigmoid_cross_entropy", {}), "soft yes", 1e-13),
        (("poly1_cross_entropy", {"eps": 0.0}), ("softmax_cross_entropy", {}), "soft class", 1e-13),
        (("generalized_cross_entropy", {"q": 1e-9}), ("softmax_cross_entropy", {}), "soft class", 1e-7),
        (("softmax_cross_entropy", {"class_weights": (1, 1, 1)}), ("softmax_cross_entropy", {}), "class", 1e-13),
        (("kl_divergence", {}), ("softmax_cross_entropy", {}), "class", 1e-13),
        (("huber", {"delta": 1e9}), ("mse", {}), "residual", 1e-13),
        (("expectile", {"q": 0.5}), ("mse", {}), "residual", 1e-13),
        (("charbonnier", {"eps": 1e-12}), ("mae", {}), "residual", 1e-9),
        (("multi_quantile", {"quantiles": (0.3,)}), ("quantile", {"q": 0.3}), "residual", 1e-13),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else None,
)
def test_a_loss_becomes_another_where_its_docstring_says_so(one, other, kind, tolerance, rng):
    scores, target = draw(kind, rng, rows=30)
    found, expected = both(one[0], scores, target, **one[1]), both(other[0], scores, target, **other[1])
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)


def test_a_weight_that_is_all_but_one_gives_the_numbers_of_no_weight(rng):
    scores, target = draw("soft yes", rng)
    near = np.nextafter(1.0, 2.0)
    for a, b in zip(
        both("sigmoid_cross_entropy", scores, target),
        both("sigmoid_cross_entropy", scores, target, pos_weight=near),
        strict=True,
    ):
        np.testing.assert_allclose(a, b, rtol=1e-13, atol=1e-15)


def test_half_of_mae_is_the_quantile_loss_of_the_median_kinks_included(rng):
    y = rng.normal(size=(20, C))
    z = y + rng.integers(-1, 2, size=y.shape)
    for a, b in zip(both("quantile", z, y), both("mae", z, y), strict=True):
        np.testing.assert_allclose(a, b / 2, rtol=1e-15)


def test_tweedie_is_poisson_at_one_end_and_gamma_at_the_other_up_to_constants_of_the_target(rng):
    scores, y = draw("amounts", rng, rows=30)
    values, delta = both("tweedie", scores, y, power=1 + 1e-9)
    poisson, slope = both("poisson", scores, y)
    np.testing.assert_allclose(delta, slope, rtol=1e-7, atol=1e-7)
    np.testing.assert_allclose(values, poisson - C, rtol=1e-7, atol=1e-7)
    values, delta = both("tweedie", scores, y, power=2 - 1e-9)
    gamma, slope = both("gamma", scores, y)
    np.testing.assert_allclose(delta, slope, rtol=1e-7, atol=1e-7)
    np.testing.assert_allclose(values, gamma - y.sum(axis=1), rtol=1e-7, atol=1e-7)


def test_a_class_of_weight_zero_is_ignored():
    scores = np.array([[1.0, 2.0, 3.0], [1e4, 0.0, -1e4]])
    values, delta = both("softmax_cross_entropy", scores, np.eye(3)[[0, 0]], class_weights=(0.0, 1.0, 1.0))
    assert (values == 0).all()
    assert (delta == 0).all()


# --------------------------------------------------------------------------------------------------- coupled batches


def test_dice_over_the_batch_is_dice_of_one_long_row(rng):
    scores, target = draw("yes", rng)
    value, delta = both("dice", scores, target, over="batch")
    row, slope = both("dice", scores.reshape(1, -1), target.reshape(1, -1))
    assert value.ndim == 0
    assert float(value) == pytest.approx(float(row[0]), rel=1e-13)
    np.testing.assert_allclose(delta, slope.reshape(scores.shape), rtol=1e-13)


def test_sample_weights_for_a_loss_that_couples_its_rows_are_a_clear_error(rng):
    x, y = rng.normal(size=(8, 2)), np.array([0, 1] * 4)
    made = bp.Trainer(bp.Network([bp.layers.dense(1)]), loss={"name": "dice", "over": "batch"})
    with pytest.raises(ConfigError, match="Dice couples the rows of a batch"):
        made.fit(x, y, sample_weight=np.arange(1.0, 9.0), epochs=1)
    history = made.fit(x, y, epochs=30, batch_size=8)
    assert history.train["loss"][-1] < history.train["loss"][0]


# ------------------------------------------------------------------------------------------------------ drawn targets

DRAWS = 40_000


def drawn(loss: Any, row: list[float], dtype: Any = np.float64) -> Any:
    scores = np.repeat(np.array([row], dtype), DRAWS, axis=0)
    targets = loss.sample_target(scores, HashKey(3, 4))
    assert targets.dtype == dtype
    return targets


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_drawn_classes_are_one_hot_and_as_frequent_as_their_probabilities(dtype):
    targets = drawn(bp.losses.softmax_cross_entropy(), [1001.0, -1e4, 1000.0, 1002.0], dtype)
    assert set(np.unique(targets)) == {0, 1}
    np.testing.assert_array_equal(targets.sum(axis=1), 1)
    p = scipy.special.softmax([1.0, -1e4, 0.0, 2.0])
    np.testing.assert_allclose(targets.mean(axis=0), p, atol=5 * 0.5 / math.sqrt(DRAWS))
    assert targets[:, 1].sum() == 0


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_drawn_yes_and_no_are_independent_and_as_frequent_as_their_probabilities(dtype):
    targets = drawn(bp.losses.sigmoid_cross_entropy(), [0.75, -1e4, 1e4, -0.5], dtype)
    assert set(np.unique(targets)) == {0, 1}
    error = 5 * 0.5 / math.sqrt(DRAWS)
    np.testing.assert_allclose(targets.mean(axis=0), scipy.special.expit([0.75, -1e4, 1e4, -0.5]), atol=error)
    joint = float(np.mean(targets[:, 0] * targets[:, 3]))
    assert joint == pytest.approx(scipy.special.expit(0.75) * scipy.special.expit(-0.5), abs=error)


@pytest.mark.parametrize(
    ("loss", "row", "mean", "deviation"),
    [
        (bp.losses.mse(), [2.0, -1.0], [2.0, -1.0], [1.0, 1.0]),
        (bp.losses.gaussian_nll(), [2.0, -1.0, 0.0, math.log(9)], [2.0, -1.0], [1.0, 3.0]),
    ],
)
def test_drawn_quantities_have_the_mean_and_the_deviation_of_their_scores(loss, row, mean, deviation):
    targets = drawn(loss, row)
    np.testing.assert_allclose(targets.mean(axis=0), mean, atol=5 * 3 / math.sqrt(DRAWS))
    np.testing.assert_allclose(targets.std(axis=0), deviation, rtol=5 / math.sqrt(2 * DRAWS))


@pytest.mark.parametrize("name", ["softmax_cross_entropy", "sigmoid_cross_entropy", "mse", "gaussian_nll"])
def test_drawn_targets_depend_on_the_key_alone(name, rng):
    loss, scores = getattr(bp.losses, name)(), rng.normal(size=(50, 4))
    one, again, other = (loss.sample_target(scores, HashKey(1, word)) for word in (2, 2, 3))
    np.testing.assert_array_equal(one, again)
    assert (one != other).any()


# --------------------------------------------------------------------------------------------- several scores a target


def head(loss: Any, outputs: int, dtype: str = "float64") -> Task:
    return Task(loss, CostLayer.of(loss), dtype, (1,), outputs)


def admitted(loss: Any, outputs: int, y: Any) -> tuple[Any, Task]:
    seen, known = head(loss, outputs).admit(np.zeros((len(y), 1)), y)
    return seen.target, known


@pytest.mark.parametrize(
    ("name", "outputs", "targets"), [("gaussian_nll", 2, 1), ("gaussian_nll", 6, 3), ("multi_quantile", 6, 2)]
)
def test_targets_are_narrower_than_scores_where_several_describe_one(name, outputs, targets, rng):
    y = rng.normal(size=(4, targets))
    target, _ = admitted(getattr(bp.losses, name)(), outputs, y if targets > 1 else y[:, 0])
    np.testing.assert_array_equal(target, y)
    with pytest.raises(ShapeError, match=f"y needs {targets} columns"):
        admitted(getattr(bp.losses, name)(), outputs, rng.normal(size=(4, outputs)))


@pytest.mark.parametrize(("name", "outputs"), [("gaussian_nll", 3), ("multi_quantile", 4)])
def test_a_number_of_scores_that_makes_no_sense_is_an_error_with_its_remedy(name, outputs):
    with pytest.raises(ShapeError, match=f"{name} needs . scores for each target.*got {outputs}. End the network in"):
        admitted(getattr(bp.losses, name)(), outputs, [1.0])


def test_metrics_compare_the_mean_and_the_middle_quantile_with_the_target(rng):
    y = rng.normal(size=(9, 2))
    spread = np.full((9, 2), 3.0)
    for loss, scores in (
        (bp.losses.gaussian_nll(), np.hstack([y, spread])),
        (bp.losses.multi_quantile(quantiles=(0.1, 0.45, 0.8)), np.stack([y - 1, y, y + 5], axis=2).reshape(9, 6)),
    ):
        seen, known = head(loss, scores.shape[1]).admit(np.zeros((9, 1)), y)
        measured = measure(known, scores, seen.target, seen.weight, named_metrics(known, None))
        assert measured == {"r2": pytest.approx(1), "mae": pytest.approx(0, abs=1e-12)}


# ----------------------------------------------------------------------------------------------------- classes, labels

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
LABELS = {
    "text": ["no", "yes", "yes", "no"],
    "flags": [True, False, False, True],
    "signs": [-1, 1, 1, -1],
    "numbers": [0, 1, 1, 0],
    "years": [2020, 1999, 1999, 2020],
}


def certain(name: str, target: Any) -> Any:
    """Scores that predict the target."""
    return target if name in ("cross_entropy", "binary_cross_entropy") else 6 * target - 3


@pytest.mark.parametrize(("name", "outputs"), CLASSES)
@pytest.mark.parametrize("kind", LABELS)
def test_labels_come_back_as_they_were_given(name, outputs, kind):
    y = LABELS[kind]
    target, known = admitted(getattr(bp.losses, name)(), outputs, y)
    assert target.shape == (4, outputs)
    found = known.labels(certain(name, target))
    assert found.tolist() == y
    assert found.dtype.kind == np.asarray(y).dtype.kind
    assert known.labels(certain(name, 1 - target)).tolist() != y


@pytest.mark.parametrize(("name", "outputs"), [case for case in CLASSES if case[1] == 3])
def test_three_classes_come_back_and_a_column_without_a_class_is_never_predicted(name, outputs):
    y = ["b", "c", "a"]
    target, known = admitted(getattr(bp.losses, name)(), 4, y)
    scores = certain(name, target)
    scores[:, 3] = 9
    assert known.labels(scores).tolist() == y


@pytest.mark.parametrize("name", [name for name, outputs in CLASSES if outputs == 1])
def test_several_yes_and_no_columns_come_back_as_zeros_and_ones(name):
    y = np.array([[1, 0, 1], [0, 0, 1], [1, 1, 0]])
    seen, known = head(getattr(bp.losses, name)(), 3).admit(np.zeros((3, 1)), y)
    np.testing.assert_array_equal(known.labels(certain(name, seen.target)), y)
    metrics = named_metrics(known, None)
    assert measure(known, certain(name, seen.target), seen.target, seen.weight, metrics) == {"accuracy": 1.0}
    wrong = certain(name, np.vstack([1 - seen.target[:1], seen.target[1:]]))
    assert measure(known, wrong, seen.target, seen.weight, metrics) == {"accuracy": pytest.approx(2 / 3)}


@pytest.mark.parametrize(
    ("name", "even"), [("hinge", 0.0), ("squared_hinge", 0.0), ("modified_huber", 0.0), ("binary_cross_entropy", 0.5)]
)
def test_a_score_on_the_border_is_a_yes_in_one_column_or_several(name, even):
    predict = getattr(bp.losses, name)().predict
    assert predict(np.array([[even], [even - 1e-9]])).tolist() == [1, 0]
    assert predict(np.array([[even, even - 1e-9]])).tolist() == [[1, 0]]


@pytest.mark.parametrize("name", [name for name, outputs in CLASSES if outputs == 1])
def test_a_single_known_class_is_predicted_whatever_the_score(name):
    _, known = admitted(getattr(bp.losses, name)(), 1, ["only", "only"])
    assert known.labels(np.array([[0.0], [1.0], [0.5]])).tolist() == ["only"] * 3


@pytest.mark.parametrize("name", ["sigmoid_cross_entropy", "binary_cross_entropy", "binary_focal"])
def test_one_column_of_soft_labels_is_measured_by_its_nearer_end(name):
    seen, known = head(getattr(bp.losses, name)(), 1).admit(np.zeros((3, 1)), [0.2, 0.9, 0.6])
    assert measure(
        known, certain(name, np.array([[0.0], [1.0], [0.0]])), seen.target, seen.weight, named_metrics(known, None)
    ) == {"accuracy": pytest.approx(2 / 3)}


def test_what_a_loss_predicts_decides_its_default_metrics():
    own = [p.name for p in registry.providers("loss") if p.dist == "bpframe" and p.name != "heads"]
    classes = {name for name in own if head(getattr(bp.losses, name)(), 1).classes}
    assert classes == {name for name, _ in CLASSES}
    for name in own:
        names = [metric for metric, _ in named_metrics(head(getattr(bp.losses, name)(), 1), None)]
        assert names == (["accuracy"] if name in classes else ["r2", "mae"])


@pytest.mark.parametrize("name", sorted({case.name for case in CASES} - {name for name, _ in CLASSES}))
def test_labels_of_a_model_of_quantities_are_a_clear_error(name):
    with pytest.raises(DataError, match=r"predicts quantities\. Use predict\."):
        head(getattr(bp.losses, name)(), 2).labels(np.zeros((2, 2)))


# ------------------------------------------------------------------------------------------------ refused, with reasons


@pytest.mark.parametrize(
    ("name", "outputs", "y", "message"),
    [
        ("poisson", 1, [1.0, 0.0, -0.5], "poisson needs numbers of at least 0 as y, got -0.5 at row 2. .*use mse"),
        ("poisson", 2, [[1.0, 2.0], [3.0, -4.0]], "got -4 at row 1, column 1"),
        ("poisson", 1, [1.0, np.nan], "poisson needs .* got nan at row 1"),
        (
            "gamma",
            1,
            [1.0, 0.0],
            "gamma needs numbers above 0 as y, got 0 at row 1. Where some amounts are 0 use tweedie",
        ),
        ("tweedie", 1, [0.0, -1.0], "tweedie needs numbers of at least 0 as y, got -1 at row 1"),
        ("msle", 1, [0.0, -0.95], "msle needs numbers of at least eps - 1 = -0.9 as y, got -0.95 at row 1. Lower eps"),
        ("hinge", 1, ["a", "b", "c"], "room for 2 classes, but y has 3"),
        (
            "hinge",
            1,
            [0.5, 1.0],
            "hinge needs labels of two classes, .* as y, got 0.5 at row 0. For soft labels use sig",
        ),
        ("squared_hinge", 2, [[1, 0], [0.25, 1]], "squared_hinge needs .* got 0.25 at row 1, column 0"),
        ("modified_huber", 2, [[1, 2]], r"y needs numbers in \[0, 1\], got 2 at row 0, column 1"),
        ("multiclass_hinge", 2, [[0.5, 0.5]], "multiclass_hinge needs a single class a row as y, got 0.5 at row 0"),
        ("crammer_singer", 2, [["a"], ["b"], ["c"]], "room for 2 classes, but y has 3"),
    ],
)
def test_targets_outside_the_domain_are_an_error_with_row_and_remedy(name, outputs, y, message):
    with pytest.raises(DataError, match=message):
        admitted(getattr(bp.losses, name)(), outputs, y)


@pytest.mark.parametrize(
    ("name", "y"), [("poisson", [0, 3]), ("gamma", [1e-9, 2]), ("tweedie", [0.0, 2.5]), ("msle", [-0.9, 4.0])]
)
def test_targets_at_the_edge_of_the_domain_are_taken_as_they_are(name, y):
    target, _ = admitted(getattr(bp.losses, name)(), 1, y)
    np.testing.assert_array_equal(target[:, 0], y)


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("huber", {"delta": 0.0}, "huber needs a number above 0 as delta, got 0.0"),
        ("quantile", {"q": 0.0}, "quantile needs a number above 0 as q"),
        ("quantile", {"q": 1.0}, r"quantile needs a number in \[0, 1\) as q"),
        ("expectile", {"q": -0.1}, "expectile needs a number above 0 as q"),
        ("expectile", {"q": 1.0}, "expectile needs .* as q"),
        ("multi_quantile", {"quantiles": ()}, r"quantiles that rise inside \(0, 1\), got \(\)"),
        ("multi_quantile", {"quantiles": (0.5, 0.5)}, "quantiles that rise"),
        ("multi_quantile", {"quantiles": (0.5, 1.0)}, "quantiles that rise"),
        ("multi_quantile", {"crossing": -1.0}, "multi_quantile needs a number of at least 0 as crossing"),
        ("charbonnier", {"eps": 0.0}, "charbonnier needs a number above 0 as eps"),
        ("tukey", {"c": -1.0}, "tukey needs a number above 0 as c"),
        ("mape", {"eps": 0.0}, "mape needs a number above 0 as eps"),
        ("msle", {"eps": 0.0}, "msle needs a number above 0 as eps"),
        ("msle", {"eps": 1.0}, "msle needs .* as eps"),
        ("tweedie", {"power": 1.0}, r"tweedie needs a number in \(1, 2\) as power, got 1.0. .*poisson \(1\)"),
        ("tweedie", {"power": 2.5}, "tweedie needs .* as power, got 2.5"),
        ("gaussian_nll", {"eps": 0.0}, "gaussian_nll needs a number above 0 as eps"),
        ("sigmoid_cross_entropy", {"pos_weight": 0.0}, "sigmoid_cross_entropy needs a number above 0 as pos_weight"),
        ("softmax_cross_entropy", {"label_smoothing": 1.0}, "softmax_cross_entropy needs .* as label_smoothing"),
        ("softmax_cross_entropy", {"class_weights": (1.0, -1.0)}, r"at least 0 as class_weights\[1\], got -1.0"),
        ("binary_focal", {"gamma": -1.0}, "binary_focal needs a number of at least 0 as gamma"),
        ("focal", {"gamma": -1.0}, "focal needs a number of at least 0 as gamma"),
        ("generalized_cross_entropy", {"q": 0.0}, "generalized_cross_entropy needs a number above 0 as q"),
        (
            "generalized_cross_entropy",
            {"q": 1.5},
            r"generalized_cross_entropy needs a number in \(0, 1\] as q, got 1.5",
        ),
        ("dice", {"smooth": 0.0}, "dice needs a number above 0 as smooth"),
        ("dice", {"over": "everything"}, "over: wants one of row, batch"),
    ],
)
def test_a_setting_out_of_range_is_named_where_it_enters(name, arguments, message):
    with pytest.raises(ConfigError, match=message):
        bp.build("loss", {"name": name, **arguments})


@pytest.mark.parametrize("weights", [(1.0,), (1.0, 2.0), (1.0, 2.0, 3.0, 4.0)])
def test_class_weights_of_another_number_than_the_classes_are_an_error_and_never_stretched(weights):
    loss = bp.losses.softmax_cross_entropy(class_weights=weights)
    with pytest.raises(ShapeError, match=f"needs 3 class weights, one a score, got {len(weights)}"):
        loss.value_and_delta(np.zeros((2, 3)), np.eye(3)[:2])


# ------------------------------------------------------------------------------------------------------ end to end


def problem(name: str) -> tuple[Any, Any, list[Any]]:
    """x, y and the last layers of a small network for a loss with its default arguments."""
    x = np.random.default_rng(5).normal(size=(40, 3))
    number = x @ [1.0, -0.5, 0.25]
    dense = bp.layers.dense
    special = {
        "gaussian_nll": (number, [dense(2)]),
        "multi_quantile": (number, [dense(3)]),
        "cosine": (np.stack([number, x[:, 0]], axis=1), [dense(2)]),
        "mape": (5 + number, [dense(1)]),
        "msle": (np.exp(number), [dense(1)]),
        "poisson": (np.round(np.exp(number)), [dense(1)]),
        "gamma": (np.exp(number), [dense(1)]),
        "tweedie": (np.maximum(np.exp(number) - 0.5, 0), [dense(1)]),
        "cross_entropy": (np.digitize(number, [-0.5, 0.5]), [dense(3, activation="softmax")]),
        "binary_cross_entropy": (number > 0, [dense(1, activation="sigmoid")]),
    }
    if name in special:
        return x, *special[name]
    outputs = dict(CLASSES).get(name)
    if outputs == 3:
        return x, np.array(["low", "middle", "top"])[np.digitize(number, [-0.5, 0.5])], [dense(3)]
    return x, (number > 0 if outputs else number), [dense(1)]


@pytest.mark.parametrize("name", sorted({case.name for case in CASES}))
def test_a_network_learns_with_every_loss_as_it_comes(name):
    x, y, last = problem(name)
    network = bp.Network([bp.layers.dense(6, activation="tanh"), *last])
    made = bp.Trainer(network, loss=name, optimizer={"name": "momentum", "lr": 0.03, "momentum": 0.5}, seed=1)
    before = made.fit(x, y, epochs=1, batch_size=8).train["loss"][0]
    history = made.fit(x, y, epochs=20, batch_size=8)
    assert history.train["loss"][-1] < before - 0.05 * abs(before)
    assert made.evaluate(x, y)["loss"] < before
    if name in dict(CLASSES):
        assert made.evaluate(x, y)["accuracy"] > 0.7
        assert set(made.predict_labels(x).tolist()) <= set(np.asarray(y).tolist())


def test_class_weights_move_predictions_to_the_class_that_counts_more():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(200, 2)), rng.integers(0, 2, 200)
    shares = []
    for weights in ((1.0, 4.0), (4.0, 1.0)):
        loss = bp.losses.softmax_cross_entropy(class_weights=weights)
        made = bp.Trainer(bp.Network([bp.layers.dense(2)]), loss=loss, optimizer={"name": "sgd", "lr": 0.3})
        made.fit(x, y, epochs=20)
        shares.append(made.predict(x)[:, 1].mean())
    assert shares[0] == pytest.approx(0.8, abs=0.1)
    assert shares[1] == pytest.approx(0.2, abs=0.1)


def test_quantiles_are_fitted_where_they_should_lie():
    y = np.random.default_rng(2).exponential(size=2000)
    loss = bp.losses.multi_quantile(quantiles=(0.1, 0.5, 0.9))
    made = bp.Trainer(bp.Network([bp.layers.dense(3)]), loss=loss, optimizer={"name": "sgd", "lr": 0.1}, seed=0)
    made.fit(np.zeros((2000, 1)), y, epochs=60, batch_size=400)
    below = [(y < q).mean() for q in made.predict(np.zeros((1, 1)))[0]]
    np.testing.assert_allclose(below, [0.1, 0.5, 0.9], atol=0.02)


def test_the_variance_head_finds_the_noise_of_its_region():
    rng = np.random.default_rng(3)
    x = rng.integers(0, 2, size=(3000, 1)).astype(float)
    y = 2 * x[:, 0] + rng.normal(size=3000) * np.where(x[:, 0] > 0, 2.0, 0.5)
    optimizer = {"name": "sgd", "lr": 0.1}
    made = bp.Trainer(bp.Network([bp.layers.dense(2)]), loss="gaussian_nll", optimizer=optimizer, seed=0)
    made.fit(x, y, epochs=40, batch_size=100)
    mean, log_variance = made.predict(np.array([[0.0], [1.0]])).T
    np.testing.assert_allclose(mean, [0, 2], atol=0.15)
    np.testing.assert_allclose(np.exp(log_variance / 2), [0.5, 2.0], rtol=0.1)
