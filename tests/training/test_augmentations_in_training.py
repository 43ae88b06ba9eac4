"""Augmentations in a training: inside the step, alike on both engines, over a resume, in files and configs."""

from __future__ import annotations

import textwrap
from typing import Any

import numpy as np
import pytest

import bpframe as bp
from bpframe.errors import ConfigError, IncompatibleComponent
from bpframe.runs import config
from bpframe.runs.config.specs import components_by_path
from bpframe.training.manifest import trainer_definition

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(42, 4)), RNG.integers(0, 3, 42)
WEIGHT = RNG.uniform(0, 2, 42) * (np.arange(42) % 5 > 0)
ALL = [
    {"name": "gaussian_noise", "stddev": {"name": "linear", "initial": 0.5, "final": 0.0}},
    {"name": "mixup", "alpha": 1.0},
    {"name": "feature_dropout", "rate": 0.2},
]


def trainer(augmentations: Any = ALL, **settings: Any) -> Any:
    network = bp.Network([bp.layers.dense(6, activation="tanh"), bp.layers.dense(3)])
    parts = {"loss": "softmax_cross_entropy", "optimizer": "momentum", "dtype": "float64", "seed": 3}
    return bp.Trainer(network, **parts | settings, augmentations=augmentations)


def bits(made: Any) -> Any:
    return {name: array.tobytes() for name, array in made._session.snapshot().items()}, made.history.train


def test_both_engines_give_the_same_losses_and_parameters():
    made = [trainer(engine=engine) for engine in ("numpy", "jax")]
    for each in made:
        each.fit(X, Y, epochs=3, batch_size=14, sample_weight=WEIGHT)
    numpy, jax = made
    np.testing.assert_allclose(jax.history.train["loss"], numpy.history.train["loss"], rtol=1e-10)
    for name, value in numpy.parameters.copy().items():
        np.testing.assert_allclose(jax.parameters[name], value, rtol=1e-10, atol=1e-12)


def test_a_step_is_made_on_what_the_augmentation_gives_and_nothing_else_is():
    class Double:
        def augment(self, x, target, weight, key, h):
            return 2 * x, target[:, ::-1], weight

    made = trainer([Double()], engine={"name": "numpy", "scripts": False})
    plain = trainer([])
    made.fit(X, Y, epochs=2, batch_size=14)
    plain.fit(2 * X, 2 - Y, epochs=2, batch_size=14)
    assert bits(made)[0] == bits(plain)[0]
    np.testing.assert_array_equal(made.predict(X), plain.predict(X))
    assert made.history.train["loss"] == plain.history.train["loss"]


def test_weights_that_an_augmentation_gives_are_those_of_the_loss():
    class Odd:
        def augment(self, x, target, weight, key, h):
            xp = x.__array_namespace__()
            own = xp.ones_like(x[:, 0]) if weight is None else weight
            return x, target, xp.where(x[:, 0] > 0, own, 0.0 * own)

    given = [None, RNG.uniform(0.5, 1.5, 42)]
    for weight in given:
        made, plain = trainer([Odd()]), trainer([])
        made.fit(X, Y, epochs=1, batch_size=42, sample_weight=weight, shuffle=False)
        own = np.ones(42) if weight is None else weight
        plain.fit(X, Y, epochs=1, batch_size=42, sample_weight=own * (X[:, 0] > 0), shuffle=False)
        # the divisor stays the sum of the weights of the data, of which a part is left
        share = (own * (X[:, 0] > 0)).sum() / own.sum()
        np.testing.assert_allclose(made.history.train["loss"][0], share * plain.history.train["loss"][0], rtol=1e-10)


@pytest.mark.parametrize("engine", ["numpy", "jax"])
def test_a_resume_within_an_epoch_ends_with_the_bytes_of_a_run_that_never_stopped(engine, tmp_path):
    class Save:
        @bp.hookimpl
        def bpframe_batch_end(self, state):
            if state.step == 7:
                state.trainer.checkpoint(tmp_path / "c")

    whole = trainer(engine=engine, callbacks=[Save()])
    whole.fit(X, Y, epochs=3, batch_size=14, sample_weight=WEIGHT)
    again = bp.Trainer.resume(tmp_path / "c", callbacks=[])
    again.fit(X, Y, epochs=3, batch_size=14, sample_weight=WEIGHT)
    assert bits(again) == bits(whole)


@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["no weights", "some weights 0"])
def test_a_traced_step_gives_the_bits_of_an_eager_one(weight):
    made = [trainer(engine={"name": "numpy", "scripts": scripts}) for scripts in (True, False)]
    for each in made:
        each.fit(X, Y, epochs=5, batch_size=10, sample_weight=weight)
    assert made[0]._session._stepper._programs._bound
    assert bits(made[0]) == bits(made[1])


def test_a_schedule_of_a_setting_ends_where_it_says():
    plain, fading = trainer([]), trainer([{"name": "gaussian_noise", "stddev": {"name": "constant", "initial": 0.0}}])
    for each in (plain, fading):
        each.fit(X, Y, epochs=2, batch_size=10)
    assert bits(fading)[1] == bits(plain)[1]


def test_a_config_and_its_lock_have_augmentations_and_their_schedules(tmp_path):
    lines = """
        augmentations = ["mixup", {name = "gaussian_noise", stddev = {name = "linear", initial = 0.1, final = 0.0}}]
        loss = "softmax_cross_entropy"
        [data]
        source = {name = "moons", points = 40}
        [model]
        layers = [{name = "dense", units = 2}]
        [train]
        epochs = 2
    """
    (tmp_path / "c.toml").write_text(textwrap.dedent(lines))
    given = config.load(tmp_path / "c.toml")
    (tmp_path / "again.toml").write_text(given.text())
    for read in (given, config.load(tmp_path / "again.toml")):
        noise = read.spec.augmentations[1]
        assert (noise.stddev.initial, noise.stddev.final) == (0.1, 0.0)
    names = [nested.path for nested in components_by_path(given.settings)]
    assert {"augmentations[0]", "augmentations[1]", "augmentations[1].stddev"} <= set(names)


def test_files_hold_augmentations_where_there_are_some(tmp_path):
    made = trainer()
    made.fit(X, Y, epochs=1)
    made.save(tmp_path / "model")
    again = bp.Trainer.load(tmp_path / "model")
    assert again.spec.augmentations == made.spec.augmentations
    np.testing.assert_array_equal(again.predict(X), made.predict(X))
    assert "augmentations" not in trainer_definition(trainer([]).spec)


@pytest.mark.parametrize(
    ("part", "message"),
    [
        (lambda x, t, w: (x[:, :2], t, w), r"augment, x, must be \(\d+, 4\), got \(\d+, 2\)"),
        (lambda x, t, w: (x, t[:-1], w), r"augment, target, must be \(\d+, 3\)"),
        (lambda x, t, w: (x, t, x), r"augment, weight, must be \(\d+,\)"),
        (lambda x, t, w: (x.astype("f4"), t, w), "augment, x, must be float64, got float32"),
        (lambda x, t, w: (x, t), r"augment must give \(x, target, weight\), got tuple"),
    ],
)
@pytest.mark.parametrize("engine", ["numpy", "jax"])
def test_one_that_breaks_its_protocol_is_named(part, message, engine):
    class Broken:
        def augment(self, x, target, weight, key, h):
            return part(x, target, weight)

    with pytest.raises(IncompatibleComponent, match=f"Broken.*{message}"):
        trainer([Broken()], engine=engine).fit(X, Y, epochs=1)


class Numbers:
    """loss = (z - y)^2 of class numbers."""

    link = "identity"

    def value_and_delta(self, scores, target):
        return ((scores - target) ** 2).sum(axis=1), 2 * (scores - target)

    def classes(self, outputs):
        return 3

    def target_labels(self, target):
        return target[:, 0]


def test_a_mixture_of_class_numbers_is_refused_where_the_trainer_is_made():
    with pytest.raises(ConfigError, match="mixup mixes targets, and those of numbers are class numbers"):
        trainer(["mixup"], loss=Numbers())
    trainer(["gaussian_noise"], loss=Numbers())


def test_so_is_one_of_the_class_numbers_of_positions_where_the_data_come():
    x = RNG.normal(size=(6, 4, 2))
    network = bp.Network([bp.layers.dense(3)])
    made = bp.Trainer(network, "softmax_cross_entropy", "sgd", augmentations=["mixup"])
    with pytest.raises(ConfigError, match="mixup mixes targets, and those of softmax_cross_entropy are class numbers"):
        made.fit(x, RNG.integers(0, 3, (6, 4)), epochs=1)


@pytest.mark.parametrize("engine", ["numpy", "jax"])
def test_positions_of_weight_0_are_in_no_mixture(engine):
    x, y = RNG.normal(size=(8, 4, 2)), RNG.normal(size=(8, 4, 1))
    weight = np.ones((8, 4))
    weight[::2, 2:] = 0.0
    losses = []
    for fill in (0.0, 1e6):
        x[::2, 2:], y[::2, 2:] = fill, -fill
        made = bp.Trainer(bp.Network([bp.layers.dense(1)]), "mse", "sgd", engine=engine, augmentations=["mixup"])
        made.fit(x, y, epochs=2, batch_size=8, sample_weight=weight)
        losses.append(made.history.train["loss"])
    assert losses[0] == losses[1]


def test_a_loss_that_couples_rows_takes_augmentations_that_leave_weights_alone():
    made = trainer(["mixup", "gaussian_noise"], loss=bp.losses.dice(over="batch"))
    made.fit(X, np.eye(3)[Y], epochs=1)
    assert np.isfinite(made.history.train["loss"]).all()


def test_a_rule_that_needs_the_same_objective_at_each_step_warns_of_draws():
    with pytest.warns(UserWarning, match="lbfgs needs the same objective at each step: leave out augmentations"):
        bp.Trainer(bp.Network([bp.layers.dense(3)]), "mse", "lbfgs", augmentations=ALL).fit(X, X[:, :3], batch_size=42)


def test_a_foreign_augmentation_cannot_write_to_what_it_is_given():
    class Writer:
        def augment(self, x, target, weight, key, h):
            x += 1
            return x, target, weight

    with pytest.raises(Exception, match="read-only"):
        trainer([Writer()]).fit(X, Y, epochs=1)
