"""The estimators give the curves, attributes, warnings and predictions of scikit-learn's own.

The reference is scikit-learn itself, with the same random_state: first weights, splits and orders are the same draws.
"""

from __future__ import annotations

import inspect
import sys
import warnings
from typing import Any

import numpy as np
import pytest
import sklearn.neural_network as theirs
from sklearn.datasets import load_breast_cancer
from sklearn.utils import shuffle

from bpframe.engine.numpy.session import NumpySession
from bpframe.sklearn import MLPClassifier
from bpframe.sklearn.architecture import initial_values
from bpframe.sklearn.estimator_losses import LogLoss, LogLosses, PoissonDeviance
from bpframe.sklearn.penalty import Penalty
from bpframe.sklearn.shuffling import RowShuffler
from bpframe.sklearn.solvers import PolicyRate
from bpframe.testing import check_loss, check_regularizer, check_schedule
from tests.sklearn.estimator_fits import EPOCHS, LABELS, ROWS, TARGET, X, Y, fitted, ours

UNSCALED, TWO = load_breast_cancer(return_X_y=True)
ATTRIBUTES = (
    *("coefs_", "intercepts_", "loss_", "best_loss_", "loss_curve_", "validation_scores_", "best_validation_score_"),
    *("n_iter_", "t_", "n_layers_", "n_outputs_", "out_activation_", "n_features_in_"),
)
PROBLEMS: dict[str, tuple[str, Any, Any, dict[str, Any]]] = {
    "classes": ("MLPClassifier", X, Y, {}),
    "two classes, unscaled": ("MLPClassifier", UNSCALED, TWO, {}),
    "several labels": ("MLPClassifier", X, LABELS, {}),
    "a target": ("MLPRegressor", ROWS, TARGET, {}),
    "two targets": ("MLPRegressor", ROWS, np.column_stack([TARGET, TARGET**0.5]), {}),
}
SETTINGS: dict[str, dict[str, Any]] = {
    "adam": {},
    "adam in order": {"shuffle": False, "batch_size": 32},
    "adam, other arguments": {"beta_1": 0.8, "beta_2": 0.9, "epsilon": 1e-4, "alpha": 1.0, "learning_rate_init": 0.01},
    "early stopping": {"early_stopping": True, "batch_size": 32, "validation_fraction": 0.2},
    "tanh, two layers": {"activation": "tanh", "hidden_layer_sizes": (8, 5)},
    "logistic": {"activation": "logistic", "batch_size": 50},
    "identity": {"activation": "identity", "hidden_layer_sizes": 4},
    "sgd": {"solver": "sgd", "learning_rate_init": 1e-4},
    "sgd without momentum": {"solver": "sgd", "momentum": 0, "learning_rate_init": 1e-4},
    "sgd, whole momentum": {"solver": "sgd", "momentum": 1, "learning_rate_init": 1e-5},
    "sgd, heavy ball": {"solver": "sgd", "nesterovs_momentum": False, "learning_rate_init": 1e-4, "batch_size": 40},
    "sgd, invscaling": {"solver": "sgd", "learning_rate": "invscaling", "power_t": 0.3, "learning_rate_init": 1e-4},
    "sgd, adaptive": {
        "solver": "sgd",
        "learning_rate": "adaptive",
        "learning_rate_init": 1e-4,
        "tol": 10.0,
        "n_iter_no_change": 2,
    },
}


def both(name: str, x: Any, y: Any, weight: Any = None, **settings: Any) -> tuple[Any, Any]:
    """(our estimator, theirs), trained alike."""
    further = () if weight is None else (weight,)
    other = getattr(theirs, name)(**EPOCHS | settings)
    return fitted(ours(name, **settings), x, y, *further), fitted(other, x, y, *further)


@pytest.mark.parametrize("problem", PROBLEMS)
@pytest.mark.parametrize("setting", SETTINGS)
def test_curves_and_attributes_are_those_of_scikit_learn(problem, setting):
    name, x, y, more = PROBLEMS[problem]
    mine, other = both(name, x, y, **more, **SETTINGS[setting])
    np.testing.assert_allclose(mine.loss_curve_, other.loss_curve_, rtol=1e-9)
    for attribute in ATTRIBUTES:
        one, two = getattr(mine, attribute), getattr(other, attribute)
        if attribute in ("coefs_", "intercepts_"):
            assert len(one) == len(two)
            for a, b in zip(one, two, strict=True):
                np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-9)
        elif isinstance(two, float | list):
            np.testing.assert_allclose(one, two, rtol=1e-9)
        else:
            assert one == two, attribute


@pytest.mark.parametrize("problem", PROBLEMS)
def test_sample_weights_count_as_in_scikit_learn(problem, rng):
    if "sample_weight" not in inspect.signature(theirs.MLPClassifier.fit).parameters:
        pytest.skip("needs scikit-learn 1.7")
    name, x, y, more = PROBLEMS[problem]
    weight = rng.uniform(0.1, 3.0, len(x))
    for settings in ({"batch_size": 32}, {"early_stopping": True}):
        mine, other = both(name, x, y, weight, **more, **settings)
        np.testing.assert_allclose(mine.loss_curve_, other.loss_curve_, rtol=1e-9)


@pytest.mark.parametrize("problem", ["classes", "several labels", "a target"])
def test_lbfgs_ends_where_scikit_learns_does(problem):
    name, x, y, more = PROBLEMS[problem]
    mine, other = both(name, x, y, **more, solver="lbfgs", max_iter=30)
    assert (mine.n_iter_, mine.t_) == (other.n_iter_, other.t_)
    assert mine.loss_ == pytest.approx(other.loss_, rel=1e-6)
    np.testing.assert_allclose(mine.coefs_[0], other.coefs_[0], rtol=1e-4, atol=1e-4)


def test_poisson_is_half_the_deviance_as_in_scikit_learn():
    if "loss" not in theirs.MLPRegressor().get_params():
        pytest.skip("needs scikit-learn 1.7")
    counts = np.floor(TARGET / 40)
    mine, other = both("MLPRegressor", ROWS, counts, loss="poisson", learning_rate_init=0.01)
    np.testing.assert_allclose(mine.loss_curve_, other.loss_curve_, rtol=1e-9)
    np.testing.assert_allclose(mine.predict(ROWS), other.predict(ROWS), rtol=1e-9)
    assert mine.out_activation_ == other.out_activation_ == "exp"


@pytest.mark.parametrize("problem", ["classes", "two classes, unscaled", "several labels"])
def test_predictions_are_those_of_scikit_learn(problem):
    name, x, y, more = PROBLEMS[problem]
    mine, other = both(name, x, y, **more)
    np.testing.assert_array_equal(mine.predict(x), other.predict(x))
    assert mine.predict(x).dtype == other.predict(x).dtype
    np.testing.assert_allclose(mine.predict_proba(x), other.predict_proba(x), rtol=1e-6, atol=1e-12)
    with np.errstate(divide="ignore"):
        logs = np.log(mine.predict_proba(x))
    known = logs > -12  # 1 - p has lost digits below
    np.testing.assert_allclose(mine.predict_log_proba(x)[known], logs[known], rtol=1e-6, atol=1e-9)
    assert np.isfinite(mine.predict_log_proba(x)).all()


def test_partial_fit_and_warm_start_go_the_way_of_scikit_learn():
    for solver in ("adam", "sgd"):
        pair = [kind(solver=solver, random_state=1) for kind in (MLPClassifier, theirs.MLPClassifier)]
        for part in (slice(0, 80), slice(40, 150), slice(0, 150)):
            for estimator in pair:
                estimator.partial_fit(X[part], Y[part], classes=[0, 1, 2])
        np.testing.assert_allclose(*[estimator.coefs_[0] for estimator in pair], rtol=1e-9)
        assert pair[0].t_ == pair[1].t_ == 80 + 110 + 150
        pair = [kind(solver=solver, warm_start=True, **EPOCHS) for kind in (MLPClassifier, theirs.MLPClassifier)]
        for _ in range(3):
            for estimator in pair:
                fitted(estimator, X, Y)
        np.testing.assert_allclose(*[estimator.loss_curve_ for estimator in pair], rtol=1e-9)
        assert len(pair[0].loss_curve_) == 36
        assert pair[0].n_iter_ == pair[1].n_iter_ == 12


@pytest.mark.parametrize("more", [{}, {"solver": "sgd", "learning_rate": "adaptive"}, {"engine": "jax"}])
def test_a_fit_ends_at_the_epoch_at_which_scikit_learns_does_and_not_a_step_later(more):
    given = {"tol": 0.02, "n_iter_no_change": 3, "learning_rate_init": 0.01, "max_iter": 200, "random_state": 3}
    mine = MLPClassifier(**given, **more).fit(X, Y)
    other = theirs.MLPClassifier(**given, **{k: v for k, v in more.items() if k != "engine"}).fit(X, Y)
    assert 4 < mine.n_iter_ == other.n_iter_ < 200
    assert mine._trainer.session.step == mine.n_iter_ * mine.history_.step[0]
    np.testing.assert_allclose(mine.loss_curve_, other.loss_curve_, rtol=1e-9)
    np.testing.assert_allclose(mine.coefs_[0], other.coefs_[0], rtol=1e-6, atol=1e-9)


def test_epochs_run_on_until_a_fit_could_end(monkeypatch):
    asked, run = [], NumpySession.run

    def noted(self, batches, start, stop):
        asked.append(batches.epochs)
        return run(self, batches, start, stop)

    monkeypatch.setattr(NumpySession, "run", noted)
    fitted(MLPClassifier(**EPOCHS), X, Y)
    assert asked[0] == 11  # n_iter_no_change of 10 that do not improve after the first
    for setting in ({"verbose": True}, {"early_stopping": True}, {"solver": "sgd", "learning_rate": "invscaling"}):
        asked.clear()
        fitted(MLPClassifier(**EPOCHS, **setting), X, Y)
        assert set(asked) == {1}


def test_a_rule_that_remembers_where_it_began_begins_with_scikit_learns_first_values():
    slow = {"name": "lookahead", "inner": "sgd", "steps": 5, "alpha": 0.5}
    model = fitted(MLPClassifier(solver=slow, random_state=0, max_iter=1, batch_size=10), X, Y)
    first, _ = initial_values([w.shape for w in model.coefs_], model.get_params(), np.random.RandomState(0))
    moved = abs(model.coefs_[0] - first[0]).max()
    assert 0 < moved < 0.1 < abs(model.coefs_[0]).max()


def test_both_print_the_same(capsys):
    for setting in ({"early_stopping": True}, {"solver": "sgd", "learning_rate": "adaptive", "tol": 1.0}):
        said = []
        for kind in (MLPClassifier, theirs.MLPClassifier):
            fitted(kind(verbose=True, n_iter_no_change=2, **EPOCHS, **setting), X, Y)
            said.append(capsys.readouterr().out)
        assert said[0] == said[1]
        assert "Iteration 1, loss =" in said[0]


@pytest.mark.parametrize("settings", [{"early_stopping": True}, {"solver": "lbfgs", "max_iter": 3}])
def test_verbose_that_cannot_be_printed_ends_no_fit(settings, monkeypatch):
    class Closed:
        """A pipe whose reader has gone."""

        def write(self, text):
            raise BrokenPipeError

    silent = fitted(MLPClassifier(**{**EPOCHS, **settings}), X, Y)
    monkeypatch.setattr(sys, "stdout", Closed())
    model = fitted(MLPClassifier(verbose=True, **{**EPOCHS, **settings}), X, Y)
    assert model.loss_curve_ == silent.loss_curve_


def test_both_warn_in_the_same_words():
    for settings in ({"max_iter": 2}, {"batch_size": 1000, "max_iter": 2}, {"solver": "lbfgs", "max_iter": 2}):
        heard = []
        for kind in (MLPClassifier, theirs.MLPClassifier):
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                kind(random_state=0, **settings).fit(X, Y)
            heard.append([(str(w.message), w.category) for w in caught if w.category is not DeprecationWarning])
        assert heard[0] == heard[1]
        assert heard[0]


def test_the_order_of_epochs_is_that_of_scikit_learns_shuffle_and_can_be_drawn_again():
    random = np.random.RandomState(5)
    rows, wanted = np.arange(17), []
    for _ in range(4):
        rows = shuffle(rows, random_state=random)
        wanted.append(rows)
    order = RowShuffler(np.random.RandomState(5), first=3)
    for epoch in (3, 4, 6, 4, 3, 5, 6):
        np.testing.assert_array_equal(order.epoch_rows(epoch, 17), wanted[epoch - 3])


def test_losses_and_penalty_keep_the_laws_of_their_kind():
    for loss in (LogLoss(), LogLosses(), PoissonDeviance()):
        check_loss(loss)
    check_regularizer(Penalty(alpha=0.3, l1=0.2, unit=4.0, by_batch=False))
    check_schedule(PolicyRate(0.1))
