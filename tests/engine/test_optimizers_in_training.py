"""Rules and gradient steps with capabilities, inside a Trainer: what the engine does for them, against NumPy loops.

Most train a linear model w (3, 2), b (2,) on squared errors, whose gradients one can write down.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest

import bpframe as bp
from bpframe.errors import ConfigError

RNG = np.random.default_rng(11)
X = RNG.normal(size=(40, 3))
Y = X @ RNG.normal(size=(3, 2)) + 0.3 * RNG.normal(size=(40, 2)) + 1
Model = dict[str, Any]


def linear(optimizer: Any, **options: Any) -> bp.Trainer:
    """A trainer of the linear model, in float64."""
    network = bp.Network([bp.layers.dense(2, label="out")], inputs=3)
    return bp.Trainer(network, "mse", optimizer, dtype="float64", metrics=[], **options)


def fit(trainer: bp.Trainer, steps: int, **options: Any) -> list[Model]:
    """The parameters to predict with, at the start and after each step on the whole data."""
    path = [dict(trainer.parameters)]
    for _ in range(steps):
        trainer.fit(X, Y, epochs=1, batch_size=40, shuffle=False, **options)
        path.append(dict(trainer.parameters))
    return path


def gradient(p: Model, rows: slice = slice(None)) -> Model:
    """That of the mean loss."""
    r = X[rows] @ p["out/weight"] + p["out/bias"] - Y[rows]
    return {"out/weight": X[rows].T @ r / len(r), "out/bias": r.mean(axis=0)}


def moved(p: Model, by: Model, factor: float) -> Model:
    """p + factor by."""
    return {name: a + factor * by[name] for name, a in p.items()}


def length(g: Model) -> float:
    return float(np.sqrt(sum(np.sum(a * a) for a in g.values())))


def agree(got: Model, want: Model, tolerance: float = 1e-12) -> None:
    """The same parameters, up to rounding."""
    assert got.keys() == want.keys()
    for name, a in want.items():
        np.testing.assert_allclose(got[name], a, rtol=tolerance, atol=tolerance)


PENALTIES = [{}, {"regularizers": [{"name": "l2", "strength": 0.0}]}]  # with one, weights and biases form two groups


@pytest.mark.parametrize("options", PENALTIES, ids=["one group", "two groups"])
def test_sam_takes_its_gradient_uphill_by_the_norm_of_the_whole_model(options):
    path = fit(linear({"name": "sam", "inner": {"name": "sgd", "lr": 0.1}, "rho": 0.5}, **options), 4)
    for before, after in pairwise(path):
        g = gradient(before)
        agree(after, moved(before, gradient(moved(before, g, 0.5 / length(g))), -0.1))


@pytest.mark.parametrize("options", PENALTIES, ids=["one group", "two groups"])
def test_clip_global_norm_limits_the_step_of_the_whole_model(options):
    step = {"name": "clip_global_norm", "limit": 0.2}
    path = fit(linear({"name": "sgd", "lr": 0.5}, gradient_steps=[step], **options), 3)
    for before, after in pairwise(path):
        g = gradient(before)
        assert length(g) > 0.2
        agree(after, moved(before, g, -0.5 * 0.2 / length(g)))


def test_clip_norm_limits_each_parameter_by_itself():
    path = fit(linear({"name": "sgd", "lr": 0.5}, gradient_steps=[{"name": "clip_norm", "limit": 0.2}]), 2)
    for before, after in pairwise(path):
        for name, g in gradient(before).items():
            want = before[name] - 0.5 * g * min(1, 0.2 / np.linalg.norm(g))
            np.testing.assert_allclose(after[name], want, rtol=1e-12)


@pytest.mark.parametrize("options", PENALTIES, ids=["one group", "two groups"])
def test_prodigy_estimates_one_distance_for_the_whole_model(options):
    path = fit(linear({"name": "prodigy", "d0": 1e-2}, **options), 12)
    flat = [np.concatenate([p["out/weight"].ravel(), p["out/bias"]]) for p in path]
    d, r, p = 1e-2, 0.0, flat[0]
    m, v, s = np.zeros((3, 8))
    for t in range(12):
        g = np.concatenate(
            [a.ravel() for a in gradient({"out/weight": p[:6].reshape(3, 2), "out/bias": p[6:]}).values()]
        )
        m, v = 0.9 * m + 0.1 * d * g, 0.999 * v + 0.001 * (d * g) ** 2
        r = np.sqrt(0.999) * r + d * d * (g @ (flat[0] - p))
        s = np.sqrt(0.999) * s + d * d * g
        new = max(d, r / np.abs(s).sum())
        p, d = p - d * m / (np.sqrt(v) + new * 1e-8), new
        np.testing.assert_allclose(flat[t + 1], p, rtol=1e-10)
    assert d > 0.02


def test_ema_predicts_with_the_average_while_it_trains_without():
    inner = {"name": "momentum", "lr": 0.05}
    path, averages = fit(linear(inner), 6), fit(linear({"name": "ema", "inner": inner, "decay": 0.7}), 6)
    agree(averages[0], path[0])
    for t in range(1, 7):
        weights = 0.7 ** np.arange(t - 1, -1, -1)
        mean = {name: np.average([p[name] for p in path[1 : t + 1]], axis=0, weights=weights) for name in path[0]}
        agree(averages[t], mean)


def test_swa_predicts_with_the_mean_of_the_steps_that_it_takes():
    inner = {"name": "momentum", "lr": 0.05}
    path, averages = fit(linear(inner), 9), fit(linear({"name": "swa", "inner": inner, "start": 3, "every": 2}), 9)
    for t in range(10):
        taken = [path[s] for s in (3, 5, 7, 9) if s <= t] or [path[t]]
        agree(averages[t], {name: np.mean([p[name] for p in taken], axis=0) for name in path[0]})


def test_predictions_are_those_of_the_parameters_to_predict_with():
    trainer = linear({"name": "ema", "inner": {"name": "sgd", "lr": 0.3}})
    p = fit(trainer, 5)[-1]
    np.testing.assert_allclose(trainer.predict(X), X @ p["out/weight"] + p["out/bias"], rtol=1e-12)


def test_lookahead_predicts_with_its_slow_weights():
    rule = {"name": "lookahead", "inner": {"name": "sgd", "lr": 0.1}, "steps": 3, "alpha": 0.4}
    path = fit(linear(rule), 7)
    slow = path[0]
    for start in (0, 3):
        agree(path[start + 1], slow)
        agree(path[start + 2], slow)
        fast = slow
        for _ in range(3):
            fast = moved(fast, gradient(fast), -0.1)
        slow = {name: a + 0.4 * (fast[name] - a) for name, a in slow.items()}
        agree(path[start + 3], slow)


def test_schedule_free_sgd_trains_at_y_and_predicts_with_x():
    path = fit(linear({"name": "schedule_free_sgd", "lr": 0.3, "beta": 0.8, "warmup_steps": 3}), 8)
    x = z = path[0]
    weights = 0.0
    for t in range(1, 9):
        y = {name: 0.2 * z[name] + 0.8 * x[name] for name in x}
        lr = 0.3 * min(1, t / 3)
        z, weights = moved(z, gradient(y), -lr), weights + lr * lr
        x = {name: a + lr * lr / weights * (z[name] - a) for name, a in x.items()}
        agree(path[t], x)


def test_accumulate_over_small_batches_is_one_large_batch():
    small = linear({"name": "momentum", "lr": 0.1}, gradient_steps=[bp.gradient_steps.accumulate(4)])
    small.fit(X, Y, epochs=3, batch_size=10, shuffle=False)
    agree(dict(small.parameters), fit(linear({"name": "momentum", "lr": 0.1}), 3)[-1])


def test_accumulate_weighs_batches_by_their_sample_weights():
    w = np.linspace(0.1, 2, 40)
    small = linear({"name": "sgd", "lr": 0.1}, gradient_steps=[bp.gradient_steps.accumulate(3)])
    small.fit(X, Y, epochs=2, batch_size=16, shuffle=False, sample_weight=w)  # batches of 16, 16 and 8 rows
    agree(dict(small.parameters), fit(linear({"name": "sgd", "lr": 0.1}), 2, sample_weight=w)[-1])


@pytest.mark.filterwarnings("ignore:accumulate gathers 2 batches")  # each fit has one
def test_between_two_updates_of_accumulate_nothing_moves_and_schedules_count_updates():
    schedule = {"name": "step", "initial": 0.2, "every": 1, "factor": 0.5}
    trainer = linear({"name": "sgd", "lr": schedule}, gradient_steps=[bp.gradient_steps.accumulate(2)])
    path = fit(trainer, 4)
    agree(path[1], path[0], 0)
    agree(path[2], moved(path[0], gradient(path[0]), -0.2))
    agree(path[3], path[2], 0)
    agree(path[4], moved(path[2], gradient(path[2]), -0.1))


def test_what_follows_accumulate_sees_the_mean_and_what_precedes_it_each_batch():
    clip, gather = bp.gradient_steps.clip_global_norm(0.5), bp.gradient_steps.accumulate(2)
    halves = slice(0, 20), slice(20, 40)
    after, before = (linear({"name": "sgd", "lr": 1.0}, gradient_steps=s) for s in ([gather, clip], [clip, gather]))
    for trainer in (after, before):
        trainer.fit(X, Y, epochs=1, batch_size=20, shuffle=False)
    start = dict(linear("sgd").parameters)
    first, second = (gradient(start, half) for half in halves)
    mean = {name: (first[name] + second[name]) / 2 for name in first}
    agree(dict(after.parameters), moved(start, mean, -0.5 / length(mean)))
    clipped = moved(start, first, -0.25 / length(first))
    agree(dict(before.parameters), moved(clipped, second, -0.25 / length(second)))


def test_decoupled_decay_shrinks_weights_by_the_rate_of_the_rule_and_leaves_biases():
    decay = {"name": "decoupled_weight_decay", "strength": 0.3}
    path = fit(linear({"name": "sgd", "lr": 0.1}, gradient_steps=[decay]), 3)
    for before, after in pairwise(path):
        want = moved(before, gradient(before), -0.1)
        agree(after, {**want, "out/weight": want["out/weight"] - 0.03 * before["out/weight"]})


def test_decoupled_decay_around_adam_is_adamw():
    decay = {"name": "decoupled_weight_decay", "strength": 0.3}
    path = fit(linear({"name": "adam", "lr": 0.1}, gradient_steps=[decay]), 5)
    agree(path[-1], fit(linear({"name": "adamw", "lr": 0.1, "weight_decay": 0.3}), 5)[-1])


def test_weight_decay_is_the_penalty_l2_and_acts_where_it_is_told():
    step = {"name": "weight_decay", "strength": 0.3}
    path = fit(linear("sgd", gradient_steps=[step]), 3)
    agree(path[-1], fit(linear("sgd", regularizers=[{"name": "l2", "strength": 0.3}]), 3)[-1])
    everywhere = fit(linear({"name": "sgd", "lr": 0.1}, gradient_steps=[{**step, "roles": [], "match": ["out/*"]}]), 1)
    p = everywhere[0]
    agree(everywhere[1], moved(p, moved(gradient(p), p, 0.3), -0.1))
    nowhere = fit(linear("sgd", gradient_steps=[{**step, "match": ["in/*"]}]), 3)
    agree(nowhere[-1], fit(linear("sgd"), 3)[-1], 0)


@pytest.mark.parametrize("name", ["lars", "lamb", "schedule_free_adamw", "prodigy", "adafactor"])
def test_decay_of_a_rule_spares_biases_by_default(name):
    lr = 1.0 if name == "prodigy" else 0.05
    plain, spared, all_decay = (
        fit(linear({"name": name, "lr": lr, **more}), 1)[-1]
        for more in ({"weight_decay": 0.0}, {"weight_decay": 0.5}, {"weight_decay": 0.5, "decay": "all"})
    )
    assert np.array_equal(plain["out/bias"], spared["out/bias"])
    assert not np.array_equal(plain["out/weight"], spared["out/weight"])
    np.testing.assert_array_equal(spared["out/weight"], all_decay["out/weight"])


def deep(optimizer: Any, dtype: str = "float64", **options: Any) -> bp.Trainer:
    """Three layers of tanh; the middle one holds hidden weights (8, 6)."""
    layers = [bp.layers.dense(units, bp.activations.tanh(), label=label) for units, label in ((8, "a"), (6, "b"))]
    network = bp.Network([*layers, bp.layers.dense(2, label="c")], inputs=3)
    return bp.Trainer(network, "mse", optimizer, dtype=dtype, metrics=[], **options)


def test_muon_turns_hidden_weights_and_adamw_moves_the_rest():
    others = {"name": "adamw", "lr": 0.01, "weight_decay": 0.1}
    start, muon = fit(deep({"name": "muon", "lr": 0.05, "others": others}), 1)
    _, adamw = fit(deep(others), 1)
    for name in start:
        assert np.array_equal(muon[name], adamw[name]) == (name != "b/weight")
    _, sgd = fit(deep({"name": "sgd", "lr": 1.0}), 1)
    left, s, right = np.linalg.svd(start["b/weight"] - sgd["b/weight"], full_matrices=False)
    s = s / (np.linalg.norm(s) + 1e-7 / (0.05 * 1.95))  # eps, added to the norm of (1 - 0.95^2) g
    for _ in range(5):
        s = 3.4445 * s - 4.7750 * s**3 + 2.0315 * s**5
    np.testing.assert_allclose(muon["b/weight"], start["b/weight"] - 0.05 * (left * s) @ right, rtol=1e-9)


def test_lbfgs_solves_a_linear_regression_without_ever_raising_its_loss():
    trainer = linear("lbfgs")
    path = fit(trainer, 15)
    design = np.column_stack([X, np.ones(40)])
    solution = np.linalg.lstsq(design, Y, rcond=None)[0]
    np.testing.assert_allclose(path[-1]["out/weight"], solution[:3], atol=1e-7)
    np.testing.assert_allclose(path[-1]["out/bias"], solution[3], atol=1e-7)
    loss = trainer.history.train["loss"]
    assert all(later <= earlier for earlier, later in pairwise(loss))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_lbfgs_trains_a_network_with_a_penalty_far_below_where_adam_gets(dtype):
    losses = {}
    for rule in ("lbfgs", {"name": "adam", "lr": 0.01}):
        trainer = deep(rule, dtype, regularizers=[{"name": "l2", "strength": 1e-4}])
        trainer.fit(X, Y, epochs=60, batch_size=40)
        losses[str(rule)] = trainer.history.train["loss"][-1]
    lbfgs, adam = losses.values()
    assert lbfgs < 0.5 * adam


def test_lbfgs_warns_of_batches_that_are_a_part_of_the_data():
    with pytest.warns(UserWarning, match="lbfgs needs the same objective"):
        linear("lbfgs").fit(X, Y, epochs=1, batch_size=10)


NESTED = {"name": "sam", "inner": {"name": "adam", "lr": 0.02}}
NESTED = {"name": "ema", "inner": {"name": "lookahead", "inner": NESTED, "steps": 3}, "decay": 0.9}
RULES = [
    NESTED,
    {"name": "lookahead", "inner": {"name": "muon", "others": {"name": "ema", "inner": "adam"}}},
    {"name": "sam", "inner": {"name": "prodigy", "d0": 1e-3}},
    {"name": "schedule_free_adamw", "lr": 0.05, "warmup_steps": 5},
    "lars",
    {"name": "lamb", "lr": 0.02},
    {"name": "adafactor", "lr": 0.05},
    "sm3",
    "prodigy",
    "lbfgs",
]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule if isinstance(rule, str) else rule["name"])
def test_training_lowers_the_loss_and_a_fit_cut_in_two_has_the_same_bits(rule):
    whole, halves = deep(rule), deep(rule)
    whole.fit(X, Y, epochs=20, batch_size=40)
    for _ in range(2):
        halves.fit(X, Y, epochs=10, batch_size=40)
    for name, a in whole.parameters.items():
        assert np.array_equal(a, halves.parameters[name])
    loss = whole.history.train["loss"]
    assert loss[-1] < loss[0]


@pytest.mark.parametrize("rule", [NESTED, "schedule_free_sgd"], ids=["ema", "schedule_free_sgd"])
def test_a_saved_model_predicts_as_it_did(rule, tmp_path):
    trainer = deep(rule)
    trainer.fit(X, Y, epochs=5)
    trainer.save(tmp_path / "model.safetensors")
    assert np.array_equal(bp.Trainer.load(tmp_path / "model.safetensors").predict(X), trainer.predict(X))


@pytest.mark.parametrize("name", ["sam", "ema", "lookahead"])
def test_a_wrapper_around_lbfgs_is_refused_where_it_is_named(name):
    with pytest.raises(ConfigError, match="needs a rule that follows a gradient"):
        linear({"name": name, "inner": "lbfgs"})


def test_mars_moves_weights_and_adamw_the_rest():
    others = {"name": "adamw", "lr": 0.01, "weight_decay": 0.1}
    start, mars = fit(deep({"name": "mars", "lr": 0.05, "others": others}), 1)
    _, adamw = fit(deep(others), 1)
    for name, value in start.items():
        assert np.array_equal(mars[name], adamw[name]) == name.endswith("bias")
        if name.endswith("weight"):  # the first step: by the sign of the gradient, nearly
            np.testing.assert_allclose(np.abs(mars[name] - value), 0.05, rtol=1e-3)
