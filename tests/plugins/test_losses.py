"""Values and slopes of every loss are those of its textbook formula and of other libraries."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.special
import scipy.stats
import sklearn.metrics

import bpframe as bp
from bpframe.network.backprop import CostLayer
from bpframe.registry import registry
from tests.plugins.loss_cases import CASES, LONG, OTHERS, B, C, draw

# ------------------------------------------------------------------------------------------------------- the domains


EACH = pytest.mark.parametrize("case", CASES, ids=str)


def test_every_loss_of_bpframe_is_proven_here_or_with_what_it_needs_besides():
    own = {p.name for p in registry.providers("loss") if p.dist == "bpframe"}
    assert own - OTHERS == {case.name for case in CASES}


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
