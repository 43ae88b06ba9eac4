"""Weights in the estimators: scikit-learn's formula by default, that of the Trainer where it is asked for."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.base import clone

from bpframe.sklearn import MLPClassifier, MLPRegressor
from tests.sklearn.estimator_fits import ROWS, TARGET, X, Y, fitted, ours

WEIGHT = np.random.default_rng(1).integers(0, 4, len(X)).astype(float)


@pytest.mark.parametrize(("by_batch", "wanted"), [(True, 0.5), (False, 0.75)])
def test_weights_act_across_batches_where_the_estimator_is_asked_for_it(by_batch, wanted):
    x, y = np.zeros((40, 1)), np.array([0, 1] * 20)
    settings = {"alpha": 0, "batch_size": 1, "solver": "sgd", "learning_rate_init": 0.02, "max_iter": 60}
    model = MLPClassifier((1,), "identity", **settings, random_state=0, tol=0, weights_by_batch=by_batch)
    fitted(model, x, y, sample_weight=np.where(y == 1, 3.0, 1.0))
    assert model.predict_proba(x[:1])[0, 1] == pytest.approx(wanted, abs=0.05)


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_both_formulas_are_one_where_all_rows_are_in_a_batch(solver):
    one, two = (
        fitted(ours("MLPClassifier", solver=solver, batch_size=len(X), l1=0.1, weights_by_batch=by), X, Y, WEIGHT)
        for by in (True, False)
    )
    for a, b in zip(one.coefs_, two.coefs_, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(one.loss_curve_, two.loss_curve_, rtol=1e-8)


def test_weights_that_are_all_alike_make_no_difference_between_the_formulas():
    """So the penalty is divided by the same number as the loss."""
    one, two = (
        fitted(ours("MLPRegressor", batch_size=50, alpha=3.0, weights_by_batch=by), ROWS, TARGET, np.full(442, 5.0))
        for by in (True, False)
    )
    np.testing.assert_allclose(one.loss_curve_, two.loss_curve_, rtol=1e-12)


def test_validation_losses_are_weighted_as_scores_are():
    kept = WEIGHT > 0
    given: list[Any] = [(X, Y, WEIGHT), (X[kept], Y[kept], WEIGHT[kept]), (X, Y)]
    weighted, without, plain = (
        fitted(ours("MLPClassifier", validation_set=rows, monitor="loss"), X, Y).validation_scores_ for rows in given
    )
    np.testing.assert_allclose(weighted, without, rtol=1e-12)
    assert np.abs(np.subtract(weighted, plain)).max() > 1e-3


@pytest.mark.parametrize("cls", [MLPClassifier, MLPRegressor])
def test_the_formula_is_an_argument_that_files_keep(cls, tmp_path):
    assert cls().get_params()["weights_by_batch"] is True
    model = clone(cls(weights_by_batch=False, max_iter=2))
    fitted(model, X, Y, sample_weight=WEIGHT).save(tmp_path / "model.safetensors")
    assert cls.load(tmp_path / "model.safetensors").weights_by_batch is False
    with pytest.raises(ValueError, match="weights_by_batch"):
        cls(weights_by_batch="no").fit(X, Y)
