"""What the estimators can do beside scikit-learn's own, and how they refuse wrong settings."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import numpy as np
import pytest
import scipy.sparse
from sklearn.exceptions import ConvergenceWarning

import bpframe as bp
from bpframe.errors import ConfigError, DataError, NumericalError
from bpframe.sklearn import MLPClassifier, MLPRegressor
from tests.sklearn.estimator_fits import LABELS, ROWS, TARGET, X, Y, fitted, ours

MUON = {"name": "muon", "matrices": "all"}
JAX = {"engine": "jax"}


# --------------------------------------------------------------------------------------------------- what they do more


@pytest.mark.parametrize("loss", ["focal", "multiclass_hinge", "binary_focal", "hinge", "mse", {"name": "huber"}])
def test_a_classifier_learns_by_any_loss(loss):
    for y in (Y, (Y > 0).astype(int)):
        model = fitted(MLPClassifier(loss=loss, max_iter=200, learning_rate_init=0.01, random_state=0), X, y)
        assert model.score(X, y) > 0.9
        assert hasattr(model, "predict_proba") == (loss in ("focal", "binary_focal"))
        if hasattr(model, "predict_proba"):
            np.testing.assert_allclose(model.predict_proba(X).sum(axis=1), 1.0)


@pytest.mark.parametrize("engine", ["numpy", "jax"])
def test_batches_without_weight_have_no_loss_no_penalty_and_no_gradient(engine):
    """Plain sgd on one row a batch ends where it ends without the rows that weigh nothing; their steps count."""
    options = {"alpha": 0.1, "l1": 0.01, "momentum": 0.0, "shuffle": False, "engine": engine}
    settings = {"solver": "sgd", "batch_size": 1, "max_iter": 2, "random_state": 0, **options}
    weight = (np.arange(len(X)) % 3 > 0).astype(float)
    some = weight > 0
    model = fitted(MLPClassifier(**settings), X, Y, weight)
    kept = fitted(MLPClassifier(**settings), X[some], Y[some], weight[some])
    for own, other in zip(model.coefs_, kept.coefs_, strict=True):
        np.testing.assert_allclose(own, other, rtol=1e-12)
    assert np.isfinite(model.loss_curve_).all()
    assert model.t_ == 2 * len(X)


@pytest.mark.parametrize("solver", ["adam", "lion"])
def test_a_class_may_weigh_nothing(solver):
    settings = {"solver": solver, "batch_size": 1, "max_iter": 2, "random_state": 0}
    model = fitted(MLPClassifier(class_weight={label: float(label != Y[0]) for label in Y}, **settings), X, Y)
    assert np.isfinite(model.loss_curve_).all()


def test_a_quantile_is_where_so_many_targets_are_below():
    for q in (0.2, 0.8):
        loss = {"name": "quantile", "q": q}
        model = fitted(MLPRegressor(loss=loss, max_iter=300, learning_rate_init=0.01, random_state=0), ROWS, TARGET)
        assert np.mean(model.predict(ROWS) > TARGET) == pytest.approx(q, abs=0.05)


def test_a_loss_with_several_scores_a_target_predicts_what_stands_next_to_targets():
    model = fitted(MLPRegressor(loss="gaussian_nll", max_iter=200, random_state=0), ROWS, TARGET / 100)
    assert model.coefs_[-1].shape[1] == 2
    assert model.predict(ROWS).shape == TARGET.shape
    assert model.score(ROWS, TARGET / 100) > 0.3


@pytest.mark.parametrize(
    "solver",
    [
        "lion",
        MUON,
        {"name": "adamw", "lr": 0.01},
        {"name": "lbfgs"},
        bp.optimizers.rprop(),
    ],
    ids=str,
)
def test_any_optimizer_trains(solver):
    model = fitted(MLPClassifier(solver=solver, max_iter=60, random_state=0), X, Y)
    assert model.loss_ < 0.5 * model.loss_curve_[0] or solver == "lion"
    assert model.loss_ < model.loss_curve_[0]


def test_a_solver_by_name_has_learning_rate_init_and_one_as_a_mapping_its_own():
    by_name = fitted(ours("MLPClassifier", solver="lion", learning_rate_init=0.02), X, Y)
    mapped = fitted(ours("MLPClassifier", solver={"name": "lion"}, learning_rate_init=0.02), X, Y)
    assert set(by_name.history_.lr) == {0.02}
    assert set(mapped.history_.lr) == {bp.optimizers.lion().lr}


def test_schedules_set_the_learning_rate():
    model = fitted(ours("MLPClassifier", learning_rate="cosine", learning_rate_init=0.1), X, Y)
    assert model.history_.lr[0] == pytest.approx(0.1)
    assert model.history_.lr == sorted(model.history_.lr, reverse=True)
    lr = {"name": "warmup", "steps": 4, "schedule": {"name": "constant", "initial": 0.3}}
    rates = fitted(ours("MLPClassifier", learning_rate=lr), X, Y).history_.lr
    assert rates[:4] == sorted(set(rates[:4]))
    assert rates[-1] == pytest.approx(0.3)


def test_scikit_learns_policies_set_the_learning_rate():
    settings = {"solver": "sgd", "learning_rate_init": 0.1}
    rates = fitted(ours("MLPClassifier", learning_rate="invscaling", power_t=0.25, **settings), X, Y).history_.lr
    np.testing.assert_allclose(rates, [0.1] + [0.1 / (150 * k + 1) ** 0.25 for k in range(1, 12)])
    model = MLPClassifier(tol=10.0, n_iter_no_change=1, learning_rate="adaptive", random_state=0, **settings).fit(X, Y)
    assert np.unique(model.history_.lr)[::-1] == pytest.approx([0.1 / 5**k for k in range(9)])


def test_activations_and_dropout_may_differ_by_layer():
    settings = {"hidden_layer_sizes": (8, 6), "activation": ["gelu", {"name": "elu", "alpha": 0.5}]}
    model = fitted(ours("MLPClassifier", dropout=[0.0, 0.3], **settings), X, Y)
    layers = [layer for _, layer in model._trainer.network.layers]
    assert [type(layer).__name__ for layer in layers] == ["Dense", "Dense", "Dropout", "Dense"]
    assert layers[1].activation.alpha == 0.5
    with pytest.raises(ConfigError, match="activation needs one entry for all hidden layers or 2"):
        MLPClassifier(hidden_layer_sizes=(8, 6), activation=["relu"]).fit(X, Y)


def test_layers_may_be_specified_in_full():
    layers = ["standardize", {"name": "dense", "units": 6, "activation": "tanh"}, "batch_norm", bp.layers.dense(5)]
    model = fitted(MLPClassifier(hidden_layers=layers, max_iter=100, learning_rate_init=0.01, random_state=0), X, Y)
    assert [w.shape for w in model.coefs_] == [(4, 6), (6, 5), (5, 3)]
    assert model.score(X, Y) > 0.95
    with_norm = fitted(ours("MLPClassifier", batch_norm=True), X, Y)
    assert [label for label, _ in with_norm._trainer.network.layers][:2] == ["dense_1", "batch_norm_1"]


def test_class_weights_multiply_sample_weights(rng):
    weight = rng.uniform(0.5, 2.0, len(Y))
    factor = np.array([1.0, 3.0, 2.0])
    mapped = fitted(ours("MLPClassifier", class_weight={0: 1.0, 1: 3.0, 2: 2.0}), X, Y, weight)
    by_hand = fitted(ours("MLPClassifier"), X, Y, weight * factor[Y])
    np.testing.assert_allclose(mapped.loss_curve_, by_hand.loss_curve_)
    rare = np.r_[0:50, 50:60]
    plain, balanced = (fitted(ours("MLPClassifier", class_weight=w), X[rare], Y[rare]) for w in (None, "balanced"))
    assert balanced.predict_proba(X[rare])[:, 1].mean() > plain.predict_proba(X[rare])[:, 1].mean() + 0.05
    with pytest.raises(ValueError, match="'balanced' is not supported for partial_fit"):
        MLPClassifier(class_weight="balanced").partial_fit(X, Y, classes=[0, 1, 2])


def test_l1_makes_weights_small_and_is_divided_like_alpha():
    free, bound = (fitted(ours("MLPClassifier", l1=l1, max_iter=200), X, Y) for l1 in (0.0, 3.0))
    assert np.abs(bound.coefs_[0]).sum() < 0.7 * np.abs(free.coefs_[0]).sum()
    first = fitted(ours("MLPClassifier", l1=3.0, alpha=0.0, max_iter=1), X, Y)
    bare = fitted(ours("MLPClassifier", alpha=0.0, max_iter=1), X, Y)
    start = fitted(ours("MLPClassifier", alpha=0.0, max_iter=1, learning_rate_init=1e-300), X, Y)
    size = sum(np.abs(w).sum() for w in start.coefs_)
    assert first.loss_ - bare.loss_ == pytest.approx(3.0 * size / len(X))


def test_clipping_bounds_the_first_step():
    start = fitted(ours("MLPClassifier", max_iter=1, learning_rate_init=1e-300), X, Y)
    settings = {"solver": "sgd", "momentum": 0.0, "learning_rate_init": 1.0, "max_iter": 1}
    for clip, wanted in (({"clip_norm": 0.01}, 0.01), ({"clip_value": 1e-6}, None)):
        model = fitted(ours("MLPClassifier", **settings, **clip), X, Y)
        change = np.concatenate(
            [
                (a - b).ravel()
                for a, b in zip(model._parameters_by_name().values(), start._parameters_by_name().values(), strict=True)
            ]
        )
        if wanted:
            assert np.linalg.norm(change) == pytest.approx(wanted)
        else:
            assert np.abs(change).max() == pytest.approx(1e-6)


@pytest.mark.parametrize("name", ["MLPClassifier", "MLPRegressor"])
def test_augmentations_change_rows_in_training_and_are_saved(name, tmp_path):
    noise = {"name": "gaussian_noise", "stddev": 0.5}
    plain, still, noisy = (
        fitted(ours(name, max_iter=3, augmentations=parts), X, Y.astype(float))
        for parts in ((), [{**noise, "stddev": 0.0}], [noise, "feature_dropout"])
    )
    assert all(np.array_equal(a, b) for a, b in zip(plain.coefs_, still.coefs_, strict=True))
    assert not np.allclose(plain.coefs_[0], noisy.coefs_[0])
    noisy.save(tmp_path / "m")
    again = type(noisy).load(tmp_path / "m")
    assert again.get_params()["augmentations"] == noisy.augmentations
    np.testing.assert_array_equal(again.predict(X), noisy.predict(X))
    with pytest.raises(ValueError, match="augmentations"):
        fitted(ours(name, augmentations=3), X, Y)


def test_early_stopping_may_watch_any_metric_or_scorer():
    settings = {"early_stopping": True, "max_iter": 40, "learning_rate_init": 0.01}
    for monitor in (
        "neg_log_loss",
        "roc_auc_ovr",
        {"name": "f1", "average": "macro"},
        "loss",
        lambda m, x, y: m.score(x, y),
    ):
        model = fitted(ours("MLPClassifier", monitor=monitor, **settings), X, Y)
        best = min if monitor == "loss" else max
        assert model.best_validation_score_ == best(model.validation_scores_)
        assert len(model.validation_scores_) == model.n_iter_
    logs = fitted(ours("MLPClassifier", monitor="neg_log_loss", **settings), X, Y)
    np.testing.assert_allclose(-np.array(logs.validation_scores_), logs.history_.validation["loss"], rtol=1e-9)
    with pytest.raises(ValueError, match="multiclass"):  # said by the scorer before anything is trained
        MLPClassifier(early_stopping=True, monitor="f1").fit(X, Y)


def test_the_best_parameters_are_put_back():
    model = fitted(MLPClassifier(early_stopping=True, monitor="loss", learning_rate_init=0.2, random_state=1), X, Y)
    held = int(np.argmin(model.validation_scores_))
    assert held < model.n_iter_ - 1
    again = fitted(
        MLPClassifier(early_stopping=True, monitor="loss", learning_rate_init=0.2, random_state=1, max_iter=held + 1),
        *(X, Y),
    )
    np.testing.assert_array_equal(model.coefs_[0], again.coefs_[0])


def test_a_validation_set_gives_a_curve_and_early_stopping_to_partial_fit_too():
    train, held = np.arange(150) % 3 > 0, np.arange(150) % 3 == 0
    model = fitted(ours("MLPClassifier", validation_set=(X[held], Y[held])), X[train], Y[train])
    assert len(model.history_.validation["loss"]) == len(model.loss_curve_) == len(model.validation_scores_) == 12
    assert model.validation_scores_[-1] == model.score(X[held], Y[held])
    settings = {"early_stopping": True, "n_iter_no_change": 3, "learning_rate_init": 0.05, "random_state": 0}
    model = MLPClassifier(validation_set=(X[held], Y[held]), **settings)
    while not getattr(model, "stopped_", False):
        model.partial_fit(X[train], Y[train], classes=[0, 1, 2])
    assert model.score(X[held], Y[held]) == max(model.validation_scores_)
    before = model.coefs_[0].copy()
    with pytest.warns(ConvergenceWarning, match="has stopped already"):
        model.partial_fit(X, Y)
    np.testing.assert_array_equal(model.coefs_[0], before)


def test_partial_fit_goes_on_from_parameters_that_the_user_has_changed():
    model = MLPClassifier(random_state=0).partial_fit(X, Y, classes=[0, 1, 2])
    model.coefs_[0][:] = 0.0
    model.intercepts_[0] = np.zeros(100)
    assert len(np.unique(model.predict_proba(X), axis=0)) == 1
    model.partial_fit(X, Y)
    assert np.abs(model.coefs_[0]).max() < 0.01


def test_a_trace_shows_hidden_activations():
    model = fitted(ours("MLPClassifier", activation="tanh"), X, Y)
    seen = model.trace(X[:5], Y[:5])
    np.testing.assert_allclose(seen.layers[0].v, np.tanh(X[:5] @ model.coefs_[0] + model.intercepts_[0]))
    np.testing.assert_allclose(seen.prediction, model.predict_proba(X[:5]))


def test_max_time_ends_a_fit():
    with pytest.warns(ConvergenceWarning, match="max_time"):
        model = MLPClassifier(max_time=0.3, max_iter=10**6, tol=0.0, n_iter_no_change=np.inf).fit(X, Y)
    assert 0 < model.n_iter_ < 10**5
    with pytest.warns(ConvergenceWarning):
        model = MLPRegressor(max_time=0.05, max_iter=10**6, tol=0.0, solver="lbfgs").fit(ROWS, TARGET)
    assert 0 < model.n_iter_ < 10**4


class Counting:
    """Counts epochs, and stops after four."""

    def __init__(self) -> None:
        self.epochs = 0

    @bp.hookimpl
    def bpframe_epoch_end(self, state: Any) -> None:
        """One more."""
        self.epochs += 1
        if self.epochs == 4:
            state.stop("enough")


def test_callbacks_are_called_and_may_stop_the_fit():
    counting = Counting()
    model = MLPClassifier(callbacks=[counting]).fit(X, Y)
    assert model.n_iter_ == counting.epochs == 4


def test_the_compiled_engine_gives_the_same_curve_and_labels():
    pytest.importorskip("jax")
    for solver in ("adam", "lbfgs"):
        one, two = (fitted(ours("MLPClassifier", solver=solver, engine=engine), X, Y) for engine in ("numpy", "jax"))
        np.testing.assert_allclose(one.loss_curve_, two.loss_curve_, rtol=1e-9)
        np.testing.assert_allclose(one.predict_proba(X), two.predict_proba(X), rtol=1e-6)


def test_precision_is_that_of_the_data_or_the_one_asked_for():
    for dtype in (np.float32, np.float64):
        assert fitted(ours("MLPRegressor"), ROWS.astype(dtype), TARGET).predict(ROWS[:2].astype(dtype)).dtype == dtype
    assert fitted(ours("MLPRegressor", dtype="float32"), ROWS, TARGET).coefs_[0].dtype == np.float32
    assert fitted(ours("MLPRegressor"), ROWS.astype(int), TARGET).coefs_[0].dtype == np.float64


@pytest.mark.parametrize("kind", [scipy.sparse.csr_array, scipy.sparse.csc_matrix])
def test_sparse_rows_are_the_same_as_dense_ones(kind):
    dense, sparse = (fitted(ours("MLPClassifier"), x, Y) for x in (X, kind(X)))
    np.testing.assert_array_equal(dense.coefs_[0], sparse.coefs_[0])
    np.testing.assert_allclose(sparse.predict_proba(kind(X)), dense.predict_proba(X))


@pytest.mark.parametrize(
    "settings",
    [{}, {"early_stopping": True}, {"solver": "lbfgs"}, {"solver": "sgd", "learning_rate": "adaptive"}, JAX],
    ids=str,
)
def test_an_estimator_goes_with_its_last_name(settings):
    gc.collect()
    gc.disable()  # nothing goes that lies in a circle
    try:
        model = fitted(ours("MLPClassifier", max_iter=15, **settings), X, Y)
        model.predict(X)
        gone = [weakref.ref(one) for one in (model, model._trainer, model._trainer.session)]
        del model
        assert [ref() for ref in gone] == [None] * 3
    finally:
        gc.enable()


# ------------------------------------------------------------------------------------------------------ when it fails


def test_divergence_is_told_with_layer_and_learning_rate_and_is_a_value_error():
    model = MLPRegressor(solver="sgd", learning_rate_init=10.0, activation="identity")
    with pytest.raises(ValueError, match=r"Solver produced non-finite .* lr 10.* Lower the learning rate") as caught:
        fitted(model, ROWS * 100, TARGET)
    assert isinstance(caught.value, NumericalError)


def test_divergence_under_early_stopping_gives_the_best_parameters_back():
    settings = {"solver": "sgd", "learning_rate_init": 1.0, "activation": "identity", "early_stopping": True}
    with pytest.warns(ConvergenceWarning, match=r"not finite .* best parameters until then were put back"):
        model = MLPRegressor(max_iter=30, random_state=0, **settings).fit(X, Y)
    assert np.isnan(model.validation_scores_[-1])
    assert np.isfinite(model.predict(X)).all()


def test_wrong_settings_are_parameters_by_name():
    with pytest.raises(ConfigError, match=r"warm_start needs the layers of the previous fit, got 'dense_1/weight'"):
        fitted(fitted(ours("MLPClassifier", warm_start=True), X, Y).set_params(hidden_layer_sizes=(7,)), X, Y)
    with pytest.raises(ConfigError, match="validation_set needs rows of 4 features, got 3"):
        MLPClassifier(validation_set=(X[:, :3], Y)).fit(X, Y)
    with pytest.raises(DataError, match="y needs labels among"):
        MLPClassifier(validation_set=(X, Y + 1)).fit(X, Y)
    with pytest.raises(ConfigError, match="Several labels a row need a loss of yes/no columns"):
        MLPClassifier(loss="focal").fit(X, LABELS)
    with pytest.raises(ValueError, match="hidden_layer_sizes must be > 0"):
        MLPClassifier(hidden_layer_sizes=(3, 0)).fit(X, Y)
