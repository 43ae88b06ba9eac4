"""Element-wise rules have their invariances, special cases and digits."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import pytest

from bpframe.engine.hyperparameters import Settings
from bpframe_optimizers.adabelief import Adabelief
from bpframe_optimizers.adagrad import Adagrad
from bpframe_optimizers.adam import Adam
from bpframe_optimizers.adamax import Adamax
from bpframe_optimizers.adamw import Adamw
from bpframe_optimizers.adan import Adan
from bpframe_optimizers.ademamix import Ademamix
from bpframe_optimizers.adopt import Adopt
from bpframe_optimizers.amsgrad import Amsgrad
from bpframe_optimizers.lion import Lion
from bpframe_optimizers.momentum import Momentum
from bpframe_optimizers.nadam import Nadam
from bpframe_optimizers.nesterov import Nesterov
from bpframe_optimizers.radam import Radam
from bpframe_optimizers.rmsprop import Rmsprop
from bpframe_optimizers.rprop import Rprop
from bpframe_optimizers.sgd import Sgd
from bpframe_optimizers.signum import Signum
from bpframe_optimizers.sophia_g import SophiaG
from bpframe_optimizers.yogi import Yogi
from tests.plugins.element_rules import CHANGE, CONFIGS, Drop, follow, path_of

# --------------------------------------------------------------------------------------------------------- invariants


TINY = {"eps": 1e-30}
SCALE_FREE = [
    *(Adam(flavor=flavor, **TINY) for flavor in ("paper", "keras")),
    *(Amsgrad(flavor=flavor, **TINY) for flavor in ("torch", "keras", "optax")),
    *(Adamax(flavor=flavor, **TINY) for flavor in ("torch", "keras")),
    *(Nadam(flavor=flavor, **TINY) for flavor in ("torch", "keras", "optax")),
    *(Adagrad(flavor=flavor, **TINY) for flavor in ("paper", "keras")),
    *(Rmsprop(flavor=f, centered=c, momentum=0.8, **TINY) for f in ("torch", "keras") for c in (False, True)),
    Adamw(**TINY),
    Adabelief(**TINY),
    Adopt(**TINY),
    Adan(**TINY),
    Ademamix(**TINY),
    Lion(),
    Signum(),
    Rprop(),
]


@pytest.mark.parametrize("rule", SCALE_FREE, ids=repr)
def test_without_eps_the_scale_of_gradients_makes_no_difference(rule, p, gradients):
    np.testing.assert_array_equal(path_of(rule, p, 1024 * gradients), path_of(rule, p, gradients))


@pytest.mark.parametrize("rule", [Lion(lr=0.01), Signum(lr=0.01)], ids=repr)
def test_a_sign_rule_moves_every_element_by_lr_or_not_at_all(rule, p, gradients):
    moves = np.diff(np.array([p, *path_of(rule, p, gradients)]), axis=0)
    np.testing.assert_array_equal(moves[:3, 2], 0)  # no gradient yet
    moves[:3, 2] = 0.01
    np.testing.assert_allclose(abs(moves), 0.01, rtol=1e-12, atol=0)


def test_the_first_step_of_adam_is_lr_down_the_sign(p, gradients):
    np.testing.assert_allclose(path_of(Adam(lr=0.1), p, gradients[:1])[0], p - 0.1 * np.sign(gradients[0]), rtol=1e-6)


def test_adopt_starts_with_a_look_and_bounds_its_steps(p, gradients):
    gradients[20] *= 1e8
    path = np.array([p, *path_of(Adopt(lr=0.01, weight_decay=0.5), p, gradients)])
    np.testing.assert_array_equal(path[1], p)
    moves = abs(np.diff(path_of(Adopt(lr=0.01), p, gradients), axis=0))
    bounds = 0.01 * np.arange(1, 60)[:, None] ** 0.25
    assert np.all(moves <= bounds * (1 + 1e-9))
    assert np.all(moves[19] > 0.05 * bounds[19])  # the huge gradient counts, (1 - beta1) of its bound


def test_sophia_never_moves_further_than_lr(p, gradients):
    path = np.array([p, *path_of(SophiaG(lr=0.01, weight_decay=0.0), p, 100 * gradients)])
    moves = abs(np.diff(path, axis=0))
    assert np.max(moves) <= 0.01 * (1 + 1e-12)
    assert np.min(moves[1:10, 0]) < 0.009


@pytest.mark.parametrize("rule", [r for r in CONFIGS if r != Yogi(flavor="optax", beta2=0.9)], ids=repr)
def test_gradients_of_zero_leave_p_where_it_is_or_decay_it(rule, p):
    """Yogi as optax has it is no such rule: its mean starts at 1e-6."""
    factor = 1 - rule.lr * getattr(rule, "weight_decay", 0.0)
    times = np.arange(5)[:, None] + (not isinstance(rule, Adopt))
    np.testing.assert_allclose(path_of(rule, p, np.zeros((5, 6))), p * factor**times, rtol=1e-14)


# ------------------------------------------------------------------------------------------------- when lr is changed


@pytest.mark.parametrize("rule", [Momentum, Nesterov, Rmsprop])
def test_without_lr_only_a_velocity_that_holds_it_goes_on(rule, p, gradients):
    gradients = gradients[:33]
    gradients[CHANGE:] = 0
    outside = path_of(rule(lr=Drop(0.1, 0.0), momentum=0.5, flavor="torch"), p, gradients)
    inside = path_of(rule(lr=Drop(0.1, 0.0), momentum=0.5, flavor="keras"), p, gradients)
    np.testing.assert_array_equal(outside[CHANGE:], outside[[CHANGE - 1] * 3])
    moves = np.diff(inside[CHANGE - 1 :], axis=0)
    assert np.min(abs(moves[0])) > 1e-4
    np.testing.assert_allclose(moves[1:], 0.5 * moves[:-1], rtol=1e-9)


@pytest.mark.parametrize("rule", [Momentum, Nesterov])
def test_the_place_of_lr_makes_no_difference_while_it_stays(rule, p, gradients):
    paths = [path_of(rule(lr=0.1, flavor=flavor), p, gradients) for flavor in ("torch", "keras")]
    np.testing.assert_allclose(*paths, rtol=1e-12)


# --------------------------------------------------------------------------------------------- rules that are the same


SAME = {
    "momentum 0 is descent": (Momentum(momentum=0.0), Sgd()),
    "momentum 0 is descent, lr inside": (Momentum(momentum=0.0, flavor="keras"), Sgd()),
    "nesterov without momentum is descent": (Nesterov(momentum=0.0), Sgd()),
    "nesterov without momentum is descent, lr inside": (Nesterov(momentum=0.0, flavor="keras"), Sgd()),
    "adamw without decay is adam": (Adamw(weight_decay=0.0), Adam()),
    "adamw without decay is adam, keras": (
        Adamw(weight_decay=0.0, flavor="keras", eps=0.01),
        Adam(flavor="keras", eps=0.01),
    ),
    "lion with equal betas is signum": (Lion(beta1=0.7, beta2=0.7), Signum(momentum=0.7)),
    "rmsprop knows no velocity of 0": (Rmsprop(momentum=0.0), Rmsprop(momentum=Drop(0.0, 0.0))),
}
NEARLY_SAME = {
    "ademamix without slow mean is adam": (Ademamix(alpha=0.0), Adam()),
    "ademamix without slow mean is adamw": (Ademamix(alpha=0.0, weight_decay=0.1), Adamw(weight_decay=0.1)),
    "adan without differences is adam": (Adan(beta1=0.8, beta2=0.0, beta3=0.95), Adam(beta1=0.8, beta2=0.95)),
    "adan without differences is adamw": (
        Adan(beta1=0.8, beta2=0.0, beta3=0.95, weight_decay=0.1),
        Adamw(beta1=0.8, beta2=0.95, weight_decay=0.1),
    ),
    "nadam without mean is adam": (Nadam(lr=0.001, beta1=0.0, flavor="optax"), Adam(beta1=0.0)),
    "adabelief of a beta1 of 0 divides by eps": (
        Adabelief(lr=1e-6, beta1=0.0, beta2=0.0, eps=1e-4),
        Sgd(lr=1e-6 / (1e-2 + 1e-4)),
    ),
    "radam that never trusts v is a corrected mean": (
        Radam(beta2=0.6, beta1=0.0),
        Sgd(lr=0.001),
    ),
    "sophia below its eps is a mean": (
        SophiaG(lr=0.01, eps=1e6, beta1=0.0, weight_decay=0.0),
        Sgd(lr=1e-8),
    ),
}


@pytest.mark.parametrize("name", SAME)
def test_one_rule_is_a_special_case_of_another_to_the_bit(name, p, gradients):
    one, other = SAME[name]
    np.testing.assert_array_equal(path_of(one, p, gradients), path_of(other, p, gradients))


@pytest.mark.parametrize("name", NEARLY_SAME)
def test_one_rule_is_a_special_case_of_another(name, p, gradients):
    one, other = (path_of(rule, p, gradients) - p for rule in NEARLY_SAME[name])
    np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-15)


def test_keras_adam_without_a_mean_is_rmsprop_with_a_rising_lr(p, gradients):
    @dataclass(frozen=True)
    class Rising:
        def value(self, step):
            return 0.01 * (1 - 0.9 ** (step + 1)) ** 0.5

    adam = Adam(lr=0.01, beta1=0.0, beta2=0.9, eps=0.01, flavor="keras")
    rmsprop = Rmsprop(lr=Rising(), rho=0.9, eps=0.01)
    np.testing.assert_allclose(path_of(rmsprop, p, gradients), path_of(adam, p, gradients), rtol=1e-12)


@pytest.mark.parametrize(("flavor", "of_adam"), [("torch", "paper"), ("keras", "keras"), ("optax", "paper")])
def test_amsgrad_is_adam_as_long_as_squares_grow(flavor, of_adam, p, gradients):
    amsgrad, adam = (make(lr=0.1, beta2=0.9, flavor=f) for make, f in ((Amsgrad, flavor), (Adam, of_adam)))
    growing = np.where(gradients < 0, -1.0, 1.0) * np.arange(1, 61)[:, None]
    np.testing.assert_allclose(path_of(amsgrad, p, growing), path_of(adam, p, growing), rtol=1e-12)
    shrinking = growing[::-1]
    assert np.max(abs(path_of(amsgrad, p, shrinking) - path_of(adam, p, shrinking))) > 0.01


# --------------------------------------------------------------------------------------------------- the single traits


def test_yogi_takes_a_small_gradient_off_where_adam_fades(p):
    big, small = np.full((1, 6), 10.0), np.full((20, 6), 0.1)
    v = follow(Yogi(), p, [*big, *small])[1]["v"]
    np.testing.assert_allclose(v, 1e-6 + 0.001 * 100 - 20 * 0.001 * 0.01, rtol=1e-12)


def test_a_centered_variance_stays_positive_where_the_difference_of_squares_does_not(p):
    beta, g = np.float32(0.9), np.float32(0.1)
    mean = square = np.float32(0)
    difference = []
    for _ in range(300):
        mean, square = beta * mean + (1 - beta) * g, beta * square + (1 - beta) * g * g
        difference.append(square - mean * mean)
    assert min(difference) < 0
    path, state = follow(Rmsprop(centered=True), p.astype(np.float32), np.full((300, 6), g))
    assert np.all(state["v"] >= 0)
    assert np.isfinite(path).all()


@pytest.mark.parametrize("beta2", [0.5, 0.9, 0.99, 0.999, 0.9999])
def test_radam_knows_in_float32_how_many_gradients_v_is_worth(beta2, p):
    beta = Fraction(float(np.float32(beta2)))
    rule, state, g = Radam(beta2=beta2), Radam().init(p.astype(np.float32)), np.ones(6, np.float32)
    settings = Settings(rule, np.float32)
    for t in range(1, 80):
        state = rule.update(g, g, state, settings.at(t - 1))[1]
        want = 2 / (1 - beta) - 1 - 2 * t * beta**t / (1 - beta**t)
        assert 2 * state["age"] / state["mass"] - 1 == pytest.approx(float(want), rel=1e-5)


@pytest.mark.parametrize("beta2", [0.0, 0.6, 2 / 3, 0.69, 0.75])
def test_radam_is_right_where_v_is_never_or_barely_worth_five_gradients(beta2, p, gradients):
    rule = Radam(lr=0.1, beta2=beta2)
    want = [list(rule.reference(float(start), map(float, g))) for start, g in zip(p, gradients.T, strict=True)]
    np.testing.assert_allclose(path_of(rule, p, gradients), np.transpose(want), rtol=1e-12)


def test_the_papers_form_of_that_number_is_lost_in_float32():
    def form(beta, t):
        return 2 / (1 - beta) - 1 - 2 * t * beta**t / (1 - beta**t)

    assert abs(form(Fraction(9999, 10000), 6) - 6) < 1e-3
    assert form(np.float32(0.9999), 6) < 5.1


def test_a_small_decay_survives_in_float32():
    rng = np.random.default_rng(3)
    p = np.ones(2000, np.float32)
    gradients = rng.normal(size=(1000, 2000)).astype(np.float32)
    decays = [path_of(Adamw(weight_decay=decay), p, gradients)[-1].astype(np.float64) for decay in (2e-5, 0.0)]
    assert np.float32(1) - np.float32(0.001 * 2e-5) == 1  # so a factor 1 - lr weight_decay would do nothing
    assert np.mean(decays[1] - decays[0]) == pytest.approx(1000 * 0.001 * 2e-5, rel=0.05)


def test_rprop_keeps_its_sizes_within_their_bounds(p):
    rule = Rprop(lr=0.1, min_step_size=0.05, max_step_size=0.15)
    same, turning = np.ones((20, 6)), np.resize([[1.0], [-1.0], [-1.0], [1.0]], (20, 1)) * np.ones(6)
    np.testing.assert_allclose(follow(rule, p, same)[1]["size"], 0.15, rtol=1e-15)
    moves = np.diff(np.array([p, *path_of(rule, p, turning)]), axis=0)
    np.testing.assert_allclose(abs(moves[[0, 2, 4, 6]]), np.array([[0.1], [0.05], [0.05], [0.05]]) * np.ones(6))
    np.testing.assert_array_equal(moves[[1, 3, 5]], 0)  # it stands still where the sign turns


def test_rprop_takes_its_first_size_from_a_schedule_too(p, gradients):
    path = path_of(Rprop(lr=Drop(0.03, 9.0, at=1)), p, gradients)
    np.testing.assert_array_equal(path, path_of(Rprop(lr=0.03), p, gradients))


# ------------------------------------------------------------------------------------------------------------ Sophia


@pytest.mark.parametrize(("every", "looks"), [(1, range(1, 31)), (7, [1, 8, 15, 22, 29]), (10, [1, 11, 21])])
def test_sophia_looks_at_the_first_step_and_every_so_many_later(every, looks):
    rule = SophiaG(every=every)
    assert [step for step in range(1, 31) if rule.observes(step)] == list(looks)
    steps = np.arange(1, 31)  # as a compiled loop asks: an array, no Python number
    np.testing.assert_array_equal(steps[rule.observes(steps)], list(looks))


@pytest.mark.parametrize("rows", [12, np.int64(12), np.float32(12)])
def test_sophia_estimates_the_curvature_by_rows_times_square(rows, p):
    rule, p, rng = SophiaG(beta2=0.75), p.astype(np.float32), np.random.default_rng(4)
    h, state, want = Settings(rule, np.float32).at(0), SophiaG().init(p), np.zeros(6)
    h.rows = rows
    for g in rng.normal(size=(5, 6)).astype(np.float32):
        state = rule.observe(p, g, state, h)
        want = 0.75 * want + 0.25 * 12 * g.astype(np.float64) ** 2
    assert state["curvature"].dtype == np.float32
    np.testing.assert_allclose(state["curvature"], want, rtol=1e-6)


def test_sophia_takes_newtons_step_where_it_may(p):
    a, p = np.array([0.1, 1.0, 2.0, 10.0, 50.0, 300.0]), np.clip(p, -0.9, 0.9)
    rule = SophiaG(lr=1.0, beta1=0.0, beta2=0.0, rho=1.0, weight_decay=0.0)
    h = Settings(rule, np.float64).at(0)
    h.rows = 4
    state = rule.observe(p, np.sqrt(a / 4), rule.init(p), h)  # rows g^2 = a, the second derivative
    np.testing.assert_allclose(rule.update(p, a * p, state, h)[0], 0, atol=1e-15)
