"""A fit whose last step spoils the model ends in an error, and what such a model predicts is never called good."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest

import bpframe as bp
from bpframe.errors import NumericalError
from bpframe.sklearn import MLPClassifier, MLPRegressor

X = np.random.default_rng(0).normal(size=(8, 3))
ONES = np.ones((8, 1))


def exploding(lr=1e22, loss="mse", outputs=1, **settings):
    network = bp.Network([bp.layers.dense(outputs)], inputs=3)
    return bp.Trainer(network, loss, {"name": "sgd", "lr": lr}, **settings)


@pytest.mark.parametrize("engine", ["numpy", "jax"])
@pytest.mark.parametrize(("epochs", "batch_size"), [(1, 8), (1, 4), (3, 8)])
def test_the_last_step_is_looked_at(epochs, batch_size, engine):
    with pytest.raises(NumericalError, match=r"not finite at step 2.*Lower the learning rate"):
        exploding(engine=engine).fit(X, ONES, epochs=epochs, batch_size=batch_size)


def test_an_outlier_in_the_last_batch_is_seen():
    x = X.copy()
    x[-1] = 1e18
    with pytest.raises(NumericalError):
        exploding(lr=0.1).fit(x, ONES, epochs=1, batch_size=1, shuffle=False)


def test_a_fit_of_large_numbers_that_are_finite_stands():
    made = exploding(lr=1e3)
    made.fit(X, ONES, epochs=1, batch_size=8)
    assert math.isfinite(made.evaluate(X, ONES)["loss"])


def test_a_checkpoint_of_the_best_epoch_keeps_no_model_whose_score_is_not_finite(tmp_path):
    kept = {"name": "checkpoint", "folder": tmp_path, "best": "validation.loss"}
    made = exploding(callbacks=[kept])
    with pytest.raises(NumericalError):
        made.fit(X, ONES, epochs=1, batch_size=8, validation=(X, ONES))
    assert not (tmp_path / "best.safetensors").exists()


def test_early_stopping_that_puts_finite_parameters_back_saves_the_fit():
    lr = {"name": "piecewise", "values": [1e-3, 1e22], "boundaries": [4]}
    made = exploding(lr=lr, callbacks=["early_stopping"])
    history = made.fit(X, ONES, epochs=5, batch_size=8, validation=(X, ONES))
    assert history.validation["loss"][-1] == math.inf
    assert math.isfinite(made.evaluate(X, ONES)["loss"])


@pytest.mark.parametrize(
    ("loss", "outputs", "metrics"),
    [
        ("mse", 1, ["r2", "mae", "mse", "rmse", "mape"]),
        ("softmax_cross_entropy", 3, ["accuracy", "balanced_accuracy", "roc_auc", "log_loss", "brier"]),
        ("sigmoid_cross_entropy", 1, ["accuracy", "f1", "precision", "recall"]),
    ],
)
def test_a_model_of_nan_scores_nan_by_every_metric(loss, outputs, metrics):
    y = ONES if loss == "mse" else np.arange(8) % max(outputs, 2)
    made = exploding(lr=1e-3, loss=loss, outputs=outputs, metrics=metrics)
    made.fit(X, y, epochs=1)
    made.session.assign({"dense_1/weight": np.full((3, outputs), np.nan, np.float32)})
    measured = made.evaluate(X, y)
    assert set(measured) == {"loss", *metrics}
    assert all(math.isnan(value) for value in measured.values())


@pytest.mark.parametrize("metric", ["accuracy", "balanced_accuracy", "roc_auc", "top_k", "log_loss", "brier"])
def test_predictions_that_are_nan_of_scores_that_are_infinite_measure_nan(metric):
    metric = {"name": "top_k", "k": 2} if metric == "top_k" else metric
    made = exploding(lr=1e-3, loss="softmax_cross_entropy", outputs=3, metrics=[metric])
    made.fit(X, np.arange(8) % 3, epochs=1)
    made.session.assign({"dense_1/bias": np.full(3, np.inf, np.float32)})  # softmax of inf, inf, inf
    assert all(math.isnan(value) for value in made.evaluate(X, np.arange(8) % 3).values())


@pytest.mark.parametrize("fit", ["fit", "partial_fit"])
def test_estimators_keep_what_scikit_learn_keeps(fit):
    """Finite parameters stand, however large: scikit-learn looks at nothing else."""
    settings = {"solver": "sgd", "learning_rate_init": 1e18, "max_iter": 1, "random_state": 0, "alpha": 0.0}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for made, y in ((MLPRegressor(**settings), X[:, 0]), (MLPClassifier(**settings), X[:, 0] > 0)):
            known = {"classes": [False, True]} if fit == "partial_fit" and y.dtype == bool else {}
            getattr(made, fit)(X.astype(np.float32), y, **known)
            assert all(np.isfinite(weight).all() for weight in made.coefs_)
