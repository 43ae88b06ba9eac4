"""Rules for whole parameters and rules around rules keep their invariants and the laws of all rules."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bpframe.engine.optimizer_chain import rule_for
from bpframe.errors import ConfigError
from bpframe.protocols import Param
from bpframe.registry import build
from bpframe.testing.laws.comparison import arrays_in, require_same_bits
from bpframe_optimizers.adafactor import Adafactor
from bpframe_optimizers.adam import Adam
from bpframe_optimizers.adamw import Adamw
from bpframe_optimizers.ema import Ema
from bpframe_optimizers.lamb import Lamb
from bpframe_optimizers.lars import Lars
from bpframe_optimizers.lbfgs import Lbfgs
from bpframe_optimizers.lookahead import Lookahead
from bpframe_optimizers.momentum import Momentum
from bpframe_optimizers.muon import Muon, orthogonal
from bpframe_optimizers.prodigy import Prodigy
from bpframe_optimizers.sam import Sam
from bpframe_optimizers.schedule_free_adamw import ScheduleFreeAdamw
from bpframe_optimizers.schedule_free_sgd import ScheduleFreeSgd
from bpframe_optimizers.sgd import Sgd
from bpframe_optimizers.sm3 import Sm3
from tests.plugins.parameter_paths import Follower, Gradient, Model, drawn, follow, given, golden

# ------------------------------------------------------------------------------------------------------- invariants


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
def test_lamb_moves_a_layer_by_lr_times_its_length_whatever_the_gradient(scale):
    p, gradients, _ = drawn((4, 3))
    path, _, _ = follow(Lamb(lr=0.02), {"weight": p}, lambda _, t: {"weight": scale * gradients[t]}, 8)
    before = np.concatenate([p[None], path["weight"][:-1]])
    moved = np.linalg.norm(path["weight"] - before, axis=(1, 2))
    np.testing.assert_allclose(moved, 0.02 * np.linalg.norm(before, axis=(1, 2)), rtol=1e-12)


def test_lars_moves_a_layer_at_first_by_lr_times_trust_times_its_length():
    p, gradients, g = drawn((4, 3))
    path, _, _ = follow(Lars(lr=3.0, trust_coefficient=0.01), {"weight": p}, g, 1)
    moved = p - path["weight"][0]
    assert np.linalg.norm(moved) == pytest.approx(0.03 * np.linalg.norm(p), rel=1e-12)
    assert np.sum(moved * gradients[0]) == pytest.approx(np.linalg.norm(moved) * np.linalg.norm(gradients[0]))


def test_lars_and_lamb_give_vectors_no_ratio():
    p, _, g = drawn((5,))
    lars, momentum = (follow(rule, {"weight": p}, g, 8)[0] for rule in (Lars(lr=0.1), Momentum(lr=0.1)))
    np.testing.assert_allclose(lars["weight"], momentum["weight"], rtol=1e-13)
    lamb, adam = (follow(rule, {"weight": p}, g, 8)[0] for rule in (Lamb(weight_decay=0.0), Adam(eps=1e-6)))
    np.testing.assert_allclose(lamb["weight"], adam["weight"], rtol=1e-13)


def test_adafactor_steps_are_bounded_by_the_length_of_the_parameter():
    p, gradients, _ = drawn((4, 3))
    path, _, _ = follow(Adafactor(lr=0.01), {"weight": p}, lambda _, t: {"weight": 10.0**t * gradients[t]}, 8)
    before = np.concatenate([p[None], path["weight"][:-1]])
    rms = [np.sqrt(np.mean(x**2, axis=(1, 2))) for x in (path["weight"] - before, before)]
    assert np.all(rms[0] <= 0.01 * rms[1] * (1 + 1e-12))


def test_adafactor_is_exact_where_the_squares_are_a_product_of_rows_and_columns():
    rows, columns = np.array([[1.0], [2.0], [0.1]]), np.array([[3.0, 0.5]])
    path, _, _ = follow(
        Adafactor(lr=1.0, eps2=1.0), {"weight": np.zeros((3, 2))}, lambda *_: {"weight": -rows * columns}, 1
    )
    np.testing.assert_allclose(path["weight"][0], np.ones((3, 2)), rtol=1e-12)


def test_sm3_bounds_adagrad_from_above_and_is_adagrad_for_vectors():
    _, gradients, g = drawn((4, 3))
    squares = np.cumsum(gradients**2, axis=0)
    _, _, end = follow(Sm3(), {"weight": np.zeros((4, 3))}, g, 8)
    bound = np.minimum(end.state["weight"]["axis_0"], end.state["weight"]["axis_1"])
    assert np.all(bound >= squares[-1])
    _, _, end = follow(Sm3(), {"weight": np.zeros(12)}, lambda _, t: {"weight": gradients[t].ravel()}, 8)
    np.testing.assert_allclose(end.state["weight"]["axis_0"], squares[-1].ravel(), rtol=1e-12)


@pytest.mark.parametrize("shape", [(8, 8), (40, 10), (7, 30)])
@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e10])
def test_muon_makes_all_singular_values_about_1_and_turns_no_direction(shape, scale):
    u = scale * np.random.default_rng(7).normal(size=shape)
    o = orthogonal(u, 5, 1e-7)
    assert np.all((np.linalg.svd(o, compute_uv=False) > 0.6) & (np.linalg.svd(o, compute_uv=False) < 1.2))
    left, _, right = np.linalg.svd(u, full_matrices=False)
    turned = left.T @ o @ right.T
    np.testing.assert_allclose(turned, np.diag(np.diag(turned)), atol=1e-12)


@pytest.mark.parametrize(("scale", "rms"), [("original", 0.02 * 2**0.5 / 20**0.5), ("match_rms_adamw", 0.02 * 0.2)])
def test_muon_scales_its_step_by_the_shape(scale, rms):
    u = np.linalg.qr(np.random.default_rng(1).normal(size=(20, 10)))[0].T  # fan_in 10, fan_out 20
    path, _, _ = follow(Muon(scale=scale), {"weight": np.zeros((10, 20))}, lambda *_: {"weight": u}, 1)
    assert np.sqrt(np.mean(path["weight"][0] ** 2)) == pytest.approx(rms, rel=0.25)


def hidden(depth: int, role: str = "weight", shape: tuple[int, ...] = (4, 3)) -> Param:
    """A parameter of layer `depth` of four."""
    return Param(f"dense_{depth}/{role}", role, f"dense_{depth}", shape, *(shape * 2)[:2], depth, 4)


def test_muon_takes_hidden_weights_and_leaves_the_rest_to_others():
    rule, biases = Muon(), Adamw(weight_decay=0.0)
    assert [rule.rule_for(hidden(depth)) for depth in range(4)] == [Adamw(), rule, rule, Adamw()]
    assert rule.rule_for(hidden(1, "bias", (3,))) == biases  # adamw spares biases
    assert rule.rule_for(hidden(1, "weight", (2, 3, 4))) == Adamw()
    everywhere = Muon(matrices="all", others=Ema(Adamw()))
    assert all(everywhere.rule_for(hidden(depth)) is everywhere for depth in range(4))
    assert everywhere.rule_for(hidden(0, "bias", (3,))) == Ema(biases)
    assert rule_for(Ema(rule), hidden(1)) == Ema(rule)
    assert rule_for(Ema(rule), hidden(0)) == Ema(Adamw())


@pytest.mark.parametrize("make", [Lars, Lamb, Adafactor, ScheduleFreeAdamw, Prodigy])
def test_only_weights_decay_unless_all_are_to(make):
    spared, decaying = make(weight_decay=0.1), make(weight_decay=0.1, decay="all")
    assert spared.rule_for(hidden(1)) is spared
    assert spared.rule_for(hidden(1, "bias", (3,))) == make(weight_decay=0.0)
    assert decaying.rule_for(hidden(1, "bias", (3,))) is decaying


@pytest.mark.parametrize("distance", [1e-2, 1.0, 1e3])
def test_prodigy_finds_the_rate_of_a_quadratic_by_itself(distance):
    target = distance * np.array([1.0, -0.5, 0.8])

    def gradient(p, _):
        return {"weight": np.array([1.0, 3.0, 10.0]) * (p["weight"] - target)}

    path, _, end = follow(Prodigy(d0=1e-6 * distance), {"weight": np.zeros(3)}, gradient, 300)
    assert np.max(np.abs(path["weight"][-1] - target)) < 1e-5 * distance
    assert 0.1 * distance < end.state["weight"]["d"] <= distance  # a lower bound of how far it was


def test_prodigy_never_lowers_its_estimate_and_agrees_on_it_in_every_piece():
    follower, last = Follower(Prodigy(d0=1e-3), golden("start")), 0.0
    for _ in range(20):
        follower.step(given)
        d = follower.state["weight"]["d"]
        assert d >= last
        assert d == follower.state["bias"]["d"]
        last = d


# ------------------------------------------------------------------------------------- laws that all of them keep


RULES = {
    "lars": Lars(weight_decay=0.1),
    "lamb": Lamb(),
    "adafactor": Adafactor(weight_decay=0.1),
    "sm3": Sm3(),
    "muon": Muon(weight_decay=0.1),
    "schedule_free_sgd": ScheduleFreeSgd(lr=0.1, warmup_steps=4),
    "schedule_free_adamw": ScheduleFreeAdamw(weight_decay=0.1, warmup_steps=4),
    "prodigy": Prodigy(d0=1e-3, weight_decay=0.1),
    "lookahead": Lookahead(Adam(), steps=3),
    "ema": Ema(Momentum(), decay=0.9),
    "sam": Sam(Adam()),
    "sam adaptive": Sam(Adam(), adaptive=True),
    "ema of lookahead of sam": Ema(Lookahead(Sam(Adam()))),
    "sam of prodigy": Sam(Prodigy(d0=1e-3)),
    "lookahead of muon": Lookahead(Muon()),
}
ELEMENT = [name for name, rule in RULES.items() if rule.scope == "element"]


def matrices(rule: Any, dtype: type = np.float64) -> Model:
    """Two parameters; flat ones for a rule that works number by number."""
    p = {"weight": golden("start")["weight"].astype(dtype), "second": golden("gradients")["weight"][0].astype(dtype)}
    return {name: q.ravel() for name, q in p.items()} if rule.scope == "element" else p


def random(rng: np.random.Generator) -> Gradient:
    """Random gradients."""
    return lambda p, _: {name: rng.normal(size=q.shape).astype(q.dtype) for name, q in p.items()}


def test_scopes_are_array_where_the_rule_or_the_one_inside_needs_whole_parameters():
    arrays = {"lars", "lamb", "adafactor", "sm3", "muon", "lookahead of muon"}
    assert {name for name, rule in RULES.items() if rule.scope == "array"} == arrays


@pytest.mark.parametrize("name", ELEMENT)
def test_element_rules_give_the_same_bits_for_any_cut_given_the_same_totals(name):
    rule, p = RULES[name], matrices(RULES[name])
    gradients = [random(np.random.default_rng(t))(p, t) for t in range(6)]
    whole = Follower(rule, p)
    cuts = {"weight": [slice(0, 1), slice(1, 7), slice(7, 7), slice(7, None)], "second": [slice(None)]}
    pieces = {(n, k): rule.init(p[n][cut]) for n in p for k, cut in enumerate(cuts[n])}
    parts = {key: p[key[0]][cuts[key[0]][key[1]]] for key in pieces}
    for t, g in enumerate(gradients):
        whole.step(lambda _, t, g=g: g)
        h = whole.settings.h  # with the totals of the whole
        for key in pieces:
            parts[key], pieces[key] = rule.update(parts[key], g[key[0]][cuts[key[0]][key[1]]], pieces[key], h)
        for n in p:
            require_same_bits(
                f"{n} after step {t}", np.concatenate([parts[n, k] for k in range(len(cuts[n]))]), whole.p[n]
            )


@pytest.mark.parametrize("name", RULES)
def test_a_run_that_was_saved_and_continued_has_the_same_bits(name):
    rule, p = RULES[name], matrices(RULES[name])
    path, predicting, _ = follow(rule, p, random(np.random.default_rng(1)), 11)
    first, gradient = Follower(rule, p), random(np.random.default_rng(1))
    for _ in range(5):
        first.step(gradient)
    stored = {f"{n}{place}": np.array(a) for n in p for place, a in arrays_in(first.state[n], "")}
    second = Follower(rule, {n: np.array(q) for n, q in first.p.items()})
    second.t = 5
    second.state = {n: restored(first.state[n], stored, n) for n in p}
    for _ in range(6):
        second.step(gradient)
    require_same_bits("parameters", second.p, {n: path[n][-1] for n in p})
    require_same_bits("parameters to predict with", second.evaluated(), {n: predicting[n][-1] for n in p})


def restored(state: Model, stored: Model, place: str) -> Model:
    """A state of the same form, its arrays those that were stored."""
    return {
        key: restored(value, stored, f"{place}[{key!r}]") if isinstance(value, dict) else stored[f"{place}[{key!r}]"]
        for key, value in state.items()
    }


@pytest.mark.parametrize("name", RULES)
def test_float32_stays_float32_and_states_keep_their_form(name):
    rule = RULES[name]
    p = matrices(rule, np.float32)
    _, _, end = follow(rule, p, random(np.random.default_rng(2)), 7)
    for n in p:
        first = {place: a.shape for place, a in arrays_in(rule.init(p[n]), "")}
        last = dict(arrays_in(end.state[n], ""))
        assert {place: a.shape for place, a in last.items()} == first
        assert {a.dtype for a in [*last.values(), end.p[n], end.evaluated()[n]]} == {np.dtype(np.float32)}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", RULES)
def test_zero_tiny_and_huge_gradients_leave_everything_finite(name, dtype):
    rule, huge = RULES[name], 1e15 if dtype == np.float32 else 1e30
    p, rng = matrices(rule, dtype), np.random.default_rng(3)
    factors = [0, 1 / huge, huge, 0, 1, 1]

    def gradient(p, t):
        return {n: (factors[t] * rng.normal(size=q.shape)).astype(dtype) for n, q in p.items()}

    path, predicting, end = follow(rule, p, gradient, 6)
    for place, array in arrays_in([path, predicting, end.state], "result"):
        assert np.isfinite(array).all(), place


@pytest.mark.parametrize("name", RULES)
def test_parameters_and_gradients_that_are_0_stay_0(name):
    p = {n: np.zeros_like(q) for n, q in matrices(RULES[name]).items()}
    path, predicting, end = follow(RULES[name], p, lambda p, _: {n: np.zeros_like(q) for n, q in p.items()}, 6)
    for n in p:
        assert not np.any(path[n])
        assert not np.any(predicting[n])
    assert all(np.isfinite(a).all() for _, a in arrays_in(end.state, ""))


@pytest.mark.parametrize("name", RULES)
def test_states_do_not_share_memory_with_the_parameters(name):
    for q in matrices(RULES[name]).values():  # an engine writes new parameters into the place of the old
        assert not any(np.shares_memory(a, q) for _, a in arrays_in(RULES[name].init(q), ""))


@pytest.mark.parametrize("name", RULES)
def test_a_rule_is_rebuilt_from_its_repr(name):
    assert eval(repr(RULES[name])) == RULES[name]


# ------------------------------------------------------------------------------------------------------- arguments


@pytest.mark.parametrize("make", [Sam, Ema, Lookahead])
def test_wrappers_refuse_a_rule_that_needs_the_objective(make):
    with pytest.raises(ConfigError, match="needs a rule that follows a gradient, got Lbfgs"):
        make(Lbfgs())


def test_muon_refuses_a_rule_that_needs_the_objective_for_the_others():
    with pytest.raises(ConfigError, match="muon needs a rule that follows a gradient"):
        Muon(others=Lbfgs())


def test_wrappers_take_the_rule_inside_by_name():
    built = build("optimizer", {"name": "ema", "inner": {"name": "lookahead", "inner": "adam", "steps": 2}})
    assert built == Ema(Lookahead(Adam(), steps=2))


BAD = [
    (Lars, {"lr": -1.0}),
    (Lars, {"momentum": 1.0}),
    (Lars, {"weight_decay": -0.1}),
    (Lars, {"trust_coefficient": 0.0}),
    (Lars, {"decay": "biases"}),
    (Lamb, {"lr": -1.0}),
    (Lamb, {"beta1": 1.0}),
    (Lamb, {"beta2": -0.1}),
    (Lamb, {"eps": 0.0}),
    (Lamb, {"weight_decay": -0.1}),
    (Adafactor, {"lr": -1.0}),
    (Adafactor, {"decay_rate": 0.0}),
    (Adafactor, {"eps1": 0.0}),
    (Adafactor, {"eps2": -1.0}),
    (Adafactor, {"clip": 0.0}),
    (Adafactor, {"weight_decay": -0.1}),
    (Sm3, {"lr": -1.0}),
    (Sm3, {"momentum": 1.0}),
    (Muon, {"lr": -1.0}),
    (Muon, {"momentum": 1.0}),
    (Muon, {"weight_decay": -0.1}),
    (Muon, {"steps": 0}),
    (Muon, {"eps": 0.0}),
    (Muon, {"scale": "none"}),
    (Muon, {"matrices": "some"}),
    (ScheduleFreeSgd, {"lr": -1.0}),
    (ScheduleFreeSgd, {"beta": 0.0}),
    (ScheduleFreeSgd, {"beta": 1.0}),
    (ScheduleFreeSgd, {"warmup_steps": -1}),
    (ScheduleFreeAdamw, {"lr": -1.0}),
    (ScheduleFreeAdamw, {"beta1": 0.0}),
    (ScheduleFreeAdamw, {"beta2": 1.0}),
    (ScheduleFreeAdamw, {"eps": 0.0}),
    (ScheduleFreeAdamw, {"warmup_steps": 1.5}),
    (ScheduleFreeAdamw, {"weight_decay": -0.1}),
    (Prodigy, {"lr": -1.0}),
    (Prodigy, {"beta1": 1.0}),
    (Prodigy, {"beta2": 1.0}),
    (Prodigy, {"eps": 0.0}),
    (Prodigy, {"d0": 0.0}),
    (Prodigy, {"d_coef": 0.0}),
    (Prodigy, {"weight_decay": -0.1}),
    (Sam, {"inner": Sgd(), "rho": -1.0}),
    (Ema, {"inner": Sgd(), "decay": 1.0}),
    (Lookahead, {"inner": Sgd(), "steps": 0}),
    (Lookahead, {"inner": Sgd(), "alpha": -0.5}),
]


@pytest.mark.parametrize(("make", "arguments"), BAD, ids=[f"{make.__name__} {bad}" for make, bad in BAD])
def test_a_value_out_of_range_is_named(make, arguments):
    with pytest.raises(ConfigError, match=f"{list(arguments)[-1]}"):
        make(**arguments)
