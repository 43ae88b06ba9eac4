"""standardize_target: training on (y - mean) / deviation, everything that a user gets in the units of y.

Sizes: 60 rows of 3 numbers, 2 quantities of very different scales.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from sklearn.preprocessing import StandardScaler

import bpframe as bp
from bpframe.errors import CheckpointError, ConfigError, NumericalError
from bpframe.runs import config
from bpframe.sklearn import MLPRegressor
from tests.training.listeners import listener

DRAWS = np.random.default_rng(2)
X = DRAWS.normal(size=(60, 3))
Y = np.column_stack([1e6 + 250 * X[:, 0] - 40 * X[:, 1] ** 2, 0.001 * X[:, 2]])
W = DRAWS.uniform(0.5, 2, size=60)


def new(loss: Any = "mse", **settings: Any) -> Any:
    network = bp.Network([bp.layers.dense(8, activation="tanh"), bp.layers.dense(2)])
    settings = {"optimizer": "adam", "dtype": "float64", "standardize_target": True, **settings}
    return bp.Trainer(network, loss, **settings)


def bits(trainer: Any) -> dict[str, bytes]:
    return {name: p.tobytes() for name, p in trainer.parameters.items()}


@pytest.mark.parametrize("weight", [None, W])
@pytest.mark.parametrize("loss", ["mse", "mae", {"name": "huber", "delta": 0.5}, {"name": "quantile", "q": 0.9}])
def test_a_fit_is_that_of_targets_scaled_by_hand_and_predictions_are_scaled_back(loss, weight):
    scaler = StandardScaler().fit(Y, sample_weight=weight)
    own, by_hand = new(loss), new(loss, standardize_target=False, metrics=[])
    own.fit(X, Y, epochs=5, sample_weight=weight, validation=(X[:9], Y[:9]))
    by_hand.fit(X, scaler.transform(Y), epochs=5, sample_weight=weight, validation=(X[:9], scaler.transform(Y[:9])))
    np.testing.assert_allclose(own.history.train["loss"], by_hand.history.train["loss"], rtol=1e-9)
    np.testing.assert_allclose(own.history.validation["loss"], by_hand.history.validation["loss"], rtol=1e-9)
    np.testing.assert_allclose(own.scores(X), by_hand.scores(X), rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(own.predict(X), scaler.inverse_transform(by_hand.predict(X)), rtol=1e-9)


def test_metrics_of_training_validation_and_evaluate_are_in_the_units_of_y():
    trainer = new(metrics=["mae", "r2"])
    trainer.fit(X, Y, epochs=30, batch_size=60, validation=(X[:9], Y[:9]))
    measured = trainer.evaluate(X[:9], Y[:9])
    assert measured["mae"] == pytest.approx(np.abs(trainer.predict(X[:9]) - Y[:9]).mean(), rel=1e-9)
    assert trainer.history.validation["mae"][-1] == pytest.approx(measured["mae"], rel=1e-12)
    assert 10 < trainer.history.train["mae"][-1] < 1e3
    assert trainer.evaluate(X, Y)["loss"] < 1  # of the standardised y


def test_diabetes_is_learned_with_default_arguments():
    from sklearn.datasets import load_diabetes

    x, y = load_diabetes(return_X_y=True)
    found = {}
    for on in (False, True):
        network = bp.Network([bp.layers.dense(100, activation="relu"), bp.layers.dense(1)])
        trainer = bp.Trainer(network, "mse", "adam", standardize_target=on)
        trainer.fit(x[:330], y[:330], epochs=20)
        found[on] = trainer.evaluate(x[330:], y[330:])["r2"]
    assert found[False] < -1
    assert found[True] > 0.3


def test_an_offset_leaves_before_float32_rounds_it():
    y = 1.7e9 + np.arange(60.0)[:, None] / 8
    trainer = bp.Trainer(bp.Network([bp.layers.dense(1)]), "mse", standardize_target=True)
    trainer.fit(X, y, epochs=1)
    target = trainer.task.admit(X, y)[0].target
    np.testing.assert_allclose(target, StandardScaler().fit_transform(y), rtol=1e-6)


def test_float32_measures_and_predicts_beside_a_large_offset_as_far_as_the_targets_differ():
    y = 1.7e9 + 10 * X[:, :1] + DRAWS.normal(size=(60, 1))
    network = bp.Network([bp.layers.dense(1)])
    trainer = bp.Trainer(network, "mse", {"name": "adam", "lr": 0.1}, standardize_target=True, metrics=["r2", "mae"])
    trainer.fit(X, y, epochs=100, batch_size=60, validation=(X, y))
    spread, own = trainer.task.learned["target_scale"]["deviation"][0], trainer.predict(X)
    assert own.dtype == np.float64
    np.testing.assert_allclose(own - y.mean(), spread * trainer.scores(X).astype(np.float64), atol=1e-5)
    right = {"mae": np.abs(own - y).mean(), "r2": 1 - ((own - y) ** 2).sum() / ((y - y.mean()) ** 2).sum()}
    assert 0.4 < right["mae"] < 1.2
    for measured in (trainer.evaluate(X, y), {k: v[-1] for k, v in trainer.history.validation.items()}):
        assert {k: measured[k] for k in right} == pytest.approx(right, rel=1e-5)
    assert trainer.history.train["mae"][-1] == pytest.approx(right["mae"], rel=0.1)


def test_predictions_of_float32_stay_float32_without_the_switch():
    trainer = new(dtype="float32", standardize_target=False)
    trainer.fit(X, X[:, :2], epochs=1)
    assert trainer.predict(X).dtype == np.float32


def test_a_column_of_one_value_has_deviation_1():
    trainer = new()
    trainer.fit(X, np.column_stack([np.full(60, 0.1), Y[:, 1]]), epochs=1)
    assert trainer.task.learned["target_scale"]["mean"][0] == 0.1
    assert trainer.task.learned["target_scale"]["deviation"][0] == 1.0
    assert abs(trainer.predict(X)[:, 0] - 0.1).max() < 5


@pytest.mark.parametrize("factor", [1e150, 1e-150])
def test_targets_of_any_size_of_float64_have_a_scale(factor):
    y = factor * X[:, :2]
    trainer = new()
    trainer.fit(X, y, epochs=200)
    assert trainer.evaluate(X, y)["r2"] > 0.9
    np.testing.assert_allclose(trainer.task.learned["target_scale"]["deviation"], y.std(axis=0), rtol=1e-12)


def test_a_second_fit_and_validation_keep_the_scale_of_the_first():
    trainer = new()
    trainer.fit(X, Y, epochs=1)
    before = dict(trainer.task.learned["target_scale"])
    trainer.fit(X, Y * 3 + 7, epochs=1)
    trainer.evaluate(X, Y * 3)
    trainer.trace(X, Y * 3)
    assert trainer.task.learned["target_scale"] == before


def test_a_hook_sees_predictions_in_the_units_of_y():
    seen = []
    note = listener(lambda _, state: seen.append(state.trainer.predict(X)[:, 0].mean()), "bpframe_epoch_end")
    new(callbacks=[note]).fit(X, Y, epochs=2)
    assert len(seen) == 2
    assert min(seen) > 9e5


def test_heads_of_quantities_are_standardised_and_those_of_classes_are_not():
    labels = np.where(X[:, 0] > 0, "yes", "no")
    heads = {"name": "heads", "losses": ["mse", "softmax_cross_entropy"], "widths": [1, 2], "names": ["price", "sort"]}
    network = bp.Network([bp.layers.dense(8, activation="tanh"), bp.layers.dense(3)])
    trainer = bp.Trainer(network, heads, "adam", dtype="float64", standardize_target=True)
    y = {"price": Y[:, 0], "sort": labels}
    trainer.fit(X, y, epochs=50)
    assert 9e5 < trainer.predict(X)[:, 0].mean() < 1.1e6
    assert ((trainer.predict(X)[:, 1:] >= 0) & (trainer.predict(X)[:, 1:] <= 1)).all()
    assert trainer.evaluate(X, y)["price.mae"] == pytest.approx(np.abs(trainer.predict(X)[:, 0] - Y[:, 0]).mean())


# ------------------------------------------------------------------------------------------------------ what is refused


@pytest.mark.parametrize(
    "loss", ["softmax_cross_entropy", "poisson", "mape", "cosine", "gaussian_nll", "hinge", "msle"]
)
def test_losses_that_look_at_more_than_differences_are_refused(loss):
    with pytest.raises(ConfigError, match=r"standardize_target needs a loss of differences .*, got .*Leave it out"):
        new(loss)


@pytest.mark.parametrize("loss", ["mse", "mae", "huber", "quantile", "expectile", "log_cosh", "charbonnier", "tukey"])
def test_losses_of_differences_are_taken(loss):
    assert new(loss).standardize_target is True


def test_the_switch_is_true_or_false():
    with pytest.raises(ConfigError, match="needs true or false as standardize_target, got 'yes'"):
        new(standardize_target="yes")


def test_numbers_that_stop_being_finite_on_large_targets_are_told_of_the_switch():
    settings = {"optimizer": {"name": "sgd", "lr": 10.0}, "dtype": "float32"}
    with pytest.raises(
        NumericalError, match=r"scale the inputs and y, which reaches 1e\+06 \(standardize_target=True\)"
    ):
        new(standardize_target=False, **settings).fit(X, Y, epochs=50)
    for small in ({"standardize_target": True}, {"standardize_target": False}):
        with pytest.raises(NumericalError) as caught:
            new(**small, **settings).fit(X * 1e3, Y if small["standardize_target"] else X[:, :2], epochs=90)
        assert "standardize_target" not in str(caught.value)


# ---------------------------------------------------------------------------------------------------------------- files


def test_the_scale_is_saved_in_model_files_and_checkpoints(tmp_path):
    trainer = new()
    trainer.fit(X, Y, epochs=2)
    trainer.save(tmp_path / "model.safetensors")
    trainer.checkpoint(tmp_path / "checkpoint.safetensors")
    loaded = bp.Trainer.load(tmp_path / "model.safetensors")
    resumed = bp.Trainer.resume(tmp_path / "checkpoint.safetensors")
    for one in (loaded, resumed):
        assert one.predict(X).tobytes() == trainer.predict(X).tobytes()
        assert one.evaluate(X, Y) == trainer.evaluate(X, Y)
    assert resumed.fit(X, Y, epochs=1).train == trainer.fit(X, Y, epochs=1).train
    with pytest.raises(ConfigError, match="The checkpoint needs standardize_target True, got False"):
        new(standardize_target=False).restore(tmp_path / "checkpoint.safetensors")


def test_a_switch_that_is_off_leaves_files_as_they_were(tmp_path):
    trainer = new(standardize_target=False)
    trainer.fit(X, Y, epochs=1)
    trainer.save(tmp_path / "model.safetensors")
    trainer.checkpoint(tmp_path / "checkpoint.safetensors")
    for path in tmp_path.iterdir():
        assert b"standardize_target" not in path.read_bytes()
    assert bp.Trainer.load(tmp_path / "model.safetensors").standardize_target is False
    with pytest.raises(ConfigError, match="The checkpoint needs standardize_target False, got True"):
        new().restore(tmp_path / "checkpoint.safetensors")


@pytest.mark.parametrize(
    "scale",
    [
        {"mean": [0.0], "deviation": [1.0]},
        {"mean": [0.0, 0.0], "deviation": [1.0, 0.0]},
        {"mean": [0.0, 0.0], "deviation": [1.0, -1.0]},
        {"mean": ["a", "b"], "deviation": [1.0, 1.0]},
        {"mean": [0.0, 0.0]},
        [1, 2],
    ],
)
def test_a_file_with_another_scale_is_refused(tmp_path, scale):
    trainer = new()
    trainer.fit(X, Y, epochs=1)
    trainer.task = replace(trainer.task, learned={**trainer.task.learned, "target_scale": scale})
    trainer.save(tmp_path / "model.safetensors")
    with pytest.raises(CheckpointError):
        bp.Trainer.load(tmp_path / "model.safetensors")


def test_a_config_sets_it_and_keeps_it(tmp_path):
    np.savez(tmp_path / "rows.npz", x=X, y=Y)
    text = '[data]\nsource = "rows.npz"\n{}[model]\nlayers = [{{name = "dense", units = 2}}]\n[loss]\nname = "mse"\n'
    for line, on in (("standardize_target = true\n", True), ("", False)):
        (tmp_path / "run.toml").write_text(text.format(line))
        run = config.load(tmp_path / "run.toml")
        assert run.trainer().standardize_target is on
        assert ("standardize_target" in run.text()) is on
        (tmp_path / "again.toml").write_text(run.text())
        assert config.load(tmp_path / "again.toml").text() == run.text()
    (tmp_path / "run.toml").write_text(text.format('standardize_target = "yes"\n'))
    with pytest.raises(ConfigError, match=r"run.toml:\d+: data.standardize_target"):
        config.load(tmp_path / "run.toml")


# ----------------------------------------------------------------------------------------------------------- estimators


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_a_regressor_fits_as_on_targets_scaled_by_hand_goes_on_and_is_saved(solver, tmp_path):
    scaler = StandardScaler().fit(Y)
    settings = {"solver": solver, "max_iter": 20, "random_state": 0, "hidden_layer_sizes": (8,)}
    own, by_hand = MLPRegressor(**settings, standardize_target=True), MLPRegressor(**settings)
    for model, y in ((own, Y), (by_hand, scaler.transform(Y))):
        model.fit(X, y)
        if solver == "adam":
            model.partial_fit(X, y)
        model.set_params(warm_start=True, max_iter=2).fit(X, y)
    np.testing.assert_allclose(own.predict(X), scaler.inverse_transform(by_hand.predict(X)), rtol=1e-6)
    assert own.score(X, Y) == pytest.approx(by_hand.score(X, scaler.transform(Y)), abs=1e-5)
    own.save(tmp_path / "model.safetensors")
    loaded = MLPRegressor.load(tmp_path / "model.safetensors")
    np.testing.assert_array_equal(loaded.predict(X), own.predict(X))
    np.testing.assert_array_equal(bp.Trainer.load(tmp_path / "model.safetensors").predict(X), own.predict(X))
    if solver == "adam":
        assert loaded.partial_fit(X, Y).score(X, Y) == pytest.approx(own.score(X, Y), abs=0.2)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_regressor_on_float32_rows_scores_a_large_offset_as_one_on_float64_rows():
    y = 1.7e9 + 10 * X[:, 0]
    settings = {"max_iter": 200, "random_state": 0, "learning_rate_init": 0.01, "standardize_target": True}
    narrow, wide = (MLPRegressor(**settings, early_stopping=True) for _ in range(2))
    narrow.fit(X.astype(np.float32), y)
    wide.fit(X, y)
    assert wide.score(X, y) > 0.9
    assert narrow.score(X.astype(np.float32), y) == pytest.approx(wide.score(X, y), abs=0.02)
    assert narrow.best_validation_score_ == pytest.approx(wide.best_validation_score_, abs=0.02)
