"""At kinks, at bounds and in limiting cases, losses have the documented values and slopes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import bpframe as bp
from bpframe.errors import ConfigError
from tests.plugins.loss_cases import C, draw

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


@pytest.mark.parametrize(("s", "r"), [(-100.0, 0.01), (100.0, 1e12)], ids=["below", "above"])
def test_beyond_its_bounds_a_log_variance_has_no_slope_that_leads_further_away(s, r):
    loss, y = bp.losses.gaussian_nll(eps=0.01), np.array([[1.0], [1.0]])
    value, delta = loss.value_and_delta(np.array([[1 + r, s], [1 + r, 0.0]]), y)
    assert delta[0, 1] == 0
    assert np.isfinite(value).all()
    np.testing.assert_allclose(delta[1, 1], (1 - r**2) / 2, rtol=1e-12)  # within


def test_inside_the_bounds_of_a_variance_the_slope_is_that_of_the_value():
    loss, rng, step = bp.losses.gaussian_nll(eps=0.01), np.random.default_rng(0), 1e-6
    z, y = rng.normal(size=(20, 4)), rng.normal(size=(20, 2))
    delta = loss.value_and_delta(z, y)[1]
    for k in range(4):
        move = step * np.eye(4)[k]
        ends = [loss.value_and_delta(z + side * move, y)[0] for side in (1, -1)]
        np.testing.assert_allclose((ends[0] - ends[1]) / (2 * step), delta[:, k], rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("engine", ["numpy", pytest.param("jax", marks=pytest.mark.slow)])
def test_a_variance_below_its_least_neither_drifts_nor_predicts_and_comes_back(engine):
    network = bp.Network([bp.layers.dense(2)], inputs=1)
    made = bp.Trainer(network, "gaussian_nll", {"name": "sgd", "lr": 0.1}, engine=engine, dtype="float64")
    x, least = np.zeros((4, 1)), math.log(1e-6)
    made.parameters["dense_1/bias"] = np.array([1.0, -20.0])
    made.fit(x, np.ones(4), epochs=50)  # the mean is met, so a smaller variance would pay
    np.testing.assert_array_equal(made.parameters["dense_1/bias"], [1.0, -20.0])
    np.testing.assert_array_equal(made.predict(x), [[1.0, least]] * 4)
    made.fit(x, np.full(4, 1 + 3e-3), epochs=1)  # r^2 of 9 eps
    assert made.parameters["dense_1/bias"][1] == pytest.approx(-20 - 0.1 * (1 - 9) / 2)


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
