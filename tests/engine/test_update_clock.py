"""Batches and updates: what a gradient step gathers, when rules look, what schedules count, in loops of NumPy.

A linear model w (3, 2), b (2,) on squared errors, in float64; rows come in order, in batches of 5.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import bpframe as bp

RNG = np.random.default_rng(5)
X = RNG.normal(size=(20, 3))
Y = X @ RNG.normal(size=(3, 2)) + 0.3 * RNG.normal(size=(20, 2)) + 1
SIZE = 5
ENGINES = [{"name": "numpy"}, {"name": "jax", "device": "cpu"}]
Model = dict[str, Any]


def linear(engine: Any, optimizer: Any, *gradient_steps: Any, **options: Any) -> bp.Trainer:
    """A trainer of the linear model."""
    network = bp.Network([bp.layers.dense(2, label="out")], inputs=3)
    options |= {"gradient_steps": gradient_steps, "engine": engine, "dtype": "float64", "metrics": []}
    return bp.Trainer(network, "mse", optimizer, **options)


def fit(trainer: bp.Trainer, batches: int, **options: Any) -> None:
    """Train on the first `batches` batches once."""
    rows = slice(batches * SIZE)
    trainer.fit(X[rows], Y[rows], epochs=1, batch_size=SIZE, shuffle=False, verbose=0, **options)


def gradient(p: Model, batch: int) -> Model:
    """That of the mean loss of a batch."""
    rows = slice(batch * SIZE, (batch + 1) * SIZE)
    r = X[rows] @ p["out/weight"] + p["out/bias"] - Y[rows]
    return {"out/weight": X[rows].T @ r / SIZE, "out/bias": r.mean(axis=0)}


def agree(got: Any, want: Model) -> None:
    for name, a in want.items():
        np.testing.assert_allclose(got[name], a, rtol=1e-12, atol=1e-12)


GATHERING = pytest.mark.filterwarnings("ignore:accumulate gathers")  # fits that are shorter than an update


@GATHERING
@pytest.mark.parametrize("engine", ENGINES, ids=str)
def test_what_was_gathered_for_a_parameter_is_dropped_when_it_is_set_and_for_no_other(engine):
    trainer = linear(engine, {"name": "sgd", "lr": 0.1}, bp.gradient_steps.accumulate(4))
    start = trainer.parameters.copy()
    fit(trainer, 2)
    new = np.array([3.0, -2.0])
    trainer.parameters["out/bias"] = new
    fit(trainer, 2)
    there = {**start, "out/bias": new}
    before, after = ([gradient(p, batch) for batch in (0, 1)] for p in (start, there))
    slope = {"out/weight": sum(g["out/weight"] for g in before + after) / 4}  # all four batches
    slope["out/bias"] = sum(g["out/bias"] for g in after) / 2  # those that saw the new value
    moved = {name: there[name] - 0.1 * slope[name] for name in there}
    agree(trainer.parameters, moved)
    fit(trainer, 4)  # the next update is of whole batches again
    means = [np.mean([gradient(moved, batch)[name] for batch in range(4)], axis=0) for name in moved]
    agree(trainer.parameters, {name: moved[name] - 0.1 * g for name, g in zip(moved, means, strict=True)})


@GATHERING
@pytest.mark.parametrize("engine", [ENGINES[0], pytest.param(ENGINES[1], marks=pytest.mark.slow)], ids=str)
def test_setting_all_parameters_between_two_fits_leaves_nothing_of_what_the_first_gathered(engine):
    trainer = linear(engine, {"name": "momentum", "lr": 0.1}, bp.gradient_steps.accumulate(4))
    fit(trainer, 3)
    there = {"out/weight": np.full((3, 2), 0.5), "out/bias": np.ones(2)}
    trainer.parameters.replace(there)
    fit(trainer, 1)
    agree(trainer.parameters, {name: p - 0.1 * gradient(there, 0)[name] for name, p in there.items()})


@GATHERING
def test_what_was_dropped_in_part_of_a_piece_is_as_well_dropped_after_a_checkpoint(tmp_path):
    whole = linear("numpy", {"name": "sgd", "lr": 0.1}, bp.gradient_steps.accumulate(4))
    fit(whole, 2)
    whole.parameters["out/bias"] = np.array([3.0, -2.0])
    whole.checkpoint(tmp_path / "gathering")
    again = bp.Trainer.resume(tmp_path / "gathering")
    for trainer in (whole, again):
        fit(trainer, 2)
    assert whole.parameters["out/bias"].tobytes() == again.parameters["out/bias"].tobytes()
    assert whole.parameters["out/weight"].tobytes() == again.parameters["out/weight"].tobytes()


@GATHERING
@pytest.mark.parametrize("engine", [ENGINES[0], pytest.param(ENGINES[1], marks=pytest.mark.slow)], ids=str)
def test_two_fits_are_one_of_both_lengths_where_the_first_ends_between_two_updates(engine):
    both, one = (linear(engine, {"name": "adam", "lr": 0.1}, bp.gradient_steps.accumulate(8)) for _ in range(2))
    for _ in range(4):
        fit(both, 4)
    one.fit(X, Y, epochs=4, batch_size=SIZE, shuffle=False)
    assert {name: p.tobytes() for name, p in both.parameters.items()} == {
        name: p.tobytes() for name, p in one.parameters.items()
    }


@pytest.mark.parametrize("engine", ENGINES, ids=str)
def test_sophia_looks_at_every_so_many_updates_at_one_batch_of_each(engine):
    rule = {"name": "sophia_g", "lr": 0.0, "beta2": 0.5, "every": 2, "weight_decay": 0.0}
    gathered = linear(engine, rule, bp.gradient_steps.accumulate(4))
    curvatures = []
    for _ in range(4):  # updates
        fit(gathered, 4)
        memory = gathered.session.snapshot()
        curvatures.append(np.concatenate([memory[name].ravel() for name in memory if name.endswith("curvature")]))
    first, second, third, fourth = curvatures
    assert (first > 0).all()
    assert (second == first).all()
    assert (third != second).any()
    assert (fourth == third).all()


def test_sophia_takes_the_rows_of_the_batch_at_which_it_looks():
    rule = {"name": "sophia_g", "lr": 0.0, "beta2": 0.0, "every": 1, "weight_decay": 0.0}
    trainer = linear("numpy", rule, bp.gradient_steps.accumulate(4))
    seen = []
    for _ in range(300):
        fit(trainer, 4)
        memory = trainer.session.snapshot()
        seen.append(np.concatenate([memory[name].ravel() for name in memory if name.endswith("curvature")]))
    # The Hessian of mse on the last batch of four, in w[j, k] and b[k], is the mean of x_j^2 and 1, at unit variance.
    rows = X[15:20]
    want = np.concatenate([np.repeat((rows**2).mean(axis=0), 2), np.ones(2)])
    np.testing.assert_allclose(
        np.mean(seen, axis=0), want, rtol=0.35
    )  # of 300 draws; by B = 20 rows it would be 4 want


@pytest.mark.parametrize("engine", ENGINES, ids=str)
def test_a_schedule_behind_accumulate_is_stretched_over_updates_and_one_before_it_over_batches(engine):
    limit = {
        "name": "linear",
        "initial": 1.0,
        "final": 0.5,
    }  # at update t of 4: 1 - t / 8; at batch t of 16: 1 - t / 32
    decay = {"name": "weight_decay", "strength": limit, "roles": ()}
    behind = linear(engine, {"name": "sgd", "lr": 0.1}, bp.gradient_steps.accumulate(4), decay)
    before = linear(engine, {"name": "sgd", "lr": 0.1}, decay, bp.gradient_steps.accumulate(4))
    for trainer, strengths in (
        (behind, [1 - t / 8 for t in range(4)]),
        (before, [np.mean([1 - t / 32 for t in range(4 * u, 4 * u + 4)]) for u in range(4)]),
    ):
        p = trainer.parameters.copy()
        trainer.fit(X, Y, epochs=4, batch_size=SIZE, shuffle=False)
        for strength in strengths:
            mean = {name: np.mean([gradient(p, batch)[name] for batch in range(4)], axis=0) for name in p}
            p = {name: a - 0.1 * (mean[name] + strength * a) for name, a in p.items()}
        agree(trainer.parameters, p)


@pytest.mark.parametrize("engine", ENGINES, ids=str)
def test_two_that_gather_gather_the_product_of_their_batches(engine):
    twice = [bp.gradient_steps.accumulate(2), bp.gradient_steps.clip_value(1e9), bp.gradient_steps.accumulate(2)]
    nested = linear(engine, {"name": "momentum", "lr": 0.1}, *twice)
    plain = linear(engine, {"name": "momentum", "lr": 0.1}, bp.gradient_steps.accumulate(4))
    for trainer in (nested, plain):
        trainer.fit(X, Y, epochs=3, batch_size=SIZE, shuffle=False)
    agree(nested.parameters, plain.parameters.copy())


@GATHERING
@pytest.mark.parametrize("schedule", [bp.schedules.noam(width=4), bp.schedules.warmup(bp.schedules.constant(0.1), 3)])
def test_the_rate_of_a_fit_before_the_first_update_is_that_of_the_first(schedule):
    trainer = linear("numpy", {"name": "sgd", "lr": schedule}, bp.gradient_steps.accumulate(8))
    fit(trainer, 4)
    assert trainer.history.lr == [schedule.value(0)]
