"""What shapes a fit besides loss and optimizer: class weights, penalties on activations, schedules that follow a
curve, warnings about part batches, and the learning rate range test."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import bpframe as bp
from bpframe.errors import ConfigError, DataError

X = np.random.default_rng(0).normal(size=(60, 4))
Y = np.array(["no", "yes", "maybe"])[(X[:, 0] > 0).astype(int) + (X[:, 1] > 1).astype(int)]


def trainer(optimizer=None, outputs=3, loss="softmax_cross_entropy", **settings):
    layers = [bp.layers.dense(6, activation="tanh"), bp.layers.dense(outputs)]
    return bp.Trainer(bp.Network(layers), loss, optimizer or bp.optimizers.sgd(lr=0.1), dtype="float64", **settings)


# class weights


def test_balanced_class_weights_are_those_of_scikit_learn():
    from sklearn.utils.class_weight import compute_sample_weight

    weighed, given = trainer(), trainer()
    weighed.fit(X, Y, epochs=2, class_weight="balanced")
    given.fit(X, Y, epochs=2, sample_weight=compute_sample_weight("balanced", Y))
    assert weighed.history.train["loss"] == pytest.approx(given.history.train["loss"], rel=1e-12)


def test_class_weights_by_label_multiply_sample_weights():
    sample = np.linspace(0.5, 2, 60)
    factor = np.where(Y == "yes", 3.0, np.where(Y == "no", 0.5, 1.0))
    weighed, given = trainer(), trainer()
    weighed.fit(X, Y, epochs=2, sample_weight=sample, class_weight={"yes": 3.0, "no": 0.5})
    given.fit(X, Y, epochs=2, sample_weight=sample * factor)
    assert weighed.history.train["loss"] == pytest.approx(
        given.history.train["loss"], rel=1e-14
    )  # a mean later rounded


def test_whole_numbers_as_labels_may_be_written_as_text_as_configs_do():
    numbers = (X[:, 0] > 0).astype(int)
    written, given = trainer(outputs=2), trainer(outputs=2)
    written.fit(X, numbers, epochs=2, class_weight={"1": 3.0})
    given.fit(X, numbers, epochs=2, class_weight={1: 3.0})
    assert written.history.train["loss"] == given.history.train["loss"]
    with pytest.raises(ConfigError, match="names '7'"):
        trainer(outputs=2).fit(X, numbers, class_weight={"7": 1.0})


def test_a_class_of_weight_0_changes_nothing():
    changed = X.copy()
    changed[Y == "yes"] = 100.0
    first, second = trainer(), trainer()
    first.fit(X, Y, epochs=2, class_weight={"yes": 0.0})
    second.fit(changed, Y, epochs=2, class_weight={"yes": 0.0})
    for name, p in first.parameters.items():
        np.testing.assert_array_equal(p, second.parameters[name])


@pytest.mark.parametrize(
    ("weight", "message"),
    [
        ({"perhaps": 1.0}, "class_weight names 'perhaps', which is no label"),
        ({"yes": -1.0}, "finite number of at least 0 for 'yes', got -1.0"),
        ({"yes": np.nan}, "finite number of at least 0 for 'yes', got nan"),
        ({"yes": "2"}, "finite number of at least 0 for 'yes', got '2'"),
        ({0: 1.0}, "class_weight names 0, which is no label"),
        ("balance", 'needs "balanced" or a mapping'),
        (5, 'needs "balanced" or a mapping from labels to weights, got 5'),
        ({"yes", "no"}, 'needs "balanced" or a mapping'),
        ([1.0, 2.0], r"weight for each of the 3 classes \['maybe', 'no', 'yes'\], got shape \(2,\)"),
        (np.ones((3, 1)), r"got shape \(3, 1\)"),
        ([1.0, "2", 3.0], "finite number of at least 0 for 'no', got '2'"),
    ],
)
def test_wrong_class_weights_are_named(weight, message):
    with pytest.raises(ConfigError, match=message):
        trainer().fit(X, Y, class_weight=weight)


@pytest.mark.parametrize("sample", [None, np.where(Y == "maybe", 0.0, 1.0)])
def test_class_weights_that_leave_no_row_are_refused_before_the_first_step(sample):
    refused, fresh = trainer(), trainer()
    for weight in ({"yes": 0.0, "no": 0.0, "maybe": 0.0}, [0, 0, 0]) if sample is None else ({"yes": 0.0, "no": 0.0},):
        with pytest.raises(DataError, match="class_weight needs to leave a row with a weight above 0"):
            refused.fit(X, Y, epochs=1, sample_weight=sample, class_weight=weight)
    assert len(refused.history) == 0
    for one in (refused, fresh):
        one.fit(X, Y, epochs=1)
    assert refused.history.train == fresh.history.train


@pytest.mark.parametrize(
    "weight",
    [
        [1.0, 0.5, 3.0],
        (1, 0.5, 3),
        np.array([1, 0.5, 3], dtype=np.float32),
        {"no": np.float32(0.5), "yes": np.int64(3)},
        {"no": np.float16(0.5), "yes": 3, "maybe": True},
        pd.Series({"yes": 3.0, "no": 0.5}),
        pd.Series([1.0, 0.5, 3.0], index=["maybe", "no", "yes"]),
    ],
    ids=repr,
)
def test_class_weights_come_as_a_mapping_or_one_for_each_class_in_order(weight):
    given, plain = trainer(), trainer()
    given.fit(X, Y, epochs=2, class_weight=weight)
    plain.fit(X, Y, epochs=2, class_weight={"yes": 3.0, "no": 0.5, "maybe": 1.0})
    assert given.history.train == plain.history.train


def test_whole_numbers_of_any_type_are_labels_of_class_weights():
    numbers, fits = (X[:, 0] > 0).astype(int), []
    for weight in ({1: 3.0}, {np.int8(1): 3.0}, {1.0: 3.0}, {True: 3.0}, [1, 3]):
        fits.append(trainer(outputs=2))
        fits[-1].fit(X, numbers, epochs=2, class_weight=weight)
    assert all(one.history.train == fits[0].history.train for one in fits)


@pytest.mark.parametrize("scale", [1e-60, 1e30, 1e300])
def test_only_ratios_of_class_weights_matter_where_the_dtype_could_not_hold_them(scale):
    layers = [bp.layers.dense(6, activation="tanh"), bp.layers.dense(3)]
    plain, scaled = (bp.Trainer(bp.Network(layers), "softmax_cross_entropy", "sgd") for _ in range(2))
    plain.fit(X, Y, epochs=2, class_weight={"yes": 4.0, "no": 1.0, "maybe": 2.0})
    scaled.fit(X, Y, epochs=2, class_weight={"yes": 4.0 * scale, "no": scale, "maybe": 2.0 * scale})
    np.testing.assert_allclose(scaled.history.train["loss"], plain.history.train["loss"], rtol=1e-6)


def test_class_weights_need_classes():
    with pytest.raises(DataError, match="class_weight needs a model of classes"):
        trainer(outputs=1, loss="mse").fit(X, X[:, 0], class_weight="balanced")


# penalties on activations


def test_a_penalty_on_activations_is_part_of_the_objective_and_of_its_gradient():
    penalty = bp.regularizers.activity(bp.regularizers.l2(strength=0.7))

    def objective(parameters):
        hidden = np.tanh(X @ parameters["dense_1/weight"] + parameters["dense_1/bias"])
        scores = hidden @ parameters["dense_2/weight"] + parameters["dense_2/bias"]
        return 0.5 * ((scores[:, 0] - X[:, 0]) ** 2).mean() + 0.35 * (hidden**2).sum() / len(X)

    made = trainer(outputs=1, loss="mse", regularizers=[penalty], optimizer=bp.optimizers.sgd(lr=1.0))
    made.trace(X, X[:, 0])
    before = made.parameters.copy()
    history = made.fit(X, X[:, 0], epochs=1, batch_size=60)
    assert history.train["objective"][0] == pytest.approx(objective(before), rel=1e-12)
    for name, p in made.parameters.items():
        slope = np.zeros_like(p)
        for index in np.ndindex(p.shape):
            ends = []
            for step in (1e-6, -1e-6):
                there = {key: value.copy() for key, value in before.items()}
                there[name][index] += step
                ends.append(objective(there))
            slope[index] = (ends[0] - ends[1]) / 2e-6
        np.testing.assert_allclose(before[name] - p, slope, rtol=1e-6, atol=1e-9)


# schedules that follow a curve


def test_a_plateau_cuts_the_rate_from_the_next_epoch_on():
    lr = {"name": "reduce_on_plateau", "schedule": {"name": "constant", "initial": 0.1}, "monitor": "train.loss"}
    made = trainer({"name": "sgd", "lr": {**lr, "patience": 2, "factor": 0.5, "min_delta": 1e9}})
    history = made.fit(X, Y, epochs=6, batch_size=60)
    assert history.lr == pytest.approx([0.1, 0.1, 0.1, 0.05, 0.05, 0.025])


def test_a_second_fit_remembers_the_plateau():
    lr = {"name": "reduce_on_plateau", "schedule": {"name": "constant", "initial": 0.1}, "monitor": "train.loss"}
    made, again = (trainer({"name": "sgd", "lr": {**lr, "patience": 2, "min_delta": 1e9}}) for _ in range(2))
    made.fit(X, Y, epochs=6)
    again.fit(X, Y, epochs=2)
    again.fit(X, Y, epochs=4)
    assert again.history.lr == made.history.lr
    assert again.history.train == made.history.train


def test_a_schedule_that_follows_a_curve_which_will_not_exist_is_an_error():
    lr = {"name": "reduce_on_plateau", "schedule": {"name": "constant", "initial": 0.1}}
    made = trainer({"name": "sgd", "lr": lr})
    with pytest.raises(
        ConfigError, match=r"monitors 'validation.loss', but the run has .* Give the fit validation data"
    ):
        made.fit(X, Y)


def test_a_schedule_of_a_rule_inside_another_follows_the_curve_too():
    lr = {"name": "reduce_on_plateau", "schedule": {"name": "constant", "initial": 0.1}, "monitor": "train.loss"}
    inner = {"name": "sgd", "lr": {**lr, "patience": 1, "min_delta": 1e9, "factor": 0.5}}
    made = trainer({"name": "ema", "inner": inner})
    assert made.fit(X, Y, epochs=4).lr == pytest.approx([0.1, 0.1, 0.05, 0.025])


# rules for the whole data


def test_a_rule_for_whole_batches_warns_of_part_batches_and_not_otherwise():
    with pytest.warns(UserWarning, match="rprop needs the same objective at each step: set batch_size to 60 rows"):
        trainer("rprop").fit(X, Y, epochs=1, batch_size=20)
    trainer("rprop").fit(X, Y, epochs=1, batch_size=60)  # warnings are errors here


# samplers


def test_a_balanced_sampler_shows_every_class_equally_often():
    seen = []

    class Watch:
        @bp.hookimpl
        def bpframe_epoch_end(self, state):
            seen.append(state.steps)

    made = trainer(sampler="balanced", callbacks=[Watch()])
    made.fit(X, Y, epochs=2, batch_size=10)
    largest = max(int((label == Y).sum()) for label in set(Y))
    assert seen == [-(-3 * largest // 10)] * 2  # every class as often as the largest


# the learning rate range test


def test_the_range_test_grows_the_rate_by_a_constant_factor_and_changes_nothing():
    made = trainer(bp.optimizers.adam())
    made.fit(X, Y, epochs=1)
    before, history = made.parameters.copy(), list(made.history.train["loss"])
    found = bp.lr_range_test(made, X, Y, lowest=1e-4, highest=1e-1, steps=31)
    np.testing.assert_allclose(found.lr, np.geomspace(1e-4, 1e-1, 31)[: len(found.lr)], rtol=1e-12)
    assert found.loss[0] > 0
    assert history == made.history.train["loss"]
    for name, p in made.parameters.items():
        np.testing.assert_array_equal(p, before[name])


def test_the_range_test_ends_where_the_loss_diverges_and_suggests_a_rate_that_learns():
    made = trainer(outputs=1, loss="mse")
    found = bp.lr_range_test(made, X, X[:, 0], lowest=1e-4, highest=1e4, steps=200, batch_size=20)
    assert len(found.lr) < 200
    assert 1e-3 < found.suggestion < 1.0
    assert str(found).splitlines()[-1] == f"suggestion: {found.suggestion:.3g}"
    losses = []
    for lr in (1e-4, found.suggestion):
        fresh = trainer(bp.optimizers.sgd(lr=lr), outputs=1, loss="mse")
        losses.append(fresh.fit(X, X[:, 0], epochs=5).train["loss"][-1])
    assert losses[1] < 0.5 * losses[0]


def test_the_range_test_suggests_nothing_where_the_loss_never_falls():
    assert bp.lr_range_test(trainer(), X, Y, lowest=1e6, highest=1e9, steps=20).suggestion is None


def test_the_range_test_needs_a_rate_to_vary():
    with pytest.raises(ConfigError, match="needs an argument lr"):
        bp.lr_range_test(trainer("lbfgs"), X, Y)
    with pytest.raises(ConfigError, match="highest above lowest"):
        bp.lr_range_test(trainer(), X, Y, lowest=1.0, highest=0.1)


# rules that look at drawn targets


def test_a_rule_that_draws_targets_needs_a_loss_that_can():
    with pytest.raises(ConfigError, match=r"sophia_g needs a loss that draws targets .*got multiclass_hinge"):
        trainer("sophia_g", loss="multiclass_hinge").fit(X, Y)


def test_such_a_rule_may_stand_inside_another():
    made = trainer({"name": "ema", "inner": {"name": "sophia_g", "lr": 0.01, "every": 2}})
    made.fit(X, Y, epochs=2)
    (states,) = {len(states) for group in made._session._groups for states in group.states}
    curvature = made._session._groups[0].states[0][-1]["inner"]["curvature"]
    assert states == 1
    assert (curvature > 0).any()


# numbers where schedules stand


def test_a_plain_number_may_stand_for_a_schedule_inside_another():
    lr = bp.build("schedule", {"name": "warmup", "schedule": 0.1, "steps": 10})
    assert lr.schedule == bp.schedules.constant(initial=0.1)
